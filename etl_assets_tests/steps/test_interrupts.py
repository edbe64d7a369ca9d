"""Interrupts that Python or Dagster would lose."""

import gc
import os
import signal
import sys
import weakref
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.errors import (
    DagsterExecutionInterruptedError,
    raise_execution_interrupts,
)

from etl_assets.defs.partitions import window_of
from etl_assets.steps.interrupts import hearing_interrupts
from etl_assets.tables.topology import LogicalTable
from etl_assets.tables.windows import Window
from etl_assets_tests.support.in_process import location
from etl_assets_tests.support.shop import small_shop


class _Garbage:
    """Something with a weak reference to it."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_the_garbage_collection_swallowed_is_heard(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    swallowed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: swallowed.append(told.exc_type))
    garbage = _Garbage()
    reference = weakref.ref(garbage, lambda _: os.kill(os.getpid(), number))
    with raise_execution_interrupts(), hearing_interrupts() as check:
        check()
        del garbage
        gc.collect()
        assert reference() is None
        assert swallowed == [DagsterExecutionInterruptedError]
        with pytest.raises(DagsterExecutionInterruptedError):
            check()


def test_the_handlers_of_before_come_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    # Dagster's, whatever this process was started with: a shell's background job ignores SIGINT.
    with raise_execution_interrupts():
        before = [signal.getsignal(number) for number in numbers]
        with hearing_interrupts():
            assert signal.getsignal(signal.SIGINT) is not before[0]
        assert [signal.getsignal(number) for number in numbers] == before


def test_a_step_that_comes_after_the_word_to_stop_does_not_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with location(small_shop(tmp_path)) as made:

        def canceled(table: LogicalTable, key: str) -> Window:
            (run,) = made.instance.get_runs()
            made.instance.report_run_canceling(run)
            return window_of(table, key)

        monkeypatch.setattr("etl_assets.defs.shard_step.window_of", canceled)
        made.export()
        assert [run.status for run in made.instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]
        assert made.shop.names() == []
