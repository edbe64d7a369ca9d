"""What the server counts in a snapshot of a shard table, and what is refused for its number."""

from dataclasses import dataclass

from etl_assets.errors import CountMismatchError, ShardError
from etl_assets.source.backend import Snapshot
from etl_assets.source.query import MOST_OUTSIDE, ShardQuery
from etl_assets.tables.topology import Shard


@dataclass(frozen=True)
class Counts:
    """What the server counted in a snapshot; None where it was not asked.

    Attributes:
        rows: of the query.
        outside: the rows that are in no window.
    """

    rows: int | None = None
    outside: int | None = None


def counted(snapshot: Snapshot, query: ShardQuery, column: str | None) -> Counts:
    """The server's count of a whole shard table's query, and of the rows that are in no window.

    `column` cuts the windows; None for a snapshot table.
    """
    if query.outside is None or column is None:
        return Counts(count_rows(snapshot, query))
    by_index = column.lower() in snapshot.indexed
    counts = query.ask(snapshot.connection, "counts_by_index" if by_index else "both_counts")
    inside, outside = map(int, counts.one())
    return Counts(inside, min(outside, MOST_OUTSIDE))


def count_rows(snapshot: Snapshot, query: ShardQuery) -> int:
    """The server's count of a query's rows, be it for the whole table or a part of its key."""
    return int(query.ask(snapshot.connection, "count").scalar_one())


def refuse_other_count(shard: Shard, expected: int | None, found: int) -> None:
    """Compare what was written with what the server counted.

    Raises:
        CountMismatchError: they differ.
    """
    if expected is not None and found != expected:
        raise CountMismatchError(
            f"{shard}",
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
    counts = query.ask(snapshot.connection, "zero_date_counts").one()
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
