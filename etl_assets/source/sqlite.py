"""What is SQLite's alone: files in the place of databases, opened to be read and never made."""

import glob
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import quoted_name

from etl_assets.source.backend import Backend, HostAccess, Snapshot, TableName, provoke
from etl_assets.source.moment import SnapshotInfo
from etl_assets.tables.columns import Column, Columns
from etl_assets.tables.topology import Shard

_OF_EXPRESSIONS = (
    "no such column",
    "no such function",
    "syntax error",
    "unrecognized token",
    "incomplete input",
    "wrong number of arguments",
    "misuse of aggregate",
)

# An index on an expression has no column, a partial one finds a part of the rows.
_INDEXED_COLUMNS = (
    "SELECT m.name, c.name FROM sqlite_master m, pragma_index_list(m.name) i, "
    "pragma_index_info(i.name) c "
    "WHERE m.type = 'table' AND NOT i.partial AND c.seqno = 0 AND c.name IS NOT NULL"
)


class Sqlite(Backend):
    """Folders of SQLite files, or single ones."""

    driver = "sqlite3"
    dialect = "sqlite"
    engine_per_database = True

    def engine(self, host: HostAccess, database: str) -> Engine:
        path = _path(host, database)

        def connect() -> sqlite3.Connection:
            # mode=ro: a file that is not there is an error and is never made.
            return sqlite3.connect(
                f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False
            )

        return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @contextmanager
    def snapshot(
        self, connection: Connection, shard: Shard, moment: AbstractContextManager[object]
    ) -> Iterator[Snapshot]:
        del moment
        connection.exec_driver_sql("BEGIN")
        columns = self.columns(connection, shard)
        if not columns:
            provoke(connection, self.table(shard))
        info = SnapshotInfo(
            server="sqlite",
            version=str(connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()),
            isolation="SERIALIZABLE",
            position=None,
            exact=True,
            taken_at=datetime.now(UTC),
        )
        yield Snapshot(connection, info, columns, self)

    def databases(self, host: HostAccess) -> list[str]:
        """The names that fill `{database}`, sorted."""
        template = str(_path(host, "{database}"))
        if "{database}" not in template:
            # One file for whatever database a shard names; it is called as SQLite calls it.
            return ["main"] if Path(template).exists() else []
        name = re.compile(re.escape(template).replace(re.escape("{database}"), "(.+)", 1))
        paths = glob.glob(glob.escape(template).replace("{database}", "*"))  # noqa: PTH207
        return sorted(match[1] for path in paths if (match := name.fullmatch(path)))

    def tables(self, host: HostAccess, databases: Iterable[str]) -> dict[TableName, Columns]:
        found: dict[TableName, Columns] = {}
        for database in databases:
            if not _path(host, database).is_file():
                continue
            with host.connect(database) as connection:
                names = connection.exec_driver_sql(
                    "SELECT name FROM sqlite_master "
                    "WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
                )
                for name in list(names.scalars()):
                    found[database, name] = _columns(connection, name)
        return found

    def indexed_columns(
        self, host: HostAccess, databases: Iterable[str]
    ) -> dict[TableName, frozenset[str]]:
        found: dict[TableName, frozenset[str]] = {}
        for database in databases:
            with host.connect(database) as connection:
                for table, column in connection.exec_driver_sql(_INDEXED_COLUMNS):
                    known = found.get((database, table), frozenset())
                    found[database, table] = known | {column.lower()}
        return found

    def columns(self, connection: Connection, shard: Shard) -> Columns:
        return _columns(connection, shard.shard_table)

    def table(self, shard: Shard) -> sa.TableClause:
        # A file is a database: there is no other to name.
        return sa.table(quoted_name(shard.shard_table, quote=True))

    def next_step(self, error: DBAPIError) -> str:
        if "no such table" in self.error_text(error):
            return "fix the pattern of the shard, or put the table back and export with --resume"
        return super().next_step(error)

    def is_of_condition(self, error: DBAPIError, shard: Shard) -> bool:
        del shard
        return any(words in self.error_text(error) for words in _OF_EXPRESSIONS)


def _path(host: HostAccess, database: str) -> Path:
    file = host.settings.url.removeprefix("sqlite:///")
    return host.home / file.replace("{database}", database)


def _columns(connection: Connection, table: str) -> Columns:
    name = table.replace('"', '""')
    # table_xinfo, unlike table_info, has the generated columns too.
    rows = connection.exec_driver_sql(f'PRAGMA table_xinfo("{name}")')
    return tuple(Column(row[1], row[2].lower(), nullable=not row[3]) for row in rows)
