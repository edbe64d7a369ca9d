"""A shard table that cannot be exported: what is said, what is tried again, what is left."""

import socket
import threading
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from etl_assets.errors import CountMismatchError, ShardError
from etl_assets.export.task import Progress
from etl_assets.source.failures import shard_error
from etl_assets.source.query import ShardQuery
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import Exporter, table_config
from etl_assets_tests.support.servers import Server


def test_a_column_that_is_not_there_is_named(orders: str, exporter: Exporter) -> None:
    with pytest.raises(ShardError, match=r"expected colour, got id, title, card_no, created_at"):
        exporter.export(orders, "t", table_config(columns={"exclude": ["colour"]}))


def test_a_missing_table_is_named_with_the_server_s_number_and_the_next_step(
    database: str, exporter: Exporter
) -> None:
    with pytest.raises(ShardError) as caught:
        exporter.export(database, "gone", retries=3)
    text = str(caught.value)
    assert text.startswith(f"shop-a.{database}.gone: error 1146: ")
    assert "--resume" in text
    assert exporter.retries == []
    assert exporter.files() == []


@pytest.mark.parametrize("split", [1, 2])
@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("colour = 1", 1054),
        ("id = = 1", 1064),
        ("id = (SELECT 1 UNION SELECT 2)", 1242),
        ("id IN (SELECT id FROM nowhere)", 1146),
        ("id IN (SELECT id FROM elsewhere)", 1046),
        ("id = left()", 1064),
    ],
)
def test_a_condition_that_the_server_refuses_is_named_at_once(
    orders: str, exporter: Exporter, where: str, number: int, split: int
) -> None:
    where = where.replace("nowhere", f"{orders}.nowhere")
    told = (
        rf"^shop-a\.{orders}\.t: error {number}: .*: the server refuses `where` of table orders; "
        "fix it in etl_assets.yaml$"
    )
    with pytest.raises(ShardError, match=told):
        exporter.export(orders, "t", table_config(where=where, split=split), retries=3)
    assert exporter.retries == []


@pytest.mark.parametrize("where", ["colour = 1", "1 = = 1", "left_of(1)"])
def test_sqlite_s_refusal_of_a_condition_is_named_too(where: str) -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as caught:
        connection.exec_driver_sql(f"SELECT 1 WHERE {where}")
    engine.dispose()
    shard = Shard("orders", "demo", "shop", "t")
    assert "`where` of table orders" in str(shard_error(shard, caught.value, where))
    assert "`where`" not in str(shard_error(shard, caught.value))


def test_a_wrong_count_leaves_no_file(
    orders: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_less(query: ShardQuery) -> sa.Select[Any]:
        return query.rows.with_only_columns(sa.func.count()).where(sa.column("id") > 0)

    monkeypatch.setattr(ShardQuery, "count", property(one_less))
    with pytest.raises(CountMismatchError, match=r"expected 999 rows.* got 1000"):
        exporter.export(orders, "t")
    assert exporter.files() == []


def test_a_database_that_is_not_there_is_named(server: Server, exporter: Exporter) -> None:
    with pytest.raises(ShardError, match=r"shop-a\.nowhere\.t: error (1049|1146): .*; fix the"):
        exporter.export("nowhere", "t", retries=3)
    assert exporter.retries == []


def test_an_account_without_the_privilege_is_told_which_one(
    server: Server, orders: str, exporter: Exporter
) -> None:
    account = f"'{server.reader}'@'%'"
    server.execute(f"REVOKE SELECT ON *.* FROM {account}")
    try:
        with pytest.raises(ShardError, match=r"error 1142: .*; grant SELECT on the table"):
            exporter.export(orders, "t", retries=3)
    finally:
        server.execute(f"GRANT SELECT ON *.* TO {account}")
    assert exporter.retries == []


def test_a_server_that_is_away_is_tried_again_and_then_named(exporter: Exporter) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        exporter.server = replace(exporter.server, port=nobody.getsockname()[1])
        with pytest.raises(ShardError, match=r"error 2003: .*; see that the server runs"):
            exporter.export("shop", "t", retries=1)
    assert len(exporter.retries) == 1
    assert exporter.files() == []


def test_a_connection_that_is_killed_in_mid_stream_heals_by_itself(
    server: Server, orders: str, exporter: Exporter
) -> None:
    server.execute(
        f"ALTER TABLE {orders}.t ADD pad mediumtext",
        f"UPDATE {orders}.t SET pad = REPEAT('x', 10000)",
    )
    streaming = threading.Event()

    def kill_once() -> None:
        assert streaming.wait(30)
        for thread in server.running("SLEEP(0.001)"):
            server.execute(f"KILL {thread}")

    def note(progress: Progress) -> None:
        exporter.progress.append(progress)
        streaming.set()

    killer = threading.Thread(target=kill_once)
    killer.start()
    # Each row takes a moment, so that the killer finds the query running.
    settings = table_config(where="SLEEP(0.001) = 0 AND id < 600")
    export = exporter.export(orders, "t", settings, retries=2, count=False, on_progress=note)
    killer.join()
    assert sorted(int(value or "") for value in export.column("id")) == list(range(600))
    assert len(exporter.retries) == 1
    assert "next attempt in" in exporter.retries[0]
    rows = [progress.rows for progress in exporter.progress]
    assert 0 < min(rows) < 600, "it was killed before the first rows came"
    assert any(late <= early for early, late in pairwise(rows)), "it did not begin again"
    assert exporter.files() == [export.manifest.file]
