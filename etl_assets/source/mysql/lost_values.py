"""Values that the server has left out of a result, of which only its warnings tell."""

from sqlalchemy.engine import Connection

from etl_assets.errors import ShardError
from etl_assets.source.mysql.text import text_of
from etl_assets.tables.topology import Shard

_RESULT_TOO_LARGE = 1301  # ER_WARN_ALLOWED_PACKET_OVERFLOWED


def refuse_lost_values(connection: Connection, shard: Shard) -> None:
    """Refuse the result that was read to its end last, if a value in it is not whole.

    A server keeps at most `max_error_count` warnings of a statement (64 by default on MariaDB,
    where each session may raise it, 1024 on MySQL, where that needs a privilege). The one that
    matters may be after them.

    Raises:
        ShardError: a value was left out, or not every warning can be read.
    """
    # In this order: looking at warnings leaves them as they are.
    total = int(connection.exec_driver_sql("SHOW COUNT(*) WARNINGS").scalar_one())
    warnings = connection.exec_driver_sql("SHOW WARNINGS").all() if total else []
    shown = [(int(number), text_of(text, "replace")) for _, number, text in warnings]
    for number, text in shown:
        if number == _RESULT_TOO_LARGE:
            raise ShardError(
                f"{shard}: warning {number}: {text}",
                expected="every value whole",
                got="the server gave NULL for at least one that was too large for it",
                next_step="raise max_allowed_packet on the server",
            )
    if len(shown) < total:
        raise ShardError(
            f"{shard}: {total} warnings, the first: {shown[0][1] if shown else ''}",
            expected="all of them readable, as one may tell of a value that was left out",
            got=f"{len(shown)}, as many as the server keeps",
            next_step=f"write `where` of table {shard.table} so that it does not warn, or "
            "raise max_error_count on the server",
        )
