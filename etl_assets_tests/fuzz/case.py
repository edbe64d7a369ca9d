"""Charter: what a case is: plain data that says all of it, and prints as SQL and YAML."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

HOST = "shop-a"
LOGICAL = "orders"


def quoted(name: str) -> str:
    """An identifier as SQL."""
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class ColumnSpec:
    """A column of a table.

    Attributes:
        name: of the column.
        type: as CREATE TABLE takes it.
        more: what stands behind the type: NOT NULL, INVISIBLE, how it is generated.
        is_generated: nothing is inserted into it.
    """

    name: str
    type: str
    more: str = "NULL"
    is_generated: bool = False

    @property
    def sql(self) -> str:
        """Its definition."""
        return f"{quoted(self.name)} {self.type} {self.more}"


@dataclass(frozen=True)
class TableSpec:
    """A table with its rows, each cell an SQL expression.

    Attributes:
        name: of the table.
        columns: in order.
        keys: definitions of indexes.
        rows: a cell for each column that is not generated.
        engine: of the table.
    """

    name: str
    columns: tuple[ColumnSpec, ...]
    keys: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    engine: str = "InnoDB"

    def create(self, database: str) -> str:
        """The CREATE TABLE statement."""
        inside = ", ".join([*(column.sql for column in self.columns), *self.keys])
        return f"CREATE TABLE {self.sql(database)} ({inside}) ENGINE={self.engine}"

    def insert(self, database: str, rows: tuple[tuple[str, ...], ...]) -> str:
        """An INSERT of some rows; what a unique key forbids is left out."""
        names = ", ".join(quoted(c.name) for c in self.columns if not c.is_generated)
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        return f"INSERT IGNORE INTO {self.sql(database)} ({names}) VALUES {values}"

    def sql(self, database: str) -> str:
        """The table's full name."""
        return f"{quoted(database)}.{quoted(self.name)}"


@dataclass(frozen=True)
class WindowSpec:
    """A window: its key, and its instants with a time zone."""

    key: str
    start: datetime
    end: datetime
    timezone: str


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        tables: the shard tables, of one logical table.
        settings: the logical table's in etl_assets.yaml, without its shards.
        window: that is exported.
        limit: of a trial; None for all rows.
        writes: transactions that another connection goes round in during the export.
        whole_command: through the command line, on an instance of Dagster's.
        text_collations: of the key's text columns.
    """

    tables: tuple[TableSpec, ...]
    settings: dict[str, Any]
    window: WindowSpec
    limit: int | None = None
    writes: tuple[tuple[str, ...], ...] = ()
    whole_command: bool = False
    text_collations: tuple[str, ...] = field(default=())

    @property
    def split(self) -> int:
        """How many parts are asked for."""
        return int(self.settings.get("split", 1))

    def lines(self) -> Iterator[str]:
        """All that is needed to do it by hand."""
        yield "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00';"
        for table in self.tables:
            yield f"{table.create('db')};"
            if table.rows:
                yield f"{table.insert('db', table.rows)};"
        window = self.window
        yield f"-- {json.dumps(self.settings, ensure_ascii=False)}"
        yield f"-- window {window.key}: {window.start.isoformat()} to {window.end.isoformat()}"
        for name in ("limit", "whole_command"):
            if getattr(self, name):
                yield f"-- {name}: {getattr(self, name)}"
        for number, statements in enumerate(self.writes):
            yield f"-- others write ({number}): " + "; ".join(statements)
