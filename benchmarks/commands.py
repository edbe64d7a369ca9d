"""Whole commands, start-up included: how they are set up, run and watched."""

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.job import HOST, PASSWORD_VARIABLE, Job

_SCRIPT = Path(sys.executable).with_name("etl-assets")
# A snapshot is as of now: of yesterday, the newest window that is over.
_WINDOW = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
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

    @classmethod
    def median(cls, runs: Sequence["Ran"]) -> "Ran":
        """The median of each figure."""
        return cls(
            statistics.median(run.wall for run in runs), statistics.median(run.cpu for run in runs)
        )


@dataclass(frozen=True)
class Peak:
    """The most memory that a command had, in megabytes of PSS.

    Attributes:
        all: of all its processes together.
        largest: of any one of them.
    """

    all: float
    largest: float


@dataclass(frozen=True)
class Command:
    """Programs that are started at once, in a folder; it is over when the last one is."""

    folder: Path
    job: Job
    programs: tuple[tuple[str, ...], ...]

    def run(self) -> Ran:
        """Run it to its end, which must be a success."""
        cpu, wall = _machine_cpu(), time.perf_counter()
        self._finish(self._start())
        return Ran(time.perf_counter() - wall, _machine_cpu() - cpu)

    def peak(self) -> Peak:
        """Its memory; taken in a run of its own, as looking costs time."""
        processes = self._start()
        done = threading.Event()
        peak = Peak(0.0, 0.0)

        def watch() -> None:
            nonlocal peak
            while not done.wait(_SAMPLE_SECONDS):
                family = [member for process in processes for member in _family(process.pid)]
                now = [_pss(pid) for pid in family] or [0.0]
                peak = Peak(max(peak.all, sum(now)), max(peak.largest, *now))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            self._finish(processes)
        finally:
            done.set()
            watcher.join()
        return peak

    def _start(self) -> list["subprocess.Popen[str]"]:
        kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
        paths = [str(Path(__file__).parent.parent), *filter(None, [kept.get("PYTHONPATH")])]
        environment = {
            **kept, PASSWORD_VARIABLE: self.job.password, "PYTHONPATH": os.pathsep.join(paths),
        }  # fmt: skip
        return [
            subprocess.Popen(
                program,
                cwd=self.folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for program in self.programs
        ]

    @staticmethod
    def _finish(processes: Sequence["subprocess.Popen[str]"]) -> None:
        with ExitStack() as stack:
            for process in processes:
                stack.enter_context(process)
            for process in processes:
                output = process.communicate()[0]
                if process.returncode:
                    raise RuntimeError(f"{process.args!r} failed: {output}")


def in_turn(commands: Mapping[str, Sequence[Command]], runs: int) -> dict[str, Ran]:
    """For each label the medians of its commands, one after the other."""
    ran: dict[str, list[Ran]] = {label: [] for label in commands}
    for _ in range(runs):
        for label, steps in commands.items():
            taken = [command.run() for command in steps]
            ran[label].append(Ran(sum(one.wall for one in taken), sum(one.cpu for one in taken)))
    return {label: Ran.median(all_) for label, all_ in ran.items()}


def configure(
    folder: Path, job: Job, tables: Mapping[str, str], execution: str = "", host: str = ""
) -> None:
    """A folder that `etl-assets export` can be called in, with settings beside the defaults."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(
        f'  {name}:\n    shards: [{{host: {HOST}, tables: "{pattern}"}}]\n'
        "    partition: {every: day, start: 2026-11-01}\n"
        for name, pattern in tables.items()
    )
    (folder / "etl_assets.yaml").write_text(
        f"hosts:\n  {HOST}:\n"
        f"    url: mysql+pymysql://{job.user}@{job.host}:{job.port}\n"
        f"    password: {{env: {PASSWORD_VARIABLE}}}\n"
        f"    connect: {{ssl_disabled: {str(not job.encrypted).lower()}}}\n"
        + (f"    {host}\n" if host else "")
        + f"tables:\n{lines}execution: {{{execution}}}\n"
    )


def export(folder: Path, job: Job, *tables: str) -> Command:
    """This product's command for a window of each of these tables, all at once."""
    return Command(
        folder,
        job,
        tuple((str(_SCRIPT), "export", table, "--partition", _WINDOW) for table in tables),
    )


def pool(way: str, folder: Path, job: Job, shards: Sequence[str]) -> Command:
    """A pool of two processes over the same shards."""
    target = folder / f"pool_{way}"
    target.mkdir(parents=True, exist_ok=True)
    url = job.url("mysql").partition("://")[2]
    program = (sys.executable, "-m", "benchmarks.pool", way, url, str(target), *shards)
    return Command(folder, job, (program,))


def python(folder: Path, job: Job, code: str) -> Command:
    """A line of Python in a process of its own."""
    return Command(folder, job, ((sys.executable, "-c", code),))


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
