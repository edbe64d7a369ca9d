"""Orders in sixteen shard tables on a real server, and a configuration for them."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl_assets_tests.support.servers import Server
from etl_assets_tests.support.shop import DAY, Shop

ROWS = 600
"""Of each shard table; a third of them in each of three days."""

_COLUMNS = """
    id BIGINT UNSIGNED NOT NULL PRIMARY KEY,
    title VARCHAR(80),
    price DECIMAL(20,6) NOT NULL,
    card_no CHAR(16),
    note TEXT,
    created_at DATETIME(3)
"""
_TITLES = ("plain", "", None, 'say "hi"', "two\nlines", "a,b", "100 %:x", "50%:x off", "汉字", "%")


@dataclass(frozen=True)
class Cluster:
    """Databases on a server, all with the same prefix."""

    server: Server
    prefix: str

    @property
    def shards(self) -> list[tuple[str, str]]:
        """Databases and tables, in the order of `pattern`."""
        return [(f"{self.prefix}_0{d}", f"orders_0{t}") for d in range(4) for t in range(4)]

    @property
    def pattern(self) -> str:
        """The brace pattern for all of them."""
        return f"{self.prefix}_{{00..03}}.orders_{{00..03}}"

    def config(self, *, shards: str = "", table: str = "", host: str = "", more: str = "") -> str:
        """A configuration that exports them by day."""
        settings = json.dumps(self.server.host_config())[:-1] + (f", {host}}}" if host else "}")
        pattern = shards or f'{{host: db, tables: "{self.pattern}"}}'
        return (
            f"hosts:\n  db: {settings}\ntables:\n  orders:\n    shards: [{pattern}]\n"
            "    partition: {every: day, start: 2026-11-01, column: created_at}\n"
            f"{table}execution: {{processes: 2, retries: 0}}\n{more}"
        )

    def shop(self, folder: Path, **parts: str) -> Shop:
        """A folder with that configuration."""
        folder.mkdir(parents=True, exist_ok=True)
        shop = Shop(folder)
        shop.configure(self.config(**parts))
        return shop

    def rows(self, database: str, table: str, what: str, where: str = "true") -> list[list[str]]:
        """What the plain driver reads of a shard's window, as the server's own text."""
        with self.server.connect(conv={}) as connection, connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {what} FROM `{database}`.`{table}` WHERE ({where}) "
                f"AND created_at >= '{DAY}' AND created_at < '{DAY}' + INTERVAL 1 DAY ORDER BY id"
            )
            found: list[tuple[Any, ...]] = list(cursor.fetchall())
        return [["" if value is None else str(value) for value in row] for row in found]


@contextmanager
def orders_on(server: Server) -> Iterator[Cluster]:
    """Make the databases; they are dropped at the end."""
    cluster = Cluster(server, f"shop_{secrets.token_hex(4)}")
    try:
        for database in dict.fromkeys(database for database, _ in cluster.shards):
            server.execute(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
        for number, (database, table) in enumerate(cluster.shards):
            _fill(server, f"`{database}`.`{table}`", number)
        yield cluster
    finally:
        for database in dict.fromkeys(database for database, _ in cluster.shards):
            server.execute(f"DROP DATABASE IF EXISTS `{database}`")


def _fill(server: Server, table: str, number: int) -> None:
    rows = [
        (
            18_446_744_073_709_000_000 + number * ROWS + row,
            _TITLES[row % len(_TITLES)],
            f"{row * 7919 % 10_000}.{row:06}",
            f"{row:016}",
            None if row % 7 == 0 else "" if row % 7 == 1 else "x" * (row % 50),
            f"2026-11-0{row % 3 + 1} {row % 24:02}:00:00.{row % 1000:03}",
        )
        for row in range(ROWS)
    ]
    server.execute(f"CREATE TABLE {table} ({_COLUMNS}) ENGINE=InnoDB")
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s, %s, %s, %s)", rows)
