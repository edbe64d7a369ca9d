"""A part of a shard table, exported in a process of its own for the step that has started it.

The two talk over a pipe, in the words of `messages`. What the part writes goes into a file without
a name that it was given.
"""

import os
import select
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from types import FrameType
from typing import Any

from etl_assets.errors import ShardError
from etl_assets.export.counting import count_rows, refuse_other_count, refuse_zero_dates
from etl_assets.export.query import query_of
from etl_assets.export.split.messages import Done, Opened, Reached, ReadRows
from etl_assets.export.task import Progress, ShardTask
from etl_assets.extract import extract
from etl_assets.interrupts import HeardInterrupts
from etl_assets.private.multiprocessing import Descriptor
from etl_assets.processes import end_with
from etl_assets.source.engines import Engines
from etl_assets.source.key_range import KeyRange
from etl_assets.source.mysql.session import address_of
from etl_assets.source.snapshot import open_snapshot
from etl_assets.store.nameless import NamelessFile
from etl_assets.store.writer import write_part
from etl_assets.tables.columns import Columns

_PROGRESS_SECONDS = 2.0
_ORPHAN_SECONDS = 3.0


@dataclass(frozen=True)
class PartOrder:
    """What a part's process needs to know.

    Attributes:
        engines: of the hosts; every process makes its own of them.
        task: the shard table's.
        united: the columns of all shards together; None where this one has to have them all.
        part: the range to export.
        environment: the variable of the host's password, as the step has it.
    """

    engines: Engines
    task: ShardTask
    united: Columns | None
    part: KeyRange
    environment: Mapping[str, str] = field(repr=False)


def export_part(order: PartOrder, step: "Connection[Any, Any]", target: Descriptor) -> None:
    """Export a part; everything else is said to the step. Interrupted, it only cleans up."""
    # The first signal interrupts the export; what comes while it cleans up changes nothing.
    interrupts = HeardInterrupts(_stop)
    parent = parent_process()
    assert parent is not None
    end_with(parent.sentinel, _ORPHAN_SECONDS)
    os.environ.update(order.environment)
    try:
        with closing(NamelessFile.of(target.number)) as file:
            done = _export(order, step, file, interrupts)
        # From here on an interrupt would only disturb the end of the process.
        interrupts.ignore()
        _send(step, done)
    except KeyboardInterrupt:
        # By the step, which waits for the end of this process.
        return
    except Exception as error:
        interrupts.ignore()
        _send(step, error)


def _export(
    order: PartOrder, step: "Connection[Any, Any]", file: NamelessFile, interrupts: HeardInterrupts
) -> Done:
    task = order.task
    with open_snapshot(order.engines, task.shard, _Moment(step)) as snapshot:
        step.send(Opened(snapshot.columns, address_of(snapshot.connection)))
        query = query_of(task, snapshot, order.united, order.part)
        report = _Reporter(step)
        order_to_read: ReadRows = step.recv()
        rows_counted = count_rows(snapshot, query) if order_to_read.counting else None
        refuse_zero_dates(snapshot, query)

        def on_progress(rows: int, size: int) -> None:
            interrupts.check()
            report(rows, size)

        blocks = extract(snapshot.connection, query, task.csv)
        rows = write_part(file, task.csv, blocks, on_progress)
        refuse_other_count(task.shard, rows_counted, rows)
    return Done(rows, rows_counted)


def _send(step: "Connection[Any, Any]", outcome: "Done | Exception") -> None:
    try:
        step.send(outcome)
    except OSError:
        # The step is gone: nobody wants to know.
        return
    except Exception:
        # An error of somebody else's that does not travel.
        step.send(ShardError(f"{type(outcome).__name__}: {outcome}"))


class _Moment:
    """The moment of the snapshot, which the step chooses for all parts together."""

    def __init__(self, step: "Connection[Any, Any]") -> None:
        self._step = step

    def __enter__(self) -> None:
        self._step.send(Reached("connected"))
        self._step.recv()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._step.send(Reached("begun"))


class _Reporter:
    """Tells the step now and then how far the part is; a step that is busy does not hold it up."""

    def __init__(self, step: "Connection[Any, Any]") -> None:
        self._step = step
        self._sent_at = time.monotonic()

    def __call__(self, rows: int, size: int) -> None:
        now = time.monotonic()
        if now - self._sent_at > _PROGRESS_SECONDS and select.select([], [self._step], [], 0)[1]:
            self._sent_at = now
            self._step.send(Progress(rows, size, None))


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
