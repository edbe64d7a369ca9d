"""Columns that an account may not see: servers leave them out of what they tell of a table."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.config import ColumnSelection
from etl_assets.errors import ShardError
from etl_assets.source.mysql.definition import columns_in, name_in_sql, show_create
from etl_assets.source.mysql.failures import error_number
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard

_DENIED = 1142  # ER_TABLEACCESS_DENIED_ERROR

_IS_VIEW = sa.text(
    "SELECT TABLE_TYPE LIKE '%VIEW' FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = :database AND TABLE_NAME = :name"
)


def refuse_hidden_columns(
    connection: Connection,
    shard: Shard,
    columns: Sequence[Column],
    selection: ColumnSelection | None,
) -> None:
    """Refuse a table that may have more columns to export than the account sees.

    After `GRANT SELECT (id, name)` a server says of a table that it has these two columns, and
    they would be exported as if they were all. Columns that are seen may be exported by name. The
    session has to be pinned: a server may have been told to give names without quotes.

    Raises:
        ShardError: with the columns that are seen; the server does not tell the others.
        sqlalchemy.exc.DBAPIError: as the server says it.
    """
    included = {name.lower() for name in (selection and selection.include) or ()}
    if included and included <= {column.key for column in columns}:
        return
    if _hides_columns(connection, shard, len(columns)):
        raise ShardError(
            f"{shard}: columns",
            expected="SELECT granted on the table",
            got="on some of its columns alone: " + ", ".join(column.name for column in columns),
            next_step="grant SELECT on the table to the account, or name what to export of these "
            "with `columns: {include: […]}`",
        )


def _hides_columns(connection: Connection, shard: Shard, seen: int) -> bool:
    """Whether a table or view has more columns than the account sees.

    SHOW CREATE TABLE names them all, to accounts with a privilege on more than columns. On a view
    it asks for SHOW VIEW as well; `SELECT *` does not. That leaves out invisible columns, which a
    view does not have.
    """
    names = {"database": shard.database, "name": shard.shard_table}
    try:
        if int(connection.execute(_IS_VIEW, names).scalar() or 0):
            table = name_in_sql(connection, shard)
            connection.exec_driver_sql(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608
            return False
        text = show_create(connection, shard)
    except DBAPIError as error:
        if error_number(error) == _DENIED:
            return True
        raise
    return text is not None and columns_in(text) > seen
