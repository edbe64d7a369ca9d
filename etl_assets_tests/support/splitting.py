"""Shard tables with keys of every kind, to be read in parts."""

from etl_assets_tests.support.exporting import DIGITS
from etl_assets_tests.support.servers import Server

ROWS = 1000
_N = f"(SELECT a.n + 10 * b.n + 100 * c.n AS i FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c) AS n"
"""ROWS rows with a number each."""

KEYS = {
    "int": ("k int, PRIMARY KEY (k)", "i * 7 - 3000"),
    "unsigned bigint": ("k bigint unsigned, PRIMARY KEY (k)", "18446744073709551615 - i * 3"),
    "both ends": (
        "k bigint, PRIMARY KEY (k)",
        "IF(i % 2, 9223372036854775807 - i, -9223372036854775808 + i)",
    ),
    "gaps": ("k bigint unsigned, PRIMARY KEY (k)", "IF(i < 990, i, 18446744073709551615 - i)"),
    "digits": ("k int, PRIMARY KEY (k)", "i"),
    "zerofill": ("k int(8) unsigned zerofill, PRIMARY KEY (k)", "i"),
    "decimal": ("k decimal(30, 10), PRIMARY KEY (k)", "i / 7 - 12345678901234"),
    "date": ("k date, PRIMARY KEY (k)", "IF(i = 0, '0000-00-00', '2026-11-02' - INTERVAL i DAY)"),
    "datetime": ("k datetime(6), PRIMARY KEY (k)", "'1999-01-01' + INTERVAL i * 1001 MICROSECOND"),
    "timestamp": ("k timestamp(3), PRIMARY KEY (k)", "'2020-01-01' + INTERVAL i MINUTE"),
    "top binary": (
        "k binary(16), n int, PRIMARY KEY (k, n)",
        "REPEAT(CHAR(IF(i % 3, 255, 0)), 16), i",
    ),
    "top decimal": (
        "k decimal(65, 0), PRIMARY KEY (k)",
        "CAST(CONCAT(IF(i % 2, '-', ''), REPEAT('9', 62), LPAD(i, 3, '0')) AS DECIMAL(65))",
    ),
    "top datetime": (
        "k datetime(6), PRIMARY KEY (k)",
        "'9999-12-31 23:59:59.999999' - INTERVAL i MICROSECOND",
    ),
    "valid to": (
        "valid_to datetime(6), k int, PRIMARY KEY (valid_to, k)",
        "IF(i % 9, '9999-12-31 23:59:59.999999', '2020-01-01' + INTERVAL i DAY), i",
    ),
    "valid to day": (
        "valid_to date, k int, PRIMARY KEY (valid_to, k)",
        "IF(i % 9, '9999-12-31', '2020-01-01' + INTERVAL i DAY), i",
    ),
    "invalid dates": (
        "k datetime, n int, PRIMARY KEY (k, n)",
        "IF(i % 3, '2026-02-01' + INTERVAL i HOUR, '2026-02-31 01:00:00'), i",
    ),
    "time": ("k time(2), PRIMARY KEY (k)", "SEC_TO_TIME(i * 100.25 - 50000)"),
    "hex text": ("k char(32) CHARACTER SET ascii, PRIMARY KEY (k)", "LEFT(SHA2(i, 256), 32)"),
    "case-insensitive": (
        "k varchar(40) COLLATE utf8mb4_general_ci, PRIMARY KEY (k)",
        "CONCAT(IF(i % 2, 'user_', 'USER-'), i, IF(i % 3, '''\"\\\\%:x ', ' ä汉😀'), i)",
    ),
    "unicode": (
        "k varchar(40) COLLATE utf8mb4_unicode_ci, PRIMARY KEY (k)",
        "CONCAT(CHAR(945 + i % 20 USING ucs2), i)",
    ),
    "bin": (
        "k varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, PRIMARY KEY (k)",
        "CONCAT(IF(i % 2, 'a', 'A'), LPAD(i, i % 9 + 3, '_'))",
    ),
    "latin1": (
        "k varchar(40) CHARACTER SET latin1, PRIMARY KEY (k)",
        "CONCAT(CHAR(0xe4 + i % 20 USING latin1), i)",
    ),
    "gbk": ("k varchar(40) CHARACTER SET gbk, PRIMARY KEY (k)", "CONCAT(i % 7, '汉字\\\\', i)"),
    "utf16": ("k varchar(40) CHARACTER SET utf16, PRIMARY KEY (k)", "CONCAT('x', i)"),
    "varbinary": (
        "k varbinary(20), PRIMARY KEY (k)",
        "CONCAT(CHAR(0, i % 256, 39), UNHEX(LEFT(SHA2(i, 256), 32)))",
    ),
    "binary": ("k binary(16), PRIMARY KEY (k)", "UNHEX(LEFT(SHA2(i, 256), 32))"),
    "composite": (
        "t int, s varchar(10), k bigint, PRIMARY KEY (t, s, k)",
        "i % 3, ELT(i % 4 + 1, 'A', 'b', 'C', 'ä'), i * 5",
    ),
    "one heap": ("t int, k int, PRIMARY KEY (t, k)", "IF(i < 950, 1, i), i"),
    "behind an enum": (
        "t int, s enum('z', 'a') NOT NULL, k int NOT NULL, PRIMARY KEY (t, s, k)",
        "i DIV 100, i % 2 + 1, i",
    ),
    "unique": (
        "e int, u int NOT NULL, k int NOT NULL, UNIQUE (e), UNIQUE (u, k)",
        "IF(i % 2, i, NULL), i % 10, i",
    ),
}


def fill(server: Server, database: str, definition: str, values: str) -> None:
    """A table `t` of ROWS rows with NULLs and quotes behind its key."""
    server.execute(
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        f"CREATE TABLE {database}.t ({definition}, x varchar(20)) ENGINE=InnoDB",
        f"INSERT INTO {database}.t SELECT {values}, IF(i % 3, CONCAT('\"', i), NULL) FROM {_N}",
        f"ANALYZE TABLE {database}.t",
    )
