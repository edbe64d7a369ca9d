"""Charter: what has to be in a file, as the plain driver reads it: no code of the product's.

Every row of the table is read as the bytes that the server sends, with nothing but `where` as a
further column. Which rows belong to the window is decided here, by comparing texts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pymysql import Connection
from pymysql.converters import encoders

from etl_assets_tests.fuzz.case import Case, TableSpec, quoted
from etl_assets_tests.fuzz.conventions import Conventions
from etl_assets_tests.support.servers import Server

_BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"}
_DATES = {"date", "datetime", "timestamp"}
_NUMBERS_AND_TIMES = {
    *("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit"),
    *("year", "time"), *_DATES,
}  # fmt: skip
_SHAPES = {
    "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
    "geometrycollection", "geomcollection",
}  # fmt: skip


@dataclass(frozen=True)
class Real:
    """A column as the server describes it."""

    name: str
    type: str

    @property
    def kind(self) -> str:
        """The type's bare name."""
        return self.type.lower().split("(")[0].split()[0]


@dataclass
class Expected:
    """What has to come of one shard table.

    Attributes:
        columns: of the file.
        records: without line feeds, each as often as it is there.
        outside: the rows that are in no window; None where there are no windows.
        zero_dates: whether a row that is exported has one, under `zero_dates: error`.
    """

    columns: list[Real]
    records: "Counter[bytes]" = field(default_factory=Counter)
    outside: int | None = None
    zero_dates: bool = False

    @property
    def rows(self) -> int:
        """How many there are."""
        return sum(self.records.values())


def session(server: Server, **options: Any) -> "Connection[Any]":
    """A connection whose values are the server's bytes."""
    setup = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'"
    # What the driver writes with, and nothing to read with.
    return server.connect(conv=dict(encoders), use_unicode=False, init_command=setup, **options)


def real_columns(connection: "Connection[Any]", database: str, table: TableSpec) -> list[Real]:
    """The columns as the server has them."""
    rows = _query(
        connection,
        "SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
        f"'{database}' AND TABLE_NAME = _utf8mb4 x'{table.name.encode().hex()}' "
        "ORDER BY ORDINAL_POSITION",
    )
    return [Real(name.decode(), kind.decode()) for name, kind in rows]


def united(tables: Sequence[Sequence[Real]]) -> list[Real]:
    """All columns: what only a later table has stands behind the one that it follows there."""
    found = list(tables[0])
    for columns in tables[1:]:
        before = -1
        for column in columns:
            names = [other.name.lower() for other in found]
            if column.name.lower() in names:
                before = max(before, names.index(column.name.lower()))
            else:
                before += 1
                found.insert(before, column)
    return found


def chosen(columns: Sequence[Real], case: Case) -> list[Real]:
    """Those that the settings export."""
    lists = case.settings.get("columns", {})
    names = {name.lower() for some in lists.values() for name in some}
    if not lists:
        return list(columns)
    return [c for c in columns if (c.name.lower() in names) == ("include" in lists)]


def expected(
    connection: "Connection[Any]",
    database: str,
    table: TableSpec,
    case: Case,
    columns: Sequence[Real] | None = None,
) -> Expected:
    """What has to be exported of a table; `columns` are those of all shard tables together."""
    own = real_columns(connection, database, table)
    found = Expected(chosen(columns or own, case))
    by_name = {column.name.lower(): column for column in own}
    conventions = Conventions.of(case.settings)
    partition = case.settings["partition"]
    cut = by_name.get(partition.get("column", "").lower())
    asked = [by_name.get(column.name.lower()) for column in found.columns]
    selected = [_asked(column) if column else "NULL" for column in asked]
    selected.append(quoted(cut.name) if cut else "NULL")
    selected.append(f"({case.settings.get('where', '1')}\n)")
    low, high = bounds(case, cut) if cut else ("", "")
    outside = 0
    for *raw, at, where in _query(
        connection, f"SELECT {', '.join(selected)} FROM {table.sql(database)}"
    ):
        if where is None or float(where) == 0:
            continue
        if cut:
            value = None if at is None else _comparable(at.decode(), cut)
            outside += value is None or value < low  # type: ignore[operator]
            if value is None or not low <= value < high:  # type: ignore[operator]
                continue
        values = [
            None if column is None or cell is None else _text(cell, column, conventions, found)
            for cell, column in zip(raw, asked, strict=True)
        ]
        found.records[conventions.record(values)] += 1
    found.outside = outside if cut else None
    return found


def _query(connection: "Connection[Any]", query: str) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _asked(column: Real) -> str:
    name = quoted(column.name)
    if column.kind == "float":
        return f"CAST({name} AS DOUBLE)"
    if column.kind == "vector":
        return f"UNHEX(HEX({name}))"
    if column.kind in _SHAPES:
        srid = f"ST_SRID({name})"
        return f"CONCAT(IF({srid} = 0, '', CONCAT('SRID=', {srid}, ';')), ST_AsText({name}))"
    return name


def _text(raw: bytes, column: Real, conventions: Conventions, found: Expected) -> str | None:
    if column.kind == "bit":
        return str(int.from_bytes(raw, "big"))
    if column.kind in _DATES:
        text = raw.decode()
        if text[5:7] == "00" or text[8:10] == "00":
            found.zero_dates |= conventions.zero_dates == "error"
            return None if conventions.zero_dates == "null" else text
        return text
    if column.kind in _NUMBERS_AND_TIMES:
        return raw.decode()
    if column.kind in _BYTES:
        return conventions.safe(conventions.bytes_field(raw))
    return conventions.safe(raw.decode())


def _comparable(text: str, column: Real) -> str | int:
    if column.kind == "date":
        return text
    if column.kind in ("datetime", "timestamp"):
        return text.ljust(19).ljust(20, ".").ljust(26, "0")
    return int(text)


def bounds(case: Case, column: Real) -> tuple[str | int, str | int]:
    """The window's ends as `_comparable` values, by the words of docs/configuration.md."""
    partition, window = case.settings["partition"], case.window
    ends = (window.start, window.end)
    zone = ZoneInfo(partition.get("column_timezone", window.timezone))
    match column.kind:
        case "timestamp":
            low, high = (_reading(end, ZoneInfo("UTC")) for end in ends)
        case "datetime":
            low, high = (_reading(end, zone) for end in ends)
        case "date":
            low, high = (_first_date(end, zone) for end in ends)
        case _:
            factor = 1000 if partition["unit"] == "ms" else 1
            return tuple(int(end.timestamp()) * factor for end in ends)  # type: ignore[return-value]
    return low, high


def _reading(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S.%f")


def _first_date(instant: datetime, zone: ZoneInfo) -> str:
    """The first date that begins at the instant or later.

    A repeated midnight is the second one. A date that never was, as one in Apia, belongs to the
    window before, as skipped hours do.
    """
    near = instant.astimezone(zone).date()
    for step in (-1, 0, 1, 2):
        day = near + timedelta(days=step)
        if _begins(day, zone) >= instant:
            return day.isoformat()
    raise AssertionError("a date begins every day")


def _begins(day: date, zone: ZoneInfo) -> datetime:
    begins, ends = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    # One that never was ends before it begins, which is in the window before.
    return begins if begins < ends else begins - timedelta(microseconds=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    midnight = datetime.combine(day, time(), zone)
    return max(midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
