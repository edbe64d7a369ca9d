"""Which ranges a shard table is exported in, and whether their snapshots open under a lock.

A lock needs a connection that takes no snapshot. It is one that the host can spare for a moment, or
else one of the shard's own: then there is one part less. So the host's limit holds throughout.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from etl_assets.export.services import Services
from etl_assets.export.split.boundaries import Cut, WindowIndex, ranges_of
from etl_assets.export.split.key_columns import key_column
from etl_assets.export.split.keys import ShardKey, find_key
from etl_assets.export.split.locking import LockAnswer, lock_for_reading, may_lock
from etl_assets.export.task import ShardTask
from etl_assets.source.key_range import KeyRange
from etl_assets.source.mysql.abandon import dropped_on_error
from etl_assets.source.mysql.session import address_of, pin_session
from etl_assets.source.query import window_bounds, window_condition
from etl_assets.source.schema import columns_of, has_index


@dataclass(frozen=True)
class SplitPlan:
    """The ranges, and the connection that they were found on.

    Attributes:
        ranges: in the order of the key; one without a key where the server's order has to do.
        connection: to lock the table with; None where that is not possible or not needed.
        address: the server that this connection leads to.
    """

    task: ShardTask
    ranges: tuple[KeyRange, ...]
    _held: ExitStack
    connection: Connection | None = None
    address: str = ""

    def lock(self) -> LockAnswer:
        """Keep others from writing to the table until `release`."""
        if self.connection is None:
            return LockAnswer.REFUSED
        return lock_for_reading(self.connection, self.task.shard)

    def release(self) -> None:
        """Close the connection, and release the lock and the place that it takes at the host."""
        self._held.close()


@contextmanager
def planned(task: ShardTask, services: Services) -> Iterator[SplitPlan]:
    """The plan for a shard table; its connection is closed at the end, if not before.

    Raises:
        sqlalchemy.exc.DBAPIError: as the server says it.
    """
    shard, parts = task.shard, task.table.split
    with ExitStack() as held:
        # Entered first, so that the place is given back when the connection is closed.
        has_spare = held.enter_context(services.spare())
        engine = services.engines.get(shard.host, shard.database)
        connection = held.enter_context(engine.connect())
        # Its end has to be the end of the lock: in the pool it would live on.
        connection.detach()
        held.enter_context(dropped_on_error(connection, shard))
        pin_session(connection)
        key = find_key(connection, shard)
        if key is None:
            services.on_note(
                f"{shard}: exported in one part, in the server's order: it has no primary key and "
                "no unique index of columns NOT NULL that can be cut into ranges"
            )
            held.close()
            yield SplitPlan(task, (KeyRange(()),), held)
            return
        locks = may_lock(connection, shard)
        if locks and not has_spare:
            parts -= 1
            services.on_note(
                f"{shard}: {parts} parts instead of {parts + 1}: one of the host's connections is "
                "needed for the lock; raise `max_connections` of the host above `split`"
            )
        ranges = ranges_of(connection, _cut(connection, task, key), parts)
        if not locks or len(ranges) == 1:
            held.close()
            yield SplitPlan(task, ranges, held)
            return
        address = address_of(connection)
        # What was looked up belongs to a transaction, which would stay open until the lock.
        connection.rollback()
        yield SplitPlan(task, ranges, held, connection, address)


def _cut(connection: Connection, task: ShardTask, key: ShardKey) -> Cut:
    columns = columns_of(connection, task.shard)
    condition = window_condition(task.shard, columns, task.window, task.table)
    name = task.table.partition.column
    if name is None or not has_index(connection, task.shard, name):
        return Cut(key, condition)
    column = next(column for column in columns if column.key == name.lower())
    found = key_column(column)
    if found is None:
        return Cut(key, condition)
    low, high = window_bounds(task.shard, columns, task.window, task.table)
    return Cut(key, condition, WindowIndex(found, str(low), str(high)))
