"""A step that is asked to stop does stop, at whatever instant it is asked."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import dagster as dg

from etl_assets.interrupts import SIGNALS, HeardInterrupts

_ENDED = (
    dg.DagsterRunStatus.CANCELING,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.FAILURE,
    # A queue may hand out a step twice, the second time when all is done.
    dg.DagsterRunStatus.SUCCESS,
)


@contextmanager
def hearing_interrupts() -> Iterator[Callable[[], None]]:
    """Give a function that raises an interrupt which Python has swallowed; call it now and then.

    The handlers that are there, Dagster's, go on handling each signal.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are for the main thread alone.
        yield lambda: None
        return
    found: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}

    def pass_on(number: int, frame: FrameType | None) -> None:
        handlers[number](number, frame)

    heard = HeardInterrupts(pass_on, pass_on, dg.DagsterExecutionInterruptedError, handlers)
    try:
        yield heard.check
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def refuse_canceled(run: dg.DagsterRun) -> None:
    """End a step whose run was asked to stop before the step's process was there to hear it.

    Dagster's executor interrupts the processes that it has, and then starts those that it has
    announced; a queue may keep a step for longer than its run lives.

    Raises:
        DagsterExecutionInterruptedError: the run is canceling, or has ended.
    """
    if run.status in _ENDED:
        raise dg.DagsterExecutionInterruptedError
