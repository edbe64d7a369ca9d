"""What to export of one shard table, and what that means inside a snapshot of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CountMismatchError, ShardError
from etl_assets.source.key_range import KeyRange
from etl_assets.source.mysql.grants import refuse_hidden_columns
from etl_assets.source.query import MOST_OUTSIDE, ShardQuery, outside_condition, window_condition
from etl_assets.source.snapshot import Snapshot, SnapshotInfo, has_index
from etl_assets.store.folder import StagedFile
from etl_assets.store.writer import Written
from etl_assets.tables.columns import Columns, selected_columns
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import Window


def unlimited() -> AbstractContextManager[bool]:
    """One more connection to the shard's host than a step has anyway: there always is one."""
    return nullcontext(enter_result=True)


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
        spare: allows for one more connection to the shard's host than it has parts, as long as it
            is entered; false where there may be none.
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
    spare: Callable[[], AbstractContextManager[bool]] = unlimited


@dataclass(frozen=True)
class Progress:
    """How far a shard is: rows and stored bytes so far, and the server's count where known."""

    rows: int
    bytes: int
    expected: int | None


@dataclass(frozen=True)
class Counts:
    """What the server counted in a snapshot; None where it was not asked.

    Attributes:
        rows: of the query.
        outside: the rows that are in no window.
    """

    rows: int | None
    outside: int | None


@dataclass(frozen=True)
class Exported:
    """A shard table's file, complete, and what a manifest says of it.

    Attributes:
        file: the staged file.
        written: what went into it.
        query: what was asked for; of the first part, where there are several.
        counts: what the server counted, of all parts together.
        info: the moment that the rows are from.
    """

    file: StagedFile
    written: Written
    query: ShardQuery
    counts: Counts
    info: SnapshotInfo


def query_of(
    task: ShardTask, snapshot: Snapshot, united: Columns | None, part: KeyRange | None = None
) -> ShardQuery:
    """What a snapshot of the shard table is asked for.

    Raises:
        ShardError: the columns or the window do not fit the table, or it has more columns to
            export than the account may see.
    """
    shard, table, own = task.shard, task.table, snapshot.columns
    is_mysql = snapshot.info.server != "sqlite"
    if is_mysql:
        refuse_hidden_columns(snapshot.connection, shard, own, table.columns)
    columns = selected_columns(shard, united or own, table.columns)
    return ShardQuery(
        shard=shard,
        columns=columns,
        missing=frozenset(c.key for c in columns) - {c.key for c in own},
        condition=window_condition(shard, own, task.window, table),
        outside=outside_condition(shard, own, task.first, table) if task.first else None,
        limit=task.limit,
        is_mysql=is_mysql,
        zero_dates=task.csv.zero_dates,
        key_range=part,
    )


def counted(snapshot: Snapshot, query: ShardQuery, task: ShardTask) -> Counts:
    """The server's count of a whole shard table's query, and of the rows that are in no window."""
    # Full counts only: a trial's rows prove nothing about the table.
    if not task.count or task.limit is not None:
        return Counts(None, None)
    execute = snapshot.connection.execute
    column = task.table.partition.column
    if query.outside is None or column is None:
        return Counts(count_rows(snapshot, query), None)
    if query.is_mysql and has_index(snapshot.connection, task.shard, column):
        inside = count_rows(snapshot, query)
        return Counts(inside, int(execute(query.count_outside).scalar_one()))
    inside, outside = map(int, execute(query.both_counts).one())
    return Counts(inside, min(outside, MOST_OUTSIDE))


def count_rows(snapshot: Snapshot, query: ShardQuery) -> int:
    """The server's count of a query's rows, be it for the whole table or a part of its key."""
    return int(snapshot.connection.execute(query.count).scalar_one())


def refuse_other_count(task: ShardTask, expected: int | None, found: int) -> None:
    """Compare what was written with what the server counted.

    Raises:
        CountMismatchError: they differ.
    """
    if expected is not None and found != expected:
        raise CountMismatchError(
            f"{task.shard}",
            expected=f"{expected} rows, as the server counted in the same snapshot",
            got=f"{found} in the file",
            next_step="export it again; for a table without transactions, when it rests",
        )


def refuse_zero_dates(snapshot: Snapshot, query: ShardQuery) -> None:
    """Refuse rows with zero dates where `zero_dates: error` asks for that.

    Raises:
        ShardError: with the columns and how many there are.
    """
    if query.zero_dates != "error" or not query.dates:
        return
    counts = snapshot.connection.execute(query.zero_date_counts).one()
    # As the server's text; NULL where there is no row.
    numbers = [int(count or 0) for count in counts]
    found = [f"{n} in column {c.name!r}" for c, n in zip(query.dates, numbers, strict=True) if n]
    if found:
        raise ShardError(
            f"{query.shard}",
            expected="no date whose month or day is zero, as `zero_dates: error` asks for",
            got=", ".join(found),
            next_step="fix the rows, or set `zero_dates` to keep or null",
        )
