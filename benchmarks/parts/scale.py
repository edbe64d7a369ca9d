"""What a small shard costs as shards grow."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from benchmarks import commands
from benchmarks.bench import Bench
from benchmarks.commands import Peak, Ran
from benchmarks.job import PASSWORD_VARIABLE, Job
from benchmarks.page import Section, bold

ROWS = 1_000
OURS, NAIVE = "etl-assets", "naive pool"
STEPS = "etl-assets, a step each"
_MOST_STEPS = 256
"""Of more shards a step each says nothing new, and takes minutes."""
LOADED = (64, 256, 1_024, 4_096)
_LOAD = """
import os, time
import dagster
began, began_cpu = time.perf_counter(), time.process_time()
from etl_assets.definitions import defs
defs.get_repository_def()
print(time.perf_counter() - began, time.process_time() - began_cpu)
"""


@dataclass(frozen=True)
class Cost:
    """What so many shards took in one way: medians of whole commands, and memory."""

    shards: int
    ran: Ran
    peak: Peak

    @property
    def milliseconds(self) -> float:
        """Of one shard."""
        return self.ran.wall / self.shards * 1_000


def shards(bench: Bench) -> Section:
    """Shards of a thousand rows beside naive pools, from few to many."""
    section = Section(
        f"Shards of {ROWS:,} rows on 2 processes",
        "Whole commands, start-up included. *etl-assets* is with default settings, *a step "
        "each* with `lanes: per_shard`. *naive pool* is a `multiprocessing.Pool` over "
        "SQLAlchemy and pandas, *connectorx pool* one over connectorx and Arrow's CSV writer. "
        "*Peak* is the PSS of all processes of a command, and of the largest. The best of "
        "each number is bold.",
    )
    found: dict[str, list[Cost]] = {}
    for count in bench.sizes.shards:
        for way, cost in _costs(bench, count).items():
            print(f"… {count} {way} {cost.ran.wall:.1f} s", flush=True)
            found.setdefault(way, []).append(cost)
    naive = {cost.shards: cost.ran.wall for cost in found[NAIVE]}
    fastest = {
        count: min(c.ran.wall for all_ in found.values() for c in all_ if c.shards == count)
        for count in bench.sizes.shards
    }
    section.table(
        (
            "shards", "way", "seconds", f"x {NAIVE}", "ms a shard", "CPU ms a shard",
            "peak MB, all", "largest",
        ),
        (
            (
                cost.shards, way, bold(f"{cost.ran.wall:.1f}", cost.ran.wall == fastest[count]),
                f"{cost.ran.wall / naive[count]:.2f}", f"{cost.milliseconds:.0f}",
                f"{cost.ran.cpu / count * 1000:.0f}", f"{cost.peak.all:.0f}",
                f"{cost.peak.largest:.0f}",
            )
            for count in bench.sizes.shards
            for way, all_ in found.items()
            for cost in all_
            if cost.shards == count
        ),
    )  # fmt: skip
    section.add("![Milliseconds a shard](images/scale.svg)", "")
    section.figure = _plot(found)
    return section


def definitions(bench: Bench) -> Section:
    """How long the definitions take to load, beyond the import of dagster."""
    section = Section("Loading the definitions, beyond the import of dagster")
    section.table(
        ("lanes", "shards", "seconds", "CPU s"),
        (
            (execution, count, f"{ran.wall:.2f}", f"{ran.cpu:.2f}")
            for execution in ("per_shard", "auto")
            for count in LOADED
            for ran in [_load(bench, count, execution)]
        ),
    )
    return section


def _costs(bench: Bench, count: int) -> dict[str, Cost]:
    names, pattern = bench.tables.make_shards("small", count, ROWS)
    job, place = bench.anything, bench.place(f"small_{count}")
    executions = {OURS: "", **({STEPS: "lanes: per_shard"} if count <= _MOST_STEPS else {})}
    found = {}
    for number, (way, execution) in enumerate(executions.items()):
        folder = place / str(number)
        commands.configure(folder, job, {"orders": pattern}, execution)
        found[way] = commands.export(folder, job, "orders")
        # The first export makes the instance.
        found[way].run()
    found[NAIVE] = commands.pool("pandas", place, job, names)
    found["connectorx pool"] = commands.pool("connectorx", place, job, names)
    ran = commands.in_turn(
        {way: [command] for way, command in found.items()}, bench.sizes.command_runs
    )
    return {way: Cost(count, ran[way], command.peak()) for way, command in found.items()}


def _load(bench: Bench, count: int, lanes: str) -> Ran:
    """What the definitions of so many shards add to the import of dagster; no server is asked."""
    folder = bench.place("load")
    job = Job("127.0.0.1", 3306, "nobody", "", "", "")
    pattern = f"shop_{{0..3}}.orders_{{1..{count // 4}}}"
    commands.configure(folder, job, {"orders": pattern}, f"lanes: {lanes}")
    environment = {
        **os.environ,
        "ETL_ASSETS_CONFIG": str(folder / "etl_assets.yaml"),
        PASSWORD_VARIABLE: "none",
    }
    taken = []
    for _ in range(bench.sizes.command_runs):
        output = subprocess.run(
            [sys.executable, "-c", _LOAD], env=environment, capture_output=True, check=True
        ).stdout
        taken.append(Ran(*map(float, output.split())))
    return Ran.median(taken)


def _plot(found: Mapping[str, Sequence[Cost]]) -> Figure:
    """Milliseconds of a shard as shards grow, a line for each way."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for way, all_ in found.items():
        axes.plot(
            [cost.shards for cost in all_], [cost.milliseconds for cost in all_], marker="o",
            label=way,
        )  # fmt: skip
    counts = [cost.shards for cost in found[OURS]]
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("shard tables")
    axes.set_ylabel("milliseconds a shard, start-up included")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    return figure
