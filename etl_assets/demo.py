"""The demo's small sharded shop: SQLite files and a configuration, the same every time.

Users are spread over two databases, their orders over four tables in each, as a sharding proxy
would do it. The rows hold what CSV files are known to lose: quotes, commas, line breaks, NULL
beside the empty string, leading zeros and text in other scripts.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TypeAlias

from etl_assets.config import CONFIG_NAME
from etl_assets.errors import StoreError, UsageError
from etl_assets.store.nameless import store_error

DEMO_PARTITION = "2026-11-02"
"""The window of orders that the demo exports: one of the three days that have rows."""

DATABASES = ("shop_00", "shop_01")
ORDER_TABLES = ("orders_00", "orders_01", "orders_02", "orders_03")

Row: TypeAlias = tuple[str | int | float | bytes | None, ...]

_USERS = 120
_ORDERS = 2_880
_FIRST_ORDER = datetime(2026, 11, 1)  # noqa: DTZ001 - a DATETIME column has no time zone
_BETWEEN_ORDERS = timedelta(seconds=90)

_ORDER_COLUMNS = """
    id BIGINT NOT NULL PRIMARY KEY,
    user_id INT NOT NULL,
    status VARCHAR(16) NOT NULL,
    price DECIMAL(10,2) NOT NULL,
    coupon VARCHAR(32),
    note TEXT,
    created_at DATETIME NOT NULL
"""
_USER_COLUMNS = """
    id INT NOT NULL PRIMARY KEY,
    name VARCHAR(64) NOT NULL,
    phone VARCHAR(16),
    rating DOUBLE,
    avatar BLOB,
    born_on DATE
"""

_STATUSES = ("paid", "shipped", "delivered", "returned", "draft")
_COUPONS = (None, "", "AUTUMN-10", "0042", "买一送一")
_NOTES = (
    None,
    "",
    "leave it at the door",
    'call first, ask for "Bo"',
    "gift, wrapped; no receipt",
    "ring twice\nthen knock",
    "请放在门口，谢谢",
    "青い袋に入れてください",
    "C:\\orders\\new",
    "  two spaces around  ",
    '"',
)
_NAMES = ("Ada", "王小明", "José", "O'Neil, Kim", 'Bo "the wall"', "Łukasz", "さくら")


def write_config(folder: Path) -> Path:
    """Write the demo's etl_assets.yaml into a folder that has none; gives its path.

    Raises:
        UsageError: another configuration is there; it stays as it is.
        StoreError: the folder cannot be written.
    """
    path = folder / CONFIG_NAME
    wanted = (files("etl_assets") / "demo.yaml").read_bytes()
    try:
        found = path.read_bytes() if path.exists() else None
    except OSError as error:
        raise store_error(str(path), error) from error
    if found is None:
        _put(path, lambda temporary: temporary.write_bytes(wanted))
    elif found != wanted:
        raise UsageError(
            str(path),
            expected="no configuration, or the demo's own",
            got="another one",
            next_step="choose another folder with `etl-assets demo --directory FOLDER`",
        )
    return path


def seed(folder: Path) -> list[Path]:
    """Make the demo's databases below a folder, new and in one step each; gives their paths.

    Raises:
        StoreError: the folder cannot be written.
    """
    paths = []
    for index, name in enumerate(DATABASES):
        path = folder / "demo" / f"{name}.db"
        _put(path, partial(_make_database, index))
        paths.append(path)
    return paths


def _put(path: Path, make: Callable[[Path], object]) -> None:
    """Make a file under a temporary name, then rename it: readers see the old one or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            make(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise store_error(str(path), error) from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error


def _make_database(index: int, path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        # The file gets its name when it is whole, so a journal would protect nothing.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        _fill(connection, "users", _USER_COLUMNS, _users(index))
        for number, table in enumerate(ORDER_TABLES):
            _fill(connection, table, _ORDER_COLUMNS, _orders(index, number))
        connection.commit()
    finally:
        connection.close()


def _fill(connection: sqlite3.Connection, table: str, columns: str, rows: Iterator[Row]) -> None:
    connection.execute(f"CREATE TABLE {table} ({columns})")
    marks = ", ".join("?" for _ in columns.strip().splitlines())
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608


def _home(user: int) -> tuple[int, int]:
    """Where a user's rows live: the numbers of the database and of the orders table."""
    return user % len(DATABASES), user // len(DATABASES) % len(ORDER_TABLES)


def _users(database: int) -> Iterator[Row]:
    for user in range(1, _USERS + 1):
        if _home(user)[0] != database:
            continue
        yield (
            user,
            _NAMES[user % len(_NAMES)],
            None if user % 5 == 0 else f"0{6_000_000 + user * 7_919}",
            None if user % 3 == 0 else user / 7,
            None if user % 4 == 0 else bytes((0, user, 255 - user, 0x22, 0x0A)),
            f"{1950 + user % 60}-{user % 12 + 1:02}-{user % 28 + 1:02}",
        )


def _orders(database: int, table: int) -> Iterator[Row]:
    for number in range(_ORDERS):
        # 37 and the number of users share no factor: every user comes up equally often.
        user = number * 37 % _USERS + 1
        if _home(user) != (database, table):
            continue
        yield (
            2_026_110_100_000 + number,
            user,
            _STATUSES[number % len(_STATUSES)],
            _price(number),
            _COUPONS[number // 3 % len(_COUPONS)],
            _NOTES[number // 5 % len(_NOTES)],
            str(_FIRST_ORDER + number * _BETWEEN_ORDERS),
        )


def _price(number: int) -> str:
    """A price without a zero at its end: SQLite keeps decimals as doubles and would drop it."""
    return f"{number * 7_919 % 500 + 1}.{number % 10}{number % 9 + 1}"
