"""Where the rows of an index lie, by the server's own estimates: a histogram made in milliseconds.

EXPLAIN makes the server look up both ends of a range in the index and tell about how many rows are
between them, without reading them. A range that holds too much is halved, again and again; so gaps
and heaps are found wherever they are. The estimates may all be off by a factor: only their
proportions count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etl_assets.export.split.key_columns import KeyColumn
from etl_assets.source.key_range import Key, KeyRange, is_key

MOST_QUESTIONS = 600


@dataclass(frozen=True)
class Bucket:
    """A range of an index between two values of one of its columns.

    Attributes:
        before: the literals of the columns before that one, the same for the whole bucket.
        low: the place of its first value.
        high: the place beyond its last value.
        rows: about how many there are.
    """

    before: Key
    low: int
    high: int
    rows: int

    def key_at(self, columns: Sequence[KeyColumn], share: float = 0) -> Key:
        """The literals that a key begins with, so far on the way from its first to its last."""
        column = columns[len(self.before)]
        # In whole numbers: a double does not tell the places of large ones apart.
        place = self.low + (self.high - self.low) * round(share * 1_000_000) // 1_000_000
        return (*self.before, column.literal(column.raw_at(place)))


@dataclass(frozen=True)
class Index:
    """An index to look things up in.

    Attributes:
        connection: to its server.
        table: its table.
        columns: the first of its columns, as far as their values' places can be computed.
    """

    connection: Connection
    table: sa.TableClause
    columns: tuple[KeyColumn, ...]

    def histogram(self, pieces: int) -> list[Bucket]:
        """Buckets in the index's order, each of a `pieces`th of the rows or less where possible."""
        whole = self._inside(())
        return self.refined([whole], pieces) if whole is not None else []

    def refined(self, buckets: list[Bucket], pieces: int) -> list[Bucket]:
        """The buckets with the large ones among them halved again and again."""
        whole = set[Bucket]()
        for _ in range(MOST_QUESTIONS // 2):
            wanted = max(1, sum(bucket.rows for bucket in buckets) // pieces)
            large = [b for b in buckets if b.rows > wanted and b not in whole]
            if not large:
                break
            largest = max(large, key=lambda bucket: bucket.rows)
            place = buckets.index(largest)
            halves = self._split(largest)
            if halves == [largest]:
                whole.add(largest)
            buckets[place : place + 1] = halves
        return buckets

    def bucket(self, before: Key, low: int, high: int) -> Bucket:
        """A range of values with the server's estimate."""
        column = self.columns[len(before)]
        first = (column.literal(column.raw_at(low)),)
        # Nothing is beyond the last value that could be asked for.
        has_end = column.last is None or high <= column.last
        end = (column.literal(column.raw_at(high)),) if has_end else None
        between = KeyRange((column.name,), first, end)
        names = [column.name for column in self.columns]
        conditions = [*between.conditions, *([is_key(names, before)] if before else [])]
        return Bucket(before, low, high, self._estimate(sa.and_(*conditions)))

    def _split(self, bucket: Bucket) -> list[Bucket]:
        middle = (bucket.low + bucket.high) // 2
        if bucket.low < middle:
            return [
                self.bucket(bucket.before, bucket.low, middle),
                self.bucket(bucket.before, middle, bucket.high),
            ]
        # A single value: the column after it tells its rows apart.
        inside = self._inside(bucket.key_at(self.columns))
        return [bucket] if inside is None else [inside]

    def _inside(self, before: Key) -> Bucket | None:
        """All rows whose first columns have these values; None where no column is left."""
        if len(before) == len(self.columns):
            return None
        column = self.columns[len(before)]
        ends = []
        for order in (column.clause.asc(), column.clause.desc()):
            raw_value = column.raw.label("raw value")
            query = sa.select(raw_value).select_from(self.table).order_by(order).limit(1)
            if before:
                query = query.where(is_key([c.name for c in self.columns], before))
            raw = self.connection.execute(query).scalar()
            place = column.place(str(raw)) if raw is not None else None
            if place is None:
                return None
            ends.append(place)
        return self.bucket(before, ends[0], max(ends) + 1)

    def _estimate(self, condition: sa.ColumnElement[bool]) -> int:
        one: sa.ColumnElement[int] = sa.literal_column("1")
        query = sa.select(one).select_from(self.table).where(condition)
        # Without FORCE INDEX, with which MySQL 8 and later look nothing up and estimate 1.
        compiled = str(query.compile(dialect=self.connection.dialect))
        # There is no other format in which MySQL and MariaDB name the rows alike.
        rows = self.connection.exec_driver_sql(f"EXPLAIN FORMAT=TRADITIONAL {compiled}").mappings()
        return int(rows.one()["rows"] or 0)
