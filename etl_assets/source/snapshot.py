"""A connection that sees one moment: the session pinned, the transaction read-only."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import sqlalchemy as sa

from etl_assets.source.backend import Snapshot
from etl_assets.source.engines import Engines
from etl_assets.tables.topology import Shard

_AT_ONCE: AbstractContextManager[object] = nullcontext()


@contextmanager
def open_snapshot(
    engines: Engines, shard: Shard, moment: AbstractContextManager[object] = _AT_ONCE
) -> Iterator[Snapshot]:
    """Open a connection for one shard table; it is closed at the end, whatever happens.

    Left with an error, it is dropped at once, and a query that still runs is ended. MySQL's
    transaction begins inside `moment`: between its entry and its exit, everything else being ready.

    Raises:
        sqlalchemy.exc.DBAPIError: as the server says it, when it cannot be reached or the table
            is not there.
    """
    backend = engines.backend(shard.host)
    with (
        engines.get(shard.host, shard.database).connect() as connection,
        backend.snapshot(connection, shard, moment) as snapshot,
    ):
        yield snapshot


def count_where(engines: Engines, shard: Shard, condition: sa.ColumnElement[bool]) -> int:
    """How many rows of a shard table fulfil a condition."""
    with open_snapshot(engines, shard) as snapshot:
        table = snapshot.backend.table(shard)
        query = sa.select(sa.func.count()).select_from(table).where(condition)
        return int(snapshot.connection.execute(query).scalar_one())
