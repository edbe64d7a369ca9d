"""Engines and snapshots against a real server."""

import multiprocessing
import os
import pickle
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_assets.source.catalog import databases_of, matching_tables, tables_of
from etl_assets.source.engines import Engines
from etl_assets.source.snapshot import open_snapshot
from etl_assets.topology import Shard
from etl_assets_tests.integration.exporting import HOST, Exporter
from etl_assets_tests.servers import PASSWORD_VARIABLE, Server


@pytest.fixture
def engines(exporter: Exporter) -> Iterator[Engines]:
    """Engines for the server, closed at the end."""
    made = exporter.engines()
    yield made
    made.dispose()


@pytest.fixture
def shard(server: Server, database: str) -> Shard:
    """A shard table of two rows."""
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key) ENGINE=InnoDB",
        f"INSERT INTO {database}.t VALUES (1), (2)",
    )
    return Shard("orders", HOST, database, "t")


def count(connection: sa.Connection, shard: Shard) -> int:
    """The rows of a shard table as a connection sees them."""
    query = f"SELECT COUNT(*) FROM `{shard.database}`.`{shard.shard_table}`"
    return int(connection.exec_driver_sql(query).scalar_one())


def test_an_engine_is_made_at_first_use_and_once_per_host(engines: Engines) -> None:
    assert len(engines) == 0
    first = engines.get(HOST, "a")
    assert engines.get(HOST, "b") is first
    assert len(engines) == 1


def test_pickling_drops_engines_and_shows_no_password(engines: Engines, shard: Shard) -> None:
    secret = os.environ[PASSWORD_VARIABLE]
    with open_snapshot(engines, shard):
        pickled = pickle.dumps(engines)
    copy = pickle.loads(pickled)
    assert len(copy) == 0
    assert secret.encode() not in pickled
    assert secret not in repr(engines) + repr(engines.get(HOST, "").url)
    with open_snapshot(copy, shard) as snapshot:
        assert count(snapshot.connection, shard) == 2
    copy.dispose()


def _use_in_child(engines: Engines, shard: Shard, pipe: Pipe) -> None:
    inherited = engines.get(HOST, "") if len(engines) else None
    with open_snapshot(engines, shard) as snapshot:
        pipe.send((inherited is None, len(engines), count(snapshot.connection, shard)))
    engines.dispose()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_leaves_its_parent_s_connection_alone(
    engines: Engines, shard: Shard
) -> None:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    with open_snapshot(engines, shard) as snapshot:
        child = multiprocessing.get_context("fork").Process(
            target=_use_in_child, args=(engines, shard, sender)
        )
        child.start()
        child.join(30)
        assert child.exitcode == 0
        assert receiver.recv() == (True, 1, 2)
        assert count(snapshot.connection, shard) == 2


def test_a_snapshot_is_one_even_where_the_server_defaults_to_read_committed(
    server: Server, engines: Engines, shard: Shard
) -> None:
    name = "tx_isolation" if server.is_mariadb else "transaction_isolation"
    before = server.execute(f"SELECT @@GLOBAL.{name}")[0][0]
    server.execute(f"SET GLOBAL {name} = 'READ-COMMITTED'")
    try:
        with open_snapshot(engines, shard) as snapshot:
            # Written before the first read: without a snapshot the reader would see it.
            server.execute(f"INSERT INTO {shard.database}.t VALUES (3)")
            assert count(snapshot.connection, shard) == 2
            assert snapshot.info.exact
            assert snapshot.info.isolation == "REPEATABLE READ"
    finally:
        server.execute(f"SET GLOBAL {name} = '{before}'")


def test_a_table_without_transactions_is_not_called_exact(
    server: Server, engines: Engines, database: str
) -> None:
    server.execute(f"CREATE TABLE {database}.m (id int) ENGINE=MyISAM")
    with open_snapshot(engines, Shard("orders", HOST, database, "m")) as snapshot:
        assert not snapshot.info.exact


def test_the_session_is_pinned_and_read_only(
    server: Server, engines: Engines, shard: Shard
) -> None:
    limit = "max_statement_time" if server.is_mariadb else "max_execution_time"
    server.execute(f"SET GLOBAL {limit} = 1", "SET GLOBAL sql_select_limit = 1")
    try:
        with open_snapshot(engines, shard) as snapshot:
            values = snapshot.connection.exec_driver_sql(
                f"SELECT @@sql_mode, @@time_zone, @@{limit}, @@sql_select_limit"
            ).one()
            assert [str(value) for value in values[:2]] == ["", "+00:00"]
            assert float(values[2]) == 0
            assert str(values[3]) == str(2**64 - 1)
            with pytest.raises(sa.exc.DBAPIError):
                snapshot.connection.exec_driver_sql(f"DELETE FROM {shard.database}.t")
    finally:
        server.execute(f"SET GLOBAL {limit} = DEFAULT", "SET GLOBAL sql_select_limit = DEFAULT")


def test_an_abandoned_result_is_dropped_and_not_read_to_its_end(
    server: Server, engines: Engines, shard: Shard
) -> None:
    numbers = " UNION ALL ".join(f"SELECT {i}" for i in range(10))
    endless = f"SELECT REPEAT('x', 1000) FROM {', '.join(f'({numbers}) t{i}' for i in range(8))}"
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _interrupted(engines, shard, endless)
    # The whole result is a hundred gigabytes.
    assert time.monotonic() - began < 5
    give_up = time.monotonic() + 10
    while _queries(server, "REPEAT('x', 1000)"):
        assert time.monotonic() < give_up, "the query is still running on the server"
        time.sleep(0.1)


def _interrupted(engines: Engines, shard: Shard, query: str) -> None:
    with open_snapshot(engines, shard) as snapshot:
        result = snapshot.connection.execution_options(stream_results=True).exec_driver_sql(query)
        result.fetchmany(10)
        raise KeyboardInterrupt


def _queries(server: Server, text: str) -> list[str]:
    rows = server.execute("SHOW FULL PROCESSLIST")
    return [str(row[7]) for row in rows if row[7] and text in str(row[7]) and "SHOW" not in row[7]]


def test_the_catalog_lists_tables_with_columns_and_finds_by_regular_expression(
    server: Server, engines: Engines, shard: Shard
) -> None:
    server.execute(f"CREATE VIEW {shard.database}.v AS SELECT 1")
    assert shard.database in databases_of(engines, HOST)
    tables = tables_of(engines, HOST, [shard.database])
    assert [(name, [c.name for c in columns]) for name, columns in tables.items()] == [
        ((shard.database, "t"), ["id"])
    ]
    assert matching_tables(engines, HOST, rf"^{shard.database}\.t$") == [(shard.database, "t")]
    assert matching_tables(engines, HOST, r"^nowhere\.t$") == []


def test_sqlite_files_are_read_only_and_never_made(tmp_path: Path) -> None:
    from etl_assets.config import HostConfig

    host = HostConfig.model_validate({"url": "sqlite:///{database}.db"})
    engines = Engines({"demo": host}, tmp_path)
    shard = Shard("orders", "demo", "shop", "t")
    with pytest.raises(sa.exc.OperationalError), open_snapshot(engines, shard):
        pass
    assert list(tmp_path.iterdir()) == []
