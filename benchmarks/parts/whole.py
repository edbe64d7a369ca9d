"""Whole exports by `etl-assets export`, and what a long table takes."""

import statistics

from benchmarks import commands, ours, peers
from benchmarks.bench import Bench
from benchmarks.page import DRAIN, Section
from benchmarks.parts.shapes import OURS

NAIVE = "naive pool"
EXPORT = "etl-assets export"
_SHARDS = 16
_FEW = 10


def pool(bench: Bench) -> Section:
    """Sixteen shards on two processes, start-up included."""
    section = Section(
        f"{_SHARDS} shards of {bench.sizes.rows:,} rows on 2 processes",
        "Whole commands, start-up included. *naive pool* is a `multiprocessing.Pool` over "
        "SQLAlchemy and pandas, *connectorx pool* one over connectorx and Arrow's CSV writer; "
        "neither counts, hashes, or survives a failed shard.",
    )
    shards, pattern = bench.tables.make_shards("big", _SHARDS, bench.sizes.rows)
    job, place = bench.anything, bench.place("pool")
    contest = {EXPORT: "", f"{EXPORT}, `lanes: 2`": "lanes: 2"}
    found = {}
    for number, (name, execution) in enumerate(contest.items()):
        folder = place / str(number)
        commands.configure(folder, job, {"orders": pattern}, execution)
        found[name] = [commands.export(folder, job, "orders")]
        # The first export makes the instance.
        found[name][0].run()
    found[NAIVE] = [commands.pool("pandas", place, job, shards)]
    found["connectorx pool"] = [commands.pool("connectorx", place, job, shards)]
    section.commands(commands.in_turn(found, bench.sizes.command_runs), NAIVE)
    return section


def long(bench: Bench) -> Section:
    """A long table: times of the drain, and memory above ten rows."""
    rows = bench.sizes.long_rows
    job = bench.job(rows=rows)
    few = bench.job(rows=_FEW)
    section = Section(f"{rows:,} mixed rows in one shard", "Less start-up.")
    ways = {
        DRAIN: ours.drain,
        OURS: ours.export,
        "mysqldump --tab": peers.dump_tab,
        "client": peers.client,
        "connectorx": peers.connectorx,
    }
    contest = {name: (way, job) for name, way in ways.items()}
    section.ways(bench.contest(contest, bench.sizes.command_runs))
    folder = bench.place("long")
    commands.configure(folder, job, {"many": f"bench.{job.table}", "few": f"bench.{few.table}"})
    commands.export(folder, job, "few").run()
    peaks: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(bench.sizes.command_runs):
        for table, values in peaks.items():
            values.append(commands.export(folder, job, table).peak().all)
    short, tall = (statistics.median(values) for values in peaks.values())
    section.add("Memory of all processes of a whole `etl-assets export`:", "")
    section.table(
        ("rows", "peak PSS in MB", "more than ten rows"),
        (
            (f"{_FEW}", f"{short:.0f}", ""),
            (f"{rows:,}", f"{tall:.0f}", f"{tall - short:.0f}"),
        ),
    )
    return section


def startup(bench: Bench) -> Section:
    """Ten rows: what a command takes that has nothing to do."""
    section = Section("Ten rows", "Whole commands: what start-up takes.")
    job, folder = bench.job(rows=_FEW), bench.place("startup")
    table = f"bench.{job.table}"
    commands.configure(folder, job, {"few": table})
    export = commands.export(folder, job, "few")
    export.run()
    dagster = "`import dagster` alone"
    found = {
        EXPORT: [export],
        dagster: [commands.python(folder, job, "import dagster")],
        NAIVE: [commands.pool("pandas", folder, job, [table])],
        "connectorx pool": [commands.pool("connectorx", folder, job, [table])],
    }
    ran = commands.in_turn(found, bench.sizes.command_runs)
    section.commands(ran, NAIVE, aside=dagster)
    return section


def two(bench: Bench) -> Section:
    """Two exports at once over one host's two connections, beside one after the other."""
    rows = max(1, bench.sizes.rows // 10)
    section = Section(
        "Two exports at once over one host's two connections",
        f"Two logical tables of 8 shards of {rows:,} rows, `max_connections: 2`. One after the "
        "other is what can be expected of two that share what there is.",
    )
    bench.tables.make_shards("two", _SHARDS, rows)
    job, folder = bench.anything, bench.place("two")
    patterns = {
        "orders": "two_{0..1}.orders_{0000..0003}",
        "bills": "two_{2..3}.orders_{0000..0003}",
    }
    commands.configure(folder, job, patterns, host="max_connections: 2")
    each = [commands.export(folder, job, table) for table in patterns]
    for command in each:
        command.run()
    found = {
        "one of them alone": each[:1],
        "one after the other": each,
        "both at once": [commands.export(folder, job, *patterns)],
    }
    ran = commands.in_turn(found, bench.sizes.command_runs)
    section.commands(ran, "one after the other", aside="one of them alone")
    return section
