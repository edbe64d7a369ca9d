"""What a snapshot of a shard table is asked for, by its task."""

from typing import NamedTuple

from etl_assets.export.task import ShardTask
from etl_assets.source.backend import Snapshot
from etl_assets.source.key_range import KeyRange
from etl_assets.source.query import ShardQuery, outside_condition, window_condition
from etl_assets.tables.columns import Columns, selected_columns

_LAST = "etl_assets_query"


class _Last(NamedTuple):
    """The last query of a session, and what it was made of."""

    query: ShardQuery
    own: Columns
    united: Columns | None
    made_of: tuple[object, ...]


def query_of(
    task: ShardTask, snapshot: Snapshot, united: Columns | None, part: KeyRange | None = None
) -> ShardQuery:
    """What a snapshot of the shard table is asked for.

    Raises:
        ShardError: the columns or the window do not fit the table, or it has more columns to
            export than the account may see.
    """
    shard, table, own = task.shard, task.table, snapshot.columns
    if not snapshot.is_seen_whole:
        snapshot.backend.refuse_hidden_columns(snapshot.connection, shard, own, table.columns)
    made_of = (table, task.window, task.first, task.limit, part)
    last: _Last | None = snapshot.connection.info.get(_LAST)
    # The very columns: equal ones may have other comments.
    if last and last.own is own and last.united is united and last.made_of == made_of:
        return last.query.of(shard)
    columns = selected_columns(shard, united or own, table.columns)
    query = ShardQuery(
        shard=shard,
        columns=columns,
        missing=frozenset(c.key for c in columns) - {c.key for c in own},
        condition=window_condition(shard, own, task.window, table),
        outside=outside_condition(shard, own, task.first, table) if task.first else None,
        limit=task.limit,
        backend=snapshot.backend,
        zero_dates=task.csv.zero_dates,
        key_range=part,
    )
    snapshot.connection.info[_LAST] = _Last(query, own, united, made_of)
    return query
