"""What a shard costs as shards grow: steps against lanes against the naive pool.

    python -m benchmarks.scale [--shards 16 --shards 64 …] [--runs 3] [--write docs/scale.md]

The plot goes beside the figures, as an SVG of the same name.

A private server holds small shard tables; whole commands export them, in turn. The definitions
are loaded for as many shards, and more, without any server.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from matplotlib.figure import Figure

from benchmarks.__main__ import serving
from benchmarks.report import Report
from benchmarks.tables import DATABASE, MIXED, make_numbers
from benchmarks.ways import PASSWORD_VARIABLE, Job
from benchmarks.whole import (
    NAIVE,
    Peak,
    Ran,
    configure,
    export_command,
    naive_command,
    peak_of,
    run,
)
from etl_assets_tests.support.servers import Server

ROWS = 1_000
DATABASES = 4
LANES = 4
WAYS: Mapping[str, str] = {
    "a step each": "processes: 2, lanes: per_shard",
    "lanes": f"processes: 2, lanes: {LANES}",
}
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
    """What exporting so many shards in one way took: medians of whole commands, and memory."""

    shards: int
    ran: Ran
    peak: Peak


def make_small_shards(server: Server, count: int) -> list[str]:
    """So many tables of a thousand rows, over four databases; those that are there stay."""
    names = [
        f"scale_{number % DATABASES}.orders_{number // DATABASES:04}" for number in range(count)
    ]
    there = {f"{d}.{t}" for d, t in server.execute(
        "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA LIKE 'scale%'"
    )}  # fmt: skip
    for database in sorted({name.partition(".")[0] for name in names}):
        server.execute(f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4")
    for name in names:
        if name not in there:
            server.execute(
                f"CREATE TABLE {name} ({', '.join(MIXED.columns)})",
                f"INSERT INTO {name} SELECT {', '.join(MIXED.values)} FROM {DATABASE}.numbers "
                f"WHERE n < {ROWS}",
            )
    return names


def costs(job: Job, shards: Sequence[str], folder: Path, runs: int) -> dict[str, Cost]:
    """Each way's medians, in turn, and its memory in one more run."""
    last = f"{len(shards) // DATABASES - 1:04}"
    tables = {"orders": f"scale_{{0..{DATABASES - 1}}}.orders_{{0000..{last}}}"}
    commands = {}
    for way, execution in WAYS.items():
        place = folder / way.replace(" ", "_")
        configure(place, job, tables, execution)
        commands[way] = (export_command("orders"), place)
        run(export_command("orders"), place, job)
    commands[NAIVE] = (naive_command(job, folder, shards), folder)
    ran: dict[str, list[Ran]] = {way: [] for way in commands}
    for _ in range(runs):
        for way, (command, place) in commands.items():
            ran[way].append(run(command, place, job))
    return {
        way: Cost(
            len(shards),
            Ran(statistics.median(r.wall for r in all_), statistics.median(r.cpu for r in all_)),
            peak_of(*commands[way], job),
        )
        for way, all_ in ran.items()
    }


def load_seconds(shards: int, execution: str, folder: Path, runs: int) -> Ran:
    """What the definitions of so many shards add to the import of dagster."""
    job = Job("127.0.0.1", 3306, "nobody", "", "", "")
    configure(folder, job, {"orders": f"shop_{{0..3}}.orders_{{1..{shards // 4}}}"}, execution)
    environment = {**os.environ, "ETL_ASSETS_CONFIG": str(folder / "etl_assets.yaml")}
    environment.setdefault(PASSWORD_VARIABLE, "")
    taken = []
    for _ in range(runs):
        output = subprocess.run(
            [sys.executable, "-c", _LOAD], env=environment, capture_output=True, check=True
        ).stdout
        taken.append(Ran(*map(float, output.split())))
    return Ran(statistics.median(r.wall for r in taken), statistics.median(r.cpu for r in taken))


def plot(found: Mapping[str, Sequence[Cost]], path: Path) -> None:
    """Milliseconds of a shard as shards grow, a line for each way."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for way, all_ in found.items():
        counts = [cost.shards for cost in all_]
        axes.plot(counts, [c.ran.wall / c.shards * 1_000 for c in all_], marker="o", label=way)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("shard tables")
    axes.set_ylabel("milliseconds a shard, start-up included")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    # Without a date, so that the same figures make the same file.
    figure.savefig(path, metadata={"Date": None})


@click.command()
@click.option("--shards", type=int, multiple=True, default=(16, 64, 256, 1_024), show_default=True)
@click.option("--runs", default=3, show_default=True, help="Runs of each command.")
@click.option("--write", type=click.Path(path_type=Path), help="Where the figures go as Markdown.")
def main(shards: Sequence[int], runs: int, write: Path | None) -> None:
    """Compare what a small shard costs as shards grow."""
    report = Report()
    with serving() as (server, job), tempfile.TemporaryDirectory() as folder:
        report.add(
            "# Scale",
            "",
            "Written by `make scale`: what a small shard costs as shards grow, whole commands in",
            "turn, medians. *Peak* is the PSS of all processes of a command, and of the largest.",
            "",
        )
        report.figures(server)
        make_numbers(server, ROWS)
        report.add(f"## Shards of {ROWS:,} rows on 2 processes, whole commands", "")
        found: dict[str, list[Cost]] = {}
        for count in shards:
            place = Path(folder, str(count))
            place.mkdir()
            for way, cost in costs(job, make_small_shards(server, count), place, runs).items():
                print(count, way, cost, flush=True)
                found.setdefault(way, []).append(cost)
        report.table(
            ("way", "shards", "seconds", "ms a shard", "CPU ms a shard", "peak MB, all", "largest"),
            (
                (
                    way, cost.shards, f"{cost.ran.wall:.1f}",
                    f"{cost.ran.wall / cost.shards * 1000:.0f}",
                    f"{cost.ran.cpu / cost.shards * 1000:.0f}",
                    f"{cost.peak.all:.0f}", f"{cost.peak.largest:.0f}",
                )
                for way, all_ in found.items()
                for cost in all_
            ),
        )  # fmt: skip
        report.add("## Loading the definitions, beyond the import of dagster", "")
        report.table(
            ("way", "shards", "seconds", "CPU s"),
            (
                (way, count, f"{ran.wall:.2f}", f"{ran.cpu:.2f}")
                for way, execution in WAYS.items()
                for count in LOADED
                for ran in [load_seconds(count, execution, Path(folder), runs)]
            ),
        )
    if write is not None:
        picture = write.with_suffix(".svg")
        plot(found, picture)
        report.add(f"![Milliseconds a shard]({picture.name})")
        report.write(write)


if __name__ == "__main__":
    main()
