"""A process for each way, all ways in turn, and what a run of each took."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.job import Job
from etl_assets.kernels import SWITCH

Way = Callable[[Job], None]
Contest = Mapping[str, tuple[Way, Job]]
"""For each label a way, a function of a module's, and what it is to do."""


@dataclass(frozen=True)
class Taken:
    """What one run took.

    Attributes:
        wall: seconds.
        cpu: seconds of the process and of the programs it ran; the server's are not in it.
        peak: megabytes of resident memory at most.
    """

    wall: float
    cpu: float
    peak: float

    @classmethod
    def median(cls, runs: Sequence["Taken"]) -> "Taken":
        """The median of each figure."""
        return cls(
            statistics.median(run.wall for run in runs),
            statistics.median(run.cpu for run in runs),
            statistics.median(run.peak for run in runs),
        )


Result = Taken | str
"""The medians of a way, or why it failed."""


class Worker:
    """A Python process that runs one way when it is told to; imports are done before."""

    def __init__(self, way: Way, job: Job) -> None:
        self.failure: str | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", f"{way.__module__}:{way.__name__}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "JOB": json.dumps(asdict(job)), SWITCH: job.kernels},
        )

    def run(self) -> Taken | None:
        """One run; None where it failed, now or before."""
        if self.failure is None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline() or '{"failure": "it died"}')
            self.failure = answer.get("failure")
            if self.failure is None:
                return Taken(**answer)
        return None

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def interleaved(
    contest: Contest, runs: int, after: Callable[[], None] = lambda: None
) -> dict[str, Result]:
    """What each way took; `after` is called after each run.

    All ways in turn, so that noise falls on all alike. The first round only warms up.
    """
    workers = {label: Worker(way, job) for label, (way, job) in contest.items()}
    taken: dict[str, list[Taken]] = {label: [] for label in workers}
    try:
        for number in range(runs + 1):
            for label, worker in workers.items():
                one = worker.run()
                after()
                if one is not None and number:
                    taken[label].append(one)
    finally:
        for worker in workers.values():
            worker.close()
    return {
        label: worker.failure if worker.failure is not None else Taken.median(taken[label])
        for label, worker in workers.items()
    }
