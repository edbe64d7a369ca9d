"""The tables that are exported: shapes that each strain something else."""

from dataclasses import dataclass

from etl_assets_tests.support.servers import Server

DATABASE = "bench"
_TEN = " UNION ALL ".join(f"SELECT {digit} AS n" for digit in range(10))
_HEX = "LEFT(SHA2(n, 256), {})"
"""Text without a pattern: MD5 and SHA1 are gone from the newest MySQL."""


@dataclass(frozen=True)
class Shape:
    """A kind of table.

    Attributes:
        name: its table's name.
        strains: what it is there for.
        columns: their definitions.
        values: an expression for each column, of a number n from 0.
        share: its rows as a multiple of the rows that were asked for.
    """

    name: str
    strains: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    share: float = 1.0

    def rows(self, rows: int) -> int:
        """How many rows it has."""
        return max(1, int(rows * self.share))


MIXED = Shape(
    "mixed",
    "13 columns: integers, decimals, texts, some NULLs, a raw UUID, dates",
    (
        "id BIGINT UNSIGNED PRIMARY KEY", "user_id INT", "title VARCHAR(50)",
        "price DECIMAL(12,2)", "note TEXT", "remark VARCHAR(50)", "rating DOUBLE",
        "token CHAR(32)", "raw BINARY(16)", "created_at DATETIME", "created_on DATE",
        "paid TINYINT", "digest CHAR(40)",
    ),
    (
        "n", "n * 7919 % 100000", "CONCAT('title ', n)", "n * 1.01",
        "IF(n % 5, REPEAT('n', n % 100), NULL)", "IF(n % 7, '', 'call first, ask for \"Bo\"')",
        "n / 3", _HEX.format(32), f"UNHEX({_HEX.format(32)})",
        "'2026-11-02' + INTERVAL n % 86400 SECOND", "'2026-11-02'", "n % 2", _HEX.format(40),
    ),
)  # fmt: skip
NARROW = Shape(
    "narrow",
    "2 integers: what a row costs by itself",
    ("id BIGINT PRIMARY KEY", "user_id INT"),
    ("n", "n * 7919 % 100000"),
    share=4,
)
WIDE = Shape(
    "wide",
    "61 columns: what a field costs by itself",
    (
        "id BIGINT PRIMARY KEY",
        *(
            f"{name}_{number} {kind}"
            for number in range(15)
            for name, kind in (
                ("count", "INT"), ("price", "DECIMAL(12,2)"), ("title", "VARCHAR(40)"),
                ("day", "DATETIME"),
            )
        ),
    ),
    (
        "n",
        *(
            value
            for number in range(15)
            for value in (
                f"n * {number + 3} % 100000", f"n * 1.0{number}", f"CONCAT('title {number} ', n)",
                f"'2026-11-02' + INTERVAL (n + {number}) % 86400 SECOND",
            )
        ),
    ),
    share=0.2,
)  # fmt: skip
QUOTES = Shape(
    "quotes",
    "JSON and text with quotes in every row",
    ("id BIGINT PRIMARY KEY", "doc JSON", "remark VARCHAR(200)"),
    (
        "n",
        (
            f"JSON_OBJECT('id', n, 'tags', JSON_ARRAY('a', 'b', {_HEX.format(32)}), "
            "'state', 'open', 'name', CONCAT('title ', n), 'price', n * 1.01)"
        ),
        f"CONCAT('say \"', {_HEX.format(32)}, '\", please')",
    ),
)
TEXTS = Shape(
    "texts",
    "texts of 10 KB",
    ("id BIGINT PRIMARY KEY", "body LONGTEXT"),
    ("n", "REPEAT(SHA2(n, 256), 160)"),
    share=0.02,
)
NULLS = Shape(
    "nulls",
    "13 columns, seven values of ten NULL",
    ("id BIGINT PRIMARY KEY", *(f"note_{number} VARCHAR(30)" for number in range(12))),
    (
        "n",
        *(
            f"IF(n * {number * 2 + 7} % 10 < 7, NULL, {_HEX.format(20)})"
            for number in range(12)
        ),
    ),
)  # fmt: skip
MIXED_AS_TEXT = "mixed_as_text"
"""The mixed table as a view whose raw bytes are hexadecimals."""
SHAPES = (MIXED, NARROW, WIDE, QUOTES, TEXTS, NULLS)


_AS_TEXT = (
    f"CREATE VIEW {DATABASE}.{MIXED_AS_TEXT} AS SELECT "
    + ", ".join(
        "HEX(raw) AS raw" if name == "raw" else name
        for name in (column.partition(" ")[0] for column in MIXED.columns)
    )
    + f" FROM {DATABASE}.{MIXED.name}"
)


def make_numbers(server: Server, rows: int) -> None:
    """The database, with a table of the numbers from 0, as many as the longest shape needs."""
    rows = max(shape.rows(rows) for shape in SHAPES)
    places = len(str(rows - 1))
    number = " + ".join(f"{10**place} * d{place}.n" for place in range(places))
    digits = ", ".join(f"({_TEN}) d{place}" for place in range(places))
    server.execute(
        f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4",
        f"CREATE TABLE {DATABASE}.numbers (n INT PRIMARY KEY)",
        f"INSERT INTO {DATABASE}.numbers SELECT number FROM "
        f"(SELECT {number} AS number FROM {digits}) counted WHERE number < {rows}",
    )


def make_table(server: Server, shape: Shape, rows: int) -> None:
    """A shape's table, filled; `rows` is what was asked for."""
    table = f"{DATABASE}.{shape.name}"
    server.execute(
        f"CREATE TABLE {table} ({', '.join(shape.columns)})",
        f"INSERT INTO {table} SELECT {', '.join(shape.values)} FROM {DATABASE}.numbers "
        f"WHERE n < {shape.rows(rows)}",
        *([_AS_TEXT] if shape is MIXED else []),
        # Into memory: the server's disk is not what is compared.
        f"SELECT COUNT(*) FROM {table}",
    )
