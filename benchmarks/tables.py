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

    @property
    def binary(self) -> tuple[bool, ...]:
        """For each column, whether its values are raw bytes."""
        return tuple("BINARY" in column or "BLOB" in column for column in self.columns)

    @property
    def as_text(self) -> str:
        """What to select for the same with hexadecimals in place of raw bytes."""
        names = [column.partition(" ")[0] for column in self.columns]
        return ", ".join(
            f"HEX({name}) AS {name}" if is_binary else name
            for name, is_binary in zip(names, self.binary, strict=True)
        )


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
CHINESE = Shape(
    "chinese",
    "Chinese and Japanese texts: three bytes a character",
    ("id BIGINT PRIMARY KEY", "title VARCHAR(60)", "note TEXT"),
    (
        "n", "CONCAT('订单编号 ', n)",
        "REPEAT(ELT(n % 3 + 1, '请放在门口', '青い袋に入れてください', '按两次门铃，'), n % 7 + 1)",
    ),
)  # fmt: skip
BLOBS = Shape(
    "blobs",
    "raw bytes, written as hex: a hash and a blob of 0 to 352 bytes",
    ("id BIGINT PRIMARY KEY", "digest BINARY(32)", "picture BLOB"),
    ("n", "UNHEX(SHA2(n, 256))", "REPEAT(UNHEX(SHA2(n + 1, 256)), n % 12)"),
)
SHAPES = (MIXED, NARROW, WIDE, QUOTES, TEXTS, CHINESE, BLOBS, NULLS)

_NUMBERS = 1_000_000
_DATABASES = 4


class Tables:
    """What is on the server so far; each is made when it is asked for first."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._made: set[str] = set()

    def make(self, shape: Shape, rows: int) -> str:
        """The table of a shape with so many rows, and a view of it without raw bytes."""
        name = f"{shape.name}_{rows}"
        if self._is_new(name):
            self._make_numbers()
            table = f"{DATABASE}.{name}"
            self._server.execute(
                f"CREATE TABLE {table} ({', '.join(shape.columns)})",
                *(
                    f"INSERT INTO {table} SELECT {', '.join(shape.values)} FROM "
                    f"(SELECT n + {first} AS n FROM {DATABASE}.numbers "
                    f"WHERE n < {rows - first}) numbers"
                    for first in range(0, rows, _NUMBERS)
                ),
                f"CREATE VIEW {as_text(table)} AS SELECT {shape.as_text} FROM {table}",
                # Into memory: the server's disk is not what is compared.
                f"SELECT COUNT(*) FROM {table}",
            )
        return name

    def make_shards(self, prefix: str, count: int, rows: int) -> tuple[list[str], str]:
        """So many mixed tables over four databases, and the pattern that matches them all."""
        source = f"{DATABASE}.{self.make(MIXED, rows)}"
        shards = [
            f"{prefix}_{number % _DATABASES}.orders_{number // _DATABASES:04}"
            for number in range(count)
        ]
        for shard in shards:
            database = shard.partition(".")[0]
            if self._is_new(database):
                self._server.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
            if self._is_new(shard):
                self._server.execute(
                    f"CREATE TABLE {shard} LIKE {source}",
                    f"INSERT INTO {shard} SELECT * FROM {source}",
                )
        last = f"{(count - 1) // _DATABASES:04}"
        return shards, f"{prefix}_{{0..{_DATABASES - 1}}}.orders_{{0000..{last}}}"

    def _is_new(self, name: str) -> bool:
        is_new = name not in self._made
        self._made.add(name)
        return is_new

    def _make_numbers(self) -> None:
        """The numbers from 0 that all values are made of."""
        if self._is_new("numbers"):
            places = range(len(str(_NUMBERS - 1)))
            number = " + ".join(f"{10**place} * d{place}.n" for place in places)
            digits = ", ".join(f"({_TEN}) d{place}" for place in places)
            self._server.execute(
                f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4",
                f"CREATE TABLE {DATABASE}.numbers (n INT PRIMARY KEY)",
                f"INSERT INTO {DATABASE}.numbers SELECT {number} FROM {digits}",
            )


def as_text(table: str) -> str:
    """The name of a table's view without raw bytes."""
    return f"{table}_as_text"
