"""A small sharded shop in SQLite files, as a test wants it."""

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl_assets.config import CONFIG_NAME, ExportConfig, load_config

DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
DAY = DAYS[1]
"""The window that most tests export."""

CONFIG = """\
hosts:
  demo: {url: "sqlite:///{database}.db"}
tables:
  orders:
    shards: [{host: demo, tables: "shop_{00..01}.orders_{00..01}"}]
    partition: {every: day, start: 2026-11-01, column: created_at}
execution: {processes: 2}
"""

SHARDS = tuple((f"shop_{d:02}", f"orders_{t:02}") for d in range(2) for t in range(2))
"""Databases and tables of CONFIG, in its order."""

STEMS = [f"demo.{database}.{table}" for database, table in SHARDS]
FILES = sorted([*(f"{s}.csv" for s in STEMS), *(f"{s}.json" for s in STEMS), "_manifest.json"])
"""Its files, and all that is in a whole window of it."""

EXPORT = ("export", "orders", "--partition", DAY)

COLUMNS = """
    id BIGINT NOT NULL PRIMARY KEY,
    code VARCHAR(8),
    price TEXT,
    note TEXT,
    photo BLOB,
    created_at DATETIME NOT NULL
"""

ENDLESS_VIEW = """
CREATE VIEW orders_01 AS
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT n.i AS id, o.code, o.price, o.note, o.photo, o.created_at FROM n CROSS JOIN orders_00 o
"""
"""A shard whose rows never come to an end, beside a table orders_00."""

Row = tuple[int, str | None, str | None, str | None, bytes | None, str]


@dataclass(frozen=True)
class Shop:
    """A folder with databases, a configuration and what is exported from them."""

    folder: Path

    def configure(self, text: str) -> None:
        """Write etl_assets.yaml."""
        (self.folder / CONFIG_NAME).write_text(text, encoding="utf-8")

    @property
    def text(self) -> str:
        """etl_assets.yaml as it stands."""
        return (self.folder / CONFIG_NAME).read_text(encoding="utf-8")

    @property
    def config(self) -> ExportConfig:
        """The configuration as the product reads it."""
        return load_config(self.folder / CONFIG_NAME)

    def copied(self, folder: Path) -> "Shop":
        """The same in another folder, with all that was exported and recorded."""
        shutil.copytree(self.folder, folder, symlinks=True)
        # The settings of a home name its folder.
        for settings in folder.glob(".dagster_home/dagster.yaml"):
            text = settings.read_text(encoding="utf-8")
            settings.write_text(text.replace(str(self.folder), str(folder)), encoding="utf-8")
        return Shop(folder)

    def run(self, database: str, *statements: str) -> None:
        """Change a database."""
        with closing(sqlite3.connect(self.folder / f"{database}.db")) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def fill(self, database: str, table: str, rows: Sequence[Row]) -> None:
        """Make a shard table with these rows."""
        name = '"' + table.replace('"', '""') + '"'
        with closing(sqlite3.connect(self.folder / f"{database}.db")) as connection:
            connection.execute(f"CREATE TABLE {name} ({COLUMNS})")
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?, ?, ?)", rows)
            connection.commit()

    def window(self, table: str = "orders", key: str = DAY) -> Path:
        """The folder of a window."""
        return self.folder / "exports" / table / key

    def names(self, key: str = DAY) -> list[str]:
        """What is in the folder of a window of orders."""
        folder = self.window(key=key)
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def manifest(self, name: str = "_manifest.json", key: str = DAY) -> dict[str, Any]:
        """A manifest of a window of orders."""
        found: dict[str, Any] = json.loads((self.window(key=key) / name).read_text("utf-8"))
        return found

    def records(self, stem: str, key: str = DAY) -> list[list[str]]:
        """The records of a file with its header; NULL and '' look alike here."""
        text = (self.window(key=key) / f"{stem}.csv").read_bytes().decode()
        return list(csv.reader(io.StringIO(text, newline="")))


def rows_of(number: int) -> list[Row]:
    """Six rows of a shard, two a day, with values that careless exports lose."""
    first = number * 100
    odd: list[tuple[str | None, str | None, str | None, bytes | None]] = [
        ("007", "10.50", "", b"\x00\xff"),
        (None, "0.10", None, None),
        ("000", "12345678901234567890.12", 'say "hi", then\nleave', b""),
        ("", "-1.00", None, b"\x22"),
        ("1e5", "3.14", "汉字 | *bold* <b>", None),
        ("NULL", "99.99", "  two  spaces  ", b"\n"),
    ]
    return [
        (9_007_199_254_740_993 + first + index, *values, f"{DAYS[index // 2]} 0{index}:30:00")
        for index, values in enumerate(odd)
    ]


def small_shop(folder: Path, config: str = CONFIG) -> Shop:
    """The shop of CONFIG: two databases with two tables of six rows each."""
    shop = Shop(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shop.configure(config)
    for number, (database, table) in enumerate(SHARDS):
        shop.fill(database, table, rows_of(number))
    return shop
