"""Where to cut a shard table into ranges of about as many rows each.

Any keys would do: the ranges between them hold every row once. So they may be found before the
snapshot and by estimates, and only how long the slowest part takes depends on them.

* A table that is read whole: from a histogram of its key.
* A window whose column has an index: keys are sampled all through the window, in proportion to its
  rows, since a day's rows may lie close together in the key or all over it.
* A small table, and keys whose places cannot be computed (text beyond ASCII, for one): by walking
  the key, which reads the index once.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etl_assets.export.split.estimates import Bucket, Index
from etl_assets.export.split.key_columns import KeyColumn
from etl_assets.export.split.keys import ShardKey
from etl_assets.source.key_range import Key, KeyRange, is_key

WALKED_ROWS = 50_000
"""Up to so many rows (by the server's estimate) the key is walked: exact, and done at once."""

_PIECES = 8
"""So many buckets a part; between the ends of one the rows are taken to be spread evenly."""
_SAMPLES = 96
"""So many buckets of a window, with a key from each."""


@dataclass(frozen=True)
class WindowIndex:
    """A column that leads an index and cuts the window, with its bounds as raw values."""

    column: KeyColumn
    low: str
    high: str


@dataclass(frozen=True)
class Cut:
    """What is to be cut.

    Attributes:
        key: of the shard table.
        condition: the rows that are exported; None for all.
        window: how the server finds them, where that is by an index.
    """

    key: ShardKey
    condition: sa.ColumnElement[bool] | None = None
    window: WindowIndex | None = None

    @property
    def table(self) -> sa.TableClause:
        """The shard table."""
        return self.key.table


def ranges_of(connection: Connection, cut: Cut, parts: int) -> tuple[KeyRange, ...]:
    """At most so many ranges, in the order of the key; together they hold every row."""
    if parts < 2:
        return (cut.key.whole,)
    keys = _by_window(connection, cut, parts) if cut.window else _by_key(connection, cut, parts)
    keys = _in_order(connection, cut, keys)
    ranges = cut.key.whole.cut(keys)
    return ranges if _ascend(connection, cut, keys, ranges) else (cut.key.whole,)


def _by_key(connection: Connection, cut: Cut, parts: int) -> list[Key]:
    index = Index(connection, cut.table, cut.key.columns)
    buckets = index.histogram(1) if index.columns else []
    if sum(bucket.rows for bucket in buckets) <= WALKED_ROWS:
        return _walked(connection, cut, parts)
    buckets = index.refined(buckets, parts * _PIECES)
    if max(bucket.rows for bucket in buckets) * parts * 2 > sum(bucket.rows for bucket in buckets):
        return _walked(connection, cut, parts)
    places = _shares([bucket.rows for bucket in buckets], parts)
    starts = [buckets[place].key_at(index.columns, share) for place, share in places]
    keys = [_next_key(connection, cut, start) for start in starts]
    return [key for key in keys if key is not None]


def _by_window(connection: Connection, cut: Cut, parts: int) -> list[Key]:
    window = cut.window
    assert window is not None
    low, high = window.column.place(window.low), window.column.place(window.high)
    if low is None or high is None or low >= high:
        return []
    index = Index(connection, cut.table, (window.column,))
    whole = index.bucket((), low, high)
    if whole.rows <= WALKED_ROWS:
        return _walked(connection, cut, parts)
    samples: dict[Key, int] = {}
    for bucket in index.refined([whole], _SAMPLES):
        key = _key_in(connection, cut, window, bucket)
        if key is not None:
            samples[key] = samples.get(key, 0) + bucket.rows
    keys = _in_order(connection, cut, list(samples))
    return [keys[place] for place, _ in _shares([samples.get(key, 0) for key in keys], parts)]


def _shares(rows: Sequence[int], parts: int) -> list[tuple[int, float]]:
    """Where to cut several things that hold so many rows: in which, and after what share of it."""
    ends = list(accumulate(rows))
    found = []
    for part in range(1, parts):
        wanted = ends[-1] * part / parts if ends else 0
        place = bisect_right(ends, wanted)
        if place < len(ends):
            found.append((place, (wanted - ends[place] + rows[place]) / rows[place]))
    return found


def _next_key(connection: Connection, cut: Cut, key: Key, offset: int = 0) -> Key | None:
    """The first key from another on that is there, or one so many rows further on."""
    start = KeyRange(cut.key.order, low=key or None)
    query = cut.key.select().where(*start.conditions).order_by(*start.order)
    if offset and cut.condition is not None:
        query = query.where(cut.condition)
    found = cut.key.read(connection, query.limit(1).offset(offset))
    return found[0] if found else None


def _key_in(connection: Connection, cut: Cut, window: WindowIndex, bucket: Bucket) -> Key | None:
    """The key of the first row of a bucket of the window."""
    column = window.column
    ends = [column.literal(column.raw_at(place)) for place in (bucket.low, bucket.high)]
    between = KeyRange((column.name,), (ends[0],), (ends[1],))
    query = cut.key.select().where(*between.conditions).order_by(column.clause).limit(1)
    found = cut.key.read(connection, query)
    return found[0] if found else None


def _walked(connection: Connection, cut: Cut, parts: int) -> list[Key]:
    """Every so many rows of the key, counted by the server."""
    count = sa.select(sa.func.count()).select_from(cut.table)
    if cut.condition is not None:
        count = count.where(cut.condition)
    rows = int(connection.execute(count).scalar_one())
    keys: list[Key] = []
    taken = 0
    for part in range(1, min(parts, rows)):
        offset = rows * part // parts - taken
        key = _next_key(connection, cut, keys[-1] if keys else (), offset)
        # There may be no such row any more, or one that no range can be cut at.
        if key is not None:
            keys.append(key)
            taken += offset
    return keys


def _in_order(connection: Connection, cut: Cut, keys: Sequence[Key]) -> list[Key]:
    """The keys as the server orders them, each once.

    Ranges between keys in another order would overlap: no order of the client's is trusted.
    """
    distinct = list(dict.fromkeys(keys))
    if not distinct:
        return []
    is_one = sa.or_(*(is_key(cut.key.names, key) for key in distinct))
    columns = [column.clause for column in cut.key.columns]
    # Grouped, as keys cut short may belong to many rows.
    query = cut.key.select().where(is_one).group_by(*columns).order_by(*columns)
    return cut.key.read(connection, query)


def _ascend(
    connection: Connection, cut: Cut, keys: Sequence[Key], ranges: Sequence[KeyRange]
) -> bool:
    """Whether keys in the server's order ascend by its comparisons, which ranges are made of.

    Then the row of each is in one range. Of two in the other order, the row of the smaller one is
    in two: beyond its own key, and before the other one.
    """
    if len(keys) < 2:
        return True
    one: sa.ColumnElement[int] = sa.literal_column("1")
    zero: sa.ColumnElement[int] = sa.literal_column("0")
    # As values: as conditions, an index might answer them by its own order.
    times = [sa.case((sa.and_(*part.conditions), one), else_=zero) for part in ranges]
    is_in_one = sa.case((sum(times[1:], times[0]) == 1, one))
    is_cut = sa.or_(*(is_key(cut.key.names, key) for key in keys))
    query = sa.select(sa.func.count(), sa.func.count(is_in_one)).select_from(cut.table)
    rows, in_one = connection.execute(query.where(is_cut)).one()
    return int(rows) == int(in_one)
