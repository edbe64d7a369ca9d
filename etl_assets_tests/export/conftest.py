"""A shard table that needs no server: three rows in an SQLite file, and its task."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from etl_assets.config import HostConfig
from etl_assets.export.task import ShardTask
from etl_assets.source.engines import Engines
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import HOST, day, table_config


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[Engines]:
    """The shard's host; its rows do not stand in the order of `id`, and one is in no window."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(
            "CREATE TABLE t (id integer, created_at datetime);"
            "INSERT INTO t VALUES (3, '2026-11-02 12:00:00'), (2, '2026-11-02 13:00:00'), "
            "(1, '2026-10-01 00:00:00');"
        )
    made = Engines({HOST: HostConfig.model_validate({"url": "sqlite:///{database}.db"})}, tmp_path)
    yield made
    made.dispose()


@pytest.fixture
def task() -> ShardTask:
    """The shard's rows of 2026-11-02."""
    return ShardTask(
        shard=Shard("orders", HOST, "shop", "t"),
        table=table_config("created_at"),
        window=day(),
        limit=None,
        count=True,
        retries=0,
        run_id="run",
        first=day("2026-11-01"),
    )
