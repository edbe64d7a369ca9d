"""Whole commands: sixteen shards on two processes, and the memory of a long table."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.tables import DATABASE, MIXED
from benchmarks.ways import PASSWORD_VARIABLE, Job
from etl_assets_tests.support.servers import Server

SHARDS = tuple(f"shop_0{database}.orders_0{table}" for database in range(4) for table in range(4))
NAIVE = "naive pool"
LONG_TABLE, SHORT_TABLE = f"{DATABASE}.events", f"{DATABASE}.few_events"
_SCRIPT = Path(sys.executable).with_name("etl-assets")
_KEY = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
_TICK = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 0.02


@dataclass(frozen=True)
class Ran:
    """What a command took.

    Attributes:
        wall: seconds from its start to its end.
        cpu: seconds of the whole machine meanwhile, the server included.
    """

    wall: float
    cpu: float


@dataclass(frozen=True)
class Peak:
    """The most memory that a command had, in megabytes of PSS.

    Attributes:
        all: of all its processes together.
        largest: of any one of them.
    """

    all: float
    largest: float


def make_shards(server: Server) -> None:
    """Sixteen tables as large as the mixed one."""
    for database in dict.fromkeys(shard.partition(".")[0] for shard in SHARDS):
        server.execute(f"CREATE DATABASE {database}")
    for shard in SHARDS:
        server.execute(
            f"CREATE TABLE {shard} LIKE {DATABASE}.{MIXED.name}",
            f"INSERT INTO {shard} SELECT * FROM {DATABASE}.{MIXED.name}",
        )


def make_events(server: Server, rows: int) -> None:
    """A long table and one of ten rows, about a hundred bytes a row."""
    for table in (LONG_TABLE, SHORT_TABLE):
        server.execute(
            f"CREATE TABLE {table} (id BIGINT PRIMARY KEY, note VARCHAR(50), digest CHAR(56), "
            "user_id INT)"
        )
    numbers = f"{DATABASE}.numbers"
    (has,) = server.execute(f"SELECT COUNT(*) FROM {numbers}")[0]
    for first in range(0, rows, has):
        server.execute(
            f"INSERT INTO {LONG_TABLE} SELECT n + {first}, REPEAT('a', n % 50), SHA2(n, 224), n "
            f"FROM {numbers} WHERE n < {rows - first}"
        )
    server.execute(f"INSERT INTO {SHORT_TABLE} SELECT * FROM {LONG_TABLE} WHERE id < 10")


def configure(folder: Path, job: Job, tables: Mapping[str, str], execution: str) -> None:
    """A folder that `etl-assets export` can be called in."""
    folder.mkdir(exist_ok=True)
    lines = "".join(
        f'  {name}:\n    shards: [{{host: bench, tables: "{pattern}"}}]\n'
        "    partition: {every: day, start: 2026-11-01}\n"
        for name, pattern in tables.items()
    )
    (folder / "etl_assets.yaml").write_text(
        "hosts:\n  bench:\n"
        f"    url: mysql+pymysql://{job.user}@{job.host}:{job.port}\n"
        f"    password: {{env: {PASSWORD_VARIABLE}}}\n"
        f"    connect: {{ssl_disabled: {str(not job.encrypted).lower()}}}\n"
        f"tables:\n{lines}execution: {{{execution}}}\n"
    )


def export_command(table: str) -> list[str]:
    """This product's command for yesterday's snapshot of a table."""
    return [str(_SCRIPT), "export", table, "--partition", _KEY]


def naive_command(job: Job, folder: Path, shards: Sequence[str] = SHARDS) -> list[str]:
    """The naive pool's command for shards."""
    (folder / "naive").mkdir(exist_ok=True)
    url = f"{job.url('mysql+pymysql')}?ssl_disabled={str(not job.encrypted).lower()}"
    return [sys.executable, "-m", "benchmarks.naive_pool", url, str(folder / "naive"), *shards]


def compare_pools(job: Job, folder: Path, runs: int) -> dict[str, Ran]:
    """The medians of each command, in turn."""
    shards = {"orders": "shop_{00..03}.orders_{00..03}"}
    commands = {
        "etl-assets export": (folder / "steps", "processes: 2"),
        "etl-assets export, `lanes: 2`": (folder / "lanes", "processes: 2, lanes: 2"),
    }
    export = export_command("orders")
    for place, execution in commands.values():
        configure(place, job, shards, execution)
        # The first export makes the instance.
        run(export, place, job)
    ran: dict[str, list[Ran]] = {name: [] for name in (*commands, NAIVE)}
    for _ in range(runs):
        for name, (place, _execution) in commands.items():
            ran[name].append(run(export, place, job))
        ran[NAIVE].append(run(naive_command(job, folder), folder, job))
    return {
        name: Ran(statistics.median(r.wall for r in all_), statistics.median(r.cpu for r in all_))
        for name, all_ in ran.items()
    }


def peaks(job: Job, folder: Path, runs: int) -> tuple[float, float]:
    """The peak PSS in megabytes of all processes of an export: of the long table, of the short."""
    configure(folder, job, {"events": LONG_TABLE, "few_events": SHORT_TABLE}, "processes: 2")
    run(export_command("few_events"), folder, job)
    found: dict[str, list[float]] = {"events": [], "few_events": []}
    for _ in range(runs):
        for table, values in found.items():
            values.append(peak_of(export_command(table), folder, job).all)
    return statistics.median(found["events"]), statistics.median(found["few_events"])


def run(command: Sequence[str], folder: Path, job: Job) -> Ran:
    """A command to its end, which must be a success."""
    cpu, wall = _machine_cpu(), time.perf_counter()
    with _started(command, folder, job) as process:
        output = process.communicate()[0]
    ran = Ran(time.perf_counter() - wall, _machine_cpu() - cpu)
    if process.returncode:
        raise RuntimeError(f"{command[:2]} failed: {output}")
    return ran


def _started(command: Sequence[str], folder: Path, job: Job) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    module_path = os.pathsep.join([str(Path(__file__).parent.parent), kept.get("PYTHONPATH", "")])
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**kept, PASSWORD_VARIABLE: job.password, "PYTHONPATH": module_path.rstrip(os.pathsep)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def peak_of(command: Sequence[str], folder: Path, job: Job) -> Peak:
    """The memory of a command; taken in a run of its own, as looking costs time."""
    with _started(command, folder, job) as process:
        done = threading.Event()
        peak = Peak(0.0, 0.0)

        def watch() -> None:
            nonlocal peak
            while not done.wait(_SAMPLE_SECONDS):
                now = [_pss(pid) for pid in _family(process.pid)] or [0.0]
                peak = Peak(max(peak.all, sum(now)), max(peak.largest, *now))

        watcher = threading.Thread(target=watch)
        watcher.start()
        output = process.communicate()[0]
        done.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{command[:2]} failed: {output}")
    return peak


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family


def _pss(pid: int) -> float:
    """Megabytes: what a process has alone, and its share of what it shares."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return int(rollup.partition("\nPss:")[2].split()[0]) / 1024


def _machine_cpu() -> float:
    """Seconds that this machine has been at work since it started."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICK
