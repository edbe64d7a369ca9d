"""A process for each way, all ways in turn, and what a run of each took."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.ways import Job


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


class Worker:
    """A Python process that runs one way when it is told to; imports are done before."""

    def __init__(self, way: str, job: Job) -> None:
        self.failure: str | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "JOB": json.dumps(asdict(job))},
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


def interleaved(jobs: Mapping[str, tuple[str, Job]], runs: int) -> dict[str, Taken | str]:
    """For each label and its way the medians, or why it failed.

    All ways in turn, so that noise falls on all alike. The first round only warms up.
    """
    workers = {label: Worker(way, job) for label, (way, job) in jobs.items()}
    taken: dict[str, list[Taken]] = {label: [] for label in workers}
    try:
        for number in range(runs + 1):
            for label, worker in workers.items():
                one = worker.run()
                if one is not None and number:
                    taken[label].append(one)
    finally:
        for worker in workers.values():
            worker.close()
    return {
        label: worker.failure if worker.failure is not None else Taken.median(taken[label])
        for label, worker in workers.items()
    }
