"""SIGINT and SIGTERM, heard even where Python swallows what a handler raises. It imports little."""

import signal
from collections.abc import Callable, Iterable
from types import FrameType

Handler = Callable[[int, FrameType | None], object]
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _nothing(number: int, frame: FrameType | None) -> None:
    del number, frame


class HeardInterrupts:
    """Takes over the signals that interrupt, and remembers the first one.

    What a signal's handler raises in a destructor or in the callback of a weak reference is printed
    and ignored, and the interrupted code goes on. SQLAlchemy has many such callbacks, and they are
    all that runs of Python while a driver written in C makes rows and the garbage is collected. So
    whoever works for long calls `check` now and then.

    Arguments:
        first: the handler of the first signal; it may raise.
        later: that of the others, which otherwise change nothing.
        error: what `check` raises.
        numbers: the signals.
    """

    def __init__(
        self,
        first: Handler,
        later: Handler = _nothing,
        error: type[BaseException] = KeyboardInterrupt,
        numbers: Iterable[int] = SIGNALS,
    ) -> None:
        self.received: int | None = None
        self._first = first
        self._later = later
        self._error = error
        for number in numbers:
            signal.signal(number, self._receive)

    def check(self) -> None:
        """Raise an error if there was a signal, whatever became of what its handler raised."""
        if self.received is not None:
            raise self._error

    def ignore(self) -> None:
        """Let no further signal do anything."""
        self._first = self._later = _nothing

    def _receive(self, number: int, frame: FrameType | None) -> None:
        handler = self._first if self.received is None else self._later
        if self.received is None:
            self.received = number
        handler(number, frame)
