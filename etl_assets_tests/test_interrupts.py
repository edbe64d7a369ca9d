"""Signals are heard once, whatever becomes of what their handlers raise."""

import os
import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from etl_assets.interrupts import SIGNALS, HeardInterrupts


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_first_signal_counts_and_later_ones_have_a_handler_of_their_own() -> None:
    told: list[tuple[str, int]] = []

    def first(number: int, frame: FrameType | None) -> None:
        told.append(("first", number))
        raise KeyboardInterrupt

    heard = HeardInterrupts(first, lambda number, _: told.append(("later", number)))
    heard.check()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    assert told == [("first", signal.SIGTERM), ("later", signal.SIGINT)]
    assert heard.received == signal.SIGTERM
    with pytest.raises(KeyboardInterrupt):
        heard.check()


def test_signals_that_are_ignored_are_remembered_and_do_nothing() -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heard = HeardInterrupts(stop)
    heard.ignore()
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGINT)
    assert heard.received == signal.SIGINT
