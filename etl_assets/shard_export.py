"""One shard table to one staged file: the work of a step, whatever runs it."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from etl_assets.columns import Column, Columns, selected_columns
from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ConfigError, CountMismatchError, ShardError, StoreError
from etl_assets.extract import extract
from etl_assets.query import MOST_OUTSIDE, ShardQuery, outside_condition, window_condition
from etl_assets.source.engines import Engines
from etl_assets.source.failures import is_transient, pauses, shard_error
from etl_assets.source.snapshot import Snapshot, leads_index, open_snapshot
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
        first: the table's first window: rows before it are in no window. None for a snapshot table.
        united: reads the columns of all shards together; None where each has to have them all.
    """

    shard: Shard
    table: TableConfig
    window: Window
    csv: CsvFormat
    limit: int | None
    count: bool
    retries: int
    run_id: str
    first: Window | None = None
    united: Callable[[], Columns] | None = None


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
        ShardError: with the shard's name, the server's number and text or what became of the
            file, and the next step.
        CountMismatchError: the file does not hold as many rows as the server counted.
    """
    for pause in (*pauses(task.retries), None):
        try:
            return _attempt(engines, folder, task, on_progress)
        except (StoreError, ConfigError) as error:
            # They name a file or a key; which shard that is about has to be said too.
            raise ShardError(f"{task.shard}: {error}") from error
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
    united = task.united() if task.united is not None else None
    with ExitStack() as undo:
        with open_snapshot(engines, task.shard) as snapshot:
            query = _query(task, snapshot, united)
            # Full counts only: a trial's rows prove nothing about the table.
            wanted = task.count and task.limit is None
            expected, outside = _counted(snapshot, query, task) if wanted else (None, None)
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
        # Not before the connection is closed: that may fail too, and the file would stay.
        undo.pop_all()
    facts = {
        **_identity(task, started_at),
        "rows": written.rows,
        "bytes": written.bytes,
        "sha256": written.sha256,
        "source_rows": expected,
        "rows_outside": outside,
        "columns": [_column_record(column, query) for column in query.columns],
        "snapshot": snapshot.info.as_json(),
        "seconds": round(time.monotonic() - clock, 3),
    }
    return StagedShard(file, ShardManifest.model_validate(facts), written.first)


def _counted(snapshot: Snapshot, query: ShardQuery, task: ShardTask) -> tuple[int, int | None]:
    """The server's count of the window's rows, and of the rows that are in no window."""
    execute = snapshot.connection.execute
    column = task.table.partition.column
    if query.outside is None or column is None:
        return int(execute(query.count).scalar_one()), None
    if leads_index(snapshot, task.shard, column):
        inside, outside = (execute(q).scalar_one() for q in (query.count, query.count_outside))
        return int(inside), int(outside)
    inside, outside = map(int, execute(query.both_counts).one())
    return inside, min(outside, MOST_OUTSIDE)


def _column_record(column: Column, query: ShardQuery) -> dict[str, Any]:
    missing = {"missing": True} if column.key in query.missing else {}
    return {"name": column.name, "type": column.type, **missing}


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


def _query(task: ShardTask, snapshot: Snapshot, united: Columns | None) -> ShardQuery:
    shard, table, own = task.shard, task.table, snapshot.columns
    columns = selected_columns(shard, united or own, table.columns)
    return ShardQuery(
        shard=shard,
        columns=columns,
        missing=frozenset(c.key for c in columns) - {c.key for c in own},
        condition=window_condition(shard, own, task.window, table),
        outside=outside_condition(shard, own, task.first, table) if task.first else None,
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
