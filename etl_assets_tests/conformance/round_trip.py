"""Charter: a table exported by the product, read back by the server, and compared by value.

The way of the rows is the real one: the product stages and commits the file, LOAD DATA reads that
file into an identical second table, and the server joins the two row by row.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pymysql.cursors import Cursor

from etl_assets.csv_format import CsvFormat
from etl_assets.store.compression import decompressed
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.columns import Column
from etl_assets_tests.conformance.recipes import load_data, quoted, recipe_of
from etl_assets_tests.support.exporting import Exporter
from etl_assets_tests.support.servers import Server

LOADABLE = CsvFormat(null="NULL")
"""LOAD DATA takes the unquoted word NULL, and nothing else, for NULL."""

_SHOWN = 20
_STATEMENT_BYTES = 1 << 20
_IS_GENERATED = re.compile("(VIRTUAL|STORED) GENERATED")

_COLUMNS = (
    "SELECT COLUMN_NAME, COLUMN_TYPE, EXTRA FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)


@dataclass(frozen=True)
class Difference:
    """A cell that did not come back.

    Attributes:
        column: its name and type.
        key: its row's primary key.
        source: what tells its value from others, in the source.
        copy: the same of what came back.
    """

    column: str
    key: int
    source: str | None
    copy: str | None


@dataclass(frozen=True)
class Outcome:
    """What a round trip found.

    Attributes:
        cells: how many were compared.
        present: of those, how many are not NULL in the source.
        differences: the first cells that differ.
    """

    cells: int
    present: int
    differences: list[Difference]


@dataclass(frozen=True)
class RoundTrip:
    """Round trips in one database of a server.

    Attributes:
        server: LOAD DATA LOCAL is allowed on it.
        database: for source and copy.
        folder: for the exported files.
    """

    server: Server
    database: str
    folder: Path

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """A cursor of a session that takes dates that no calendar knows, in UTC."""
        with (
            self.server.connect(
                init_command="SET sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00'",
                database=self.database,
                local_infile=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor

    def of_rows(
        self,
        types: Sequence[str],
        rows: Iterable[Sequence[str]],
        csv_format: CsvFormat = LOADABLE,
    ) -> Outcome:
        """The round trip of a new table with columns of some types and rows of SQL values."""
        columns = "".join(f", c{number} {kind}" for number, kind in enumerate(types))
        with self.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS source, copy")
            cursor.execute(f"CREATE TABLE source (id int primary key{columns})")
            insert(cursor, "source", rows)
        return self.of_table("source", csv_format)

    def of_table(self, name: str, csv_format: CsvFormat = LOADABLE) -> Outcome:
        """The round trip of a table that is there, whose first column is its only key."""
        path = self.exported(name, csv_format)
        with self.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS copy")
            cursor.execute(f"CREATE TABLE copy LIKE {quoted(name)}")
            cursor.execute(_COLUMNS, (self.database, name))
            there = cursor.fetchall()
            columns = [Column(str(column), str(kind)) for column, kind, _ in there]
            into = [
                # The copy makes them itself.
                Column("@ignored", "int") if _IS_GENERATED.search(str(extra)) else c
                for c, (_, _, extra) in zip(columns, there, strict=True)
            ]
            cursor.execute(load_data(str(path), "copy", into, csv_format))
            return _compared(cursor, quoted(name), columns)

    def exported(self, name: str, csv_format: CsvFormat) -> Path:
        """A table's file as the product writes it, decompressed."""
        staged = Exporter(self.server, self.folder, csv_format).stage(self.database, name)
        staged.file.commit()
        path = self.folder / staged.manifest.file
        if csv_format.compression == "none":
            return path
        plain = self.folder / "plain.csv"
        blocks = open_folder(str(self.folder)).blocks(path.name)
        plain.write_bytes(b"".join(decompressed(blocks, csv_format.compression)))
        return plain


def insert(cursor: Cursor, table: str, rows: Iterable[Sequence[str]]) -> None:
    """Rows of SQL values into a table, with their number from 0 in front as the key."""
    pending: list[str] = []
    size = 0
    for key, row in enumerate(rows):
        pending.append(f"({key}, {', '.join(row)})")
        size += len(pending[-1])
        if size > _STATEMENT_BYTES:
            cursor.execute(f"INSERT INTO {table} VALUES {', '.join(pending)}")
            pending, size = [], 0
    if pending:
        cursor.execute(f"INSERT INTO {table} VALUES {', '.join(pending)}")


def _compared(cursor: Cursor, source: str, columns: Sequence[Column]) -> Outcome:
    """Every cell of the source beside the copy's with the same key."""
    key = quoted(columns[0].name)
    pairs = [
        tuple(recipe_of(c).value.format(c=f"{table}.{quoted(c.name)}") for table in "st")
        for c in columns
    ]
    joined = f"FROM {source} s LEFT JOIN copy t ON t.{key} = s.{key}"
    sums = ", ".join(f"SUM(NOT ({mine} <=> {its})), COUNT({mine})" for mine, its in pairs)
    cursor.execute(f"SELECT COUNT(*), (SELECT COUNT(*) FROM copy), {sums} {joined}")
    rows, copied, *counts = cursor.fetchone() or ()
    assert copied == rows
    differences = []
    for column, (mine, its), wrong in zip(columns, pairs, counts[::2], strict=True):
        if wrong:
            cursor.execute(
                f"SELECT s.{key}, {mine}, {its} {joined} WHERE NOT ({mine} <=> {its}) "
                f"ORDER BY 1 LIMIT {_SHOWN}"
            )
            label = f"{column.name} {column.type}"
            differences += [
                Difference(label, int(row), _text(value), _text(other))
                for row, value, other in cursor.fetchall()
            ]
    return Outcome(rows * len(columns), sum(map(int, counts[1::2])), differences)


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode()
    return None if value is None else str(value)
