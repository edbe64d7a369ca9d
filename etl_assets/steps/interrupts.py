"""A step that is asked to stop does stop, at whatever instant it is asked."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import dagster as dg

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
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

    What a signal's handler raises in a destructor or in the callback of a weak reference is printed
    and ignored, and the interrupted code goes on. SQLAlchemy has many such callbacks, and they are
    all that runs of Python while a driver written in C makes rows and the garbage is collected.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are for the main thread alone.
        yield lambda: None
        return
    found: dict[int, Any] = {number: signal.getsignal(number) for number in _SIGNALS}
    handlers = {number: handler for number, handler in found.items() if callable(handler)}
    received: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        received.append(number)
        handlers[number](number, frame)

    def check() -> None:
        if received:
            raise dg.DagsterExecutionInterruptedError

    for number in handlers:
        signal.signal(number, hear)
    try:
        yield check
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def refuse_canceled(run: dg.DagsterRun) -> None:
    """End a step whose run was told to stop before the step's process was there to hear it.

    Dagster's executor tells the processes that it has, and then starts those that it has announced;
    a queue may keep a step for longer than its run lives.

    Raises:
        DagsterExecutionInterruptedError: the run is canceling, or has ended.
    """
    if run.status in _ENDED:
        raise dg.DagsterExecutionInterruptedError
