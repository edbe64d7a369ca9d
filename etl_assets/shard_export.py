"""One shard table to one staged file: the work of a step, whatever runs it."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CountMismatchError, ShardError
from etl_assets.extract import extract
from etl_assets.query import ShardQuery, selected_columns, window_condition
from etl_assets.source.engines import Engines
from etl_assets.source.failures import is_transient, pauses, shard_error
from etl_assets.source.snapshot import Snapshot, open_snapshot
from etl_assets.store.files import Folder, StagedFile
from etl_assets.store.manifest import QueryRecord, ShardManifest, WindowRecord, csv_name
from etl_assets.store.writer import write_records
from etl_assets.topology import Shard
from etl_assets.windows import Window


@dataclass(frozen=True)
class ShardTask:
    """What to export, and how.

    Attributes:
        shard: the shard table.
        table: the logical table's settings.
        window: the window of the run.
        csv: the conventions of the file.
        limit: at most so many rows (a trial); None for all of them.
        count: whether the server counts the rows in the same snapshot.
        retries: further attempts after a transient error.
        run_id: the run that the manifest names.
    """

    shard: Shard
    table: TableConfig
    window: Window
    csv: CsvFormat
    limit: int | None
    count: bool
    retries: int
    run_id: str


@dataclass(frozen=True)
class Progress:
    """How far a shard is: rows and stored bytes so far, and the server's count where known."""

    rows: int
    bytes: int
    expected: int | None


@dataclass(frozen=True)
class StagedShard:
    """A shard's file, complete and counted, that waits for its final name.

    Attributes:
        file: the staged file.
        manifest: what it holds.
        first: its first records, for a preview.
    """

    file: StagedFile
    manifest: ShardManifest
    first: bytes


def stage_shard(
    engines: Engines,
    folder: Folder,
    task: ShardTask,
    *,
    on_progress: Callable[[Progress], None],
    on_retry: Callable[[str], None],
) -> StagedShard:
    """Export a shard table into a staged file, from the start again after a transient error.

    Raises:
        ShardError: with the shard's name, the server's number and text, and the next step.
        CountMismatchError: the file does not hold as many rows as the server counted.
        StoreError: the file could not be written.
    """
    for pause in (*pauses(task.retries), None):
        try:
            return _attempt(engines, folder, task, on_progress)
        except DBAPIError as error:
            failure = shard_error(task.shard, error)
            if pause is None or not is_transient(error):
                raise failure from error
            on_retry(f"{failure}; next attempt in {pause:.1f} s")
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def query_record(table: TableConfig) -> QueryRecord:
    """What a logical table's settings ask for, as a manifest records it."""
    selection = table.columns
    return QueryRecord(
        column=table.partition.column,
        column_timezone=table.partition.column_timezone
        or (table.partition.timezone if table.partition.column else None),
        unit=table.partition.unit,
        where=table.where,
        include=selection.include if selection else None,
        exclude=selection.exclude if selection else None,
    )


def window_record(table: TableConfig, window: Window) -> WindowRecord | None:
    """A window as a manifest records it; None for a snapshot, whose rows are of no window."""
    return None if table.is_snapshot else WindowRecord.model_validate(window.as_json())


def _attempt(
    engines: Engines, folder: Folder, task: ShardTask, on_progress: Callable[[Progress], None]
) -> StagedShard:
    started_at = datetime.now(UTC)
    clock = time.monotonic()
    with ExitStack() as undo, open_snapshot(engines, task.shard) as snapshot:
        query = _query(task, snapshot)
        # Full counts only: a trial's rows prove nothing about the table.
        count = task.count and task.limit is None
        expected = int(snapshot.connection.execute(query.count).scalar_one()) if count else None
        if task.csv.zero_dates == "error":
            _refuse_zero_dates(snapshot, query)
        file = folder.stage(csv_name(task.shard, task.csv))
        undo.callback(file.discard)
        written = write_records(
            file,
            task.csv,
            [column.name for column in query.columns],
            extract(snapshot.connection, query, task.csv),
            lambda rows, size: on_progress(Progress(rows, size, expected)),
        )
        if expected is not None and written.rows != expected:
            raise CountMismatchError(
                f"{task.shard}",
                wanted=f"{expected} rows, as the server counted in the same snapshot",
                found=f"{written.rows} in the file",
                next_step="export it again; for a table without transactions, when it rests",
            )
        undo.pop_all()
    facts = {
        **_identity(task, started_at),
        "rows": written.rows,
        "bytes": written.bytes,
        "sha256": written.sha256,
        "source_rows": expected,
        "columns": [{"name": c.name, "type": c.type} for c in query.columns],
        "snapshot": snapshot.info.as_json(),
        "seconds": round(time.monotonic() - clock, 3),
    }
    return StagedShard(file, ShardManifest.model_validate(facts), written.first)


def _refuse_zero_dates(snapshot: Snapshot, query: ShardQuery) -> None:
    if not query.dates:
        return
    counts = snapshot.connection.execute(query.zero_date_counts).one()
    # As the server's text; NULL where there is no row.
    numbers = [int(count or 0) for count in counts]
    found = [f"{n} in column {c.name!r}" for c, n in zip(query.dates, numbers, strict=True) if n]
    if found:
        raise ShardError(
            f"{query.shard}",
            wanted="no date whose month or day is zero, as `zero_dates: error` asks for",
            found=", ".join(found),
            next_step="mend the rows, or set `zero_dates` to keep or null",
        )


def _query(task: ShardTask, snapshot: Snapshot) -> ShardQuery:
    return ShardQuery(
        shard=task.shard,
        columns=selected_columns(task.shard, snapshot.columns, task.table.columns),
        condition=window_condition(task.shard, snapshot.columns, task.window, task.table),
        limit=task.limit,
        is_mysql=snapshot.info.server != "sqlite",
        zero_dates=task.csv.zero_dates,
    )


def _identity(task: ShardTask, started_at: datetime) -> dict[str, Any]:
    """What a manifest says of a shard before anything was read."""
    return {
        "table": task.shard.table,
        "partition": task.window.key,
        "host": task.shard.host,
        "database": task.shard.database,
        "shard_table": task.shard.shard_table,
        "file": csv_name(task.shard, task.csv),
        "window": window_record(task.table, task.window),
        "started_at": started_at,
        "run_id": task.run_id,
        "csv": task.csv,
        "query": query_record(task.table),
        **({} if task.limit is None else {"sample": task.limit}),
    }
