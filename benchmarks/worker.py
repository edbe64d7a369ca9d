"""The process that runs one way, told by lines on stdin.

python -m benchmarks.worker MODULE:NAME
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from subprocess import CalledProcessError, TimeoutExpired

from benchmarks.job import Job


def main() -> None:
    """Run the way for each line that comes, and answer with a line of JSON."""
    way: Callable[[Job], None] = resolve_name(sys.argv[1])
    job = Job(**json.loads(os.environ["JOB"]))
    answers = os.fdopen(os.dup(1), "w")
    # What a peer prints is no answer.
    os.dup2(2, 1)
    for _line in sys.stdin:
        try:
            answer: dict[str, object] = measured(lambda: way(job))
        except (ImportError, ModuleNotFoundError) as error:
            answer = {"failure": f"not installed: {error}"}
        except CalledProcessError as error:
            answer = {"failure": (error.stderr or b"").decode(errors="replace").strip()[-200:]}
        except TimeoutExpired as error:
            answer = {"failure": f"not done after {error.timeout:.0f} s"}
        except Exception as error:
            # Whatever a peer raises is its result.
            answer = {"failure": f"{type(error).__name__}: {error}"[:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def measured(way: Callable[[], None]) -> dict[str, object]:
    """The figures of one run."""
    Path("/proc/self/clear_refs").write_text("5")
    cpu, wall = _cpu(), time.perf_counter()
    way()
    wall = time.perf_counter() - wall
    return {"wall": wall, "cpu": _cpu() - cpu, "peak": _peak()}


def _cpu() -> float:
    """Seconds of this process and of the children that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (
            resource.getrusage(resource.RUSAGE_SELF),
            resource.getrusage(resource.RUSAGE_CHILDREN),
        )
    )


def _peak() -> float:
    """Megabytes at most: of this process since the mark was cleared, or of a child."""
    status = Path("/proc/self/status").read_text()
    own = int(status.partition("VmHWM:")[2].split()[0])
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


if __name__ == "__main__":
    main()
