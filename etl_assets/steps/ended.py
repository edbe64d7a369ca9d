"""What is said of a step whose process ended before the step did: what ended it, and what next."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from etl_assets.errors import StepError
from etl_assets.private.dagster import SerializableErrorInfo

_NEXT_STEPS: Mapping[int, str] = {
    signal.SIGKILL: "mostly that is the kernel or the container, for want of memory: look into "
    "`dmesg`, at the container's limit (`OOMKilled`) and at who else ends processes; fewer "
    "`execution.processes` need less"
}
_NEXT_STEP = "see what the step has written to stderr, and the kernel's log (`dmesg`)"
_CRASH = "ChildProcessCrashException"


@contextmanager
def telling_what_ended(executor: Any) -> Iterator[None]:
    """Dagster's executor of local processes tells of a step that was killed in words, not a class.

    Raises:
        StepError: instead of Dagster's error at the end of a run in which nothing else was wrong.
    """
    report = executor.log_failure_or_retry_event_after_error
    told: list[str] = []

    def tell(step: Any, error: Any, state: Any) -> Any:
        code = getattr(sys.exception(), "exit_code", None)
        if code is not None:
            said = ended(step.step.key, code)
            told.append(str(said))
            error = SerializableErrorInfo(f"{StepError.__name__}: {said}", [], StepError.__name__)
        return report(step, error, state)

    executor.log_failure_or_retry_event_after_error = tell
    try:
        yield
    except dg.DagsterSubprocessError as error:
        if all(info.cls_name == _CRASH for info in error.subprocess_error_infos):
            raise StepError("; ".join(told)) from None
        raise
    finally:
        executor.log_failure_or_retry_event_after_error = report


def ended(step: str, code: int) -> StepError:
    """The error of a step whose process ended by a signal (a negative code) or with a code."""
    number = -code
    known = number in set(signal.Signals)
    name = signal.Signals(number).name if known else f"signal {number}"
    how = f"was killed by {name}" if code < 0 else f"ended with code {code}"
    return StepError(f"{step}: its process {how}", next_step=_NEXT_STEPS.get(number, _NEXT_STEP))
