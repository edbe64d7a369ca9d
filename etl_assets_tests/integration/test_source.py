"""Engines and snapshots against a real server."""

import gc
import multiprocessing
import os
import pickle
import signal
import ssl
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest
import sqlalchemy as sa
from pymysql.cursors import Cursor
from pymysql.err import OperationalError

from etl_assets.config import HostConfig
from etl_assets.source.catalog import databases_of, matching_tables, tables_of
from etl_assets.source.engines import Engines
from etl_assets.source.mysql.abandon import end_query, thread_of
from etl_assets.source.mysql.failures import error_number
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import DIGITS, HOST, Exporter
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server

# It sends nothing before its end, so the server does not notice that nobody listens.
SLOW = "SLEEP(20)"


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


def test_a_connection_loads_no_certificates_that_it_would_not_use(
    engines: Engines, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[ssl.SSLContext] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", loaded.append)
    with engines.get(HOST, shard.database).connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == "1"
    assert not loaded


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


def test_one_shard_after_another_has_the_same_connection(
    server: Server, engines: Engines, shard: Shard
) -> None:
    threads = []
    for rows in (2, 3):
        with open_snapshot(engines, shard) as snapshot:
            threads.append(thread_of(snapshot.connection))
            # A snapshot of its own all the same.
            assert count(snapshot.connection, shard) == rows
        server.execute(f"INSERT INTO {shard.database}.t VALUES ({rows + 1})")
    assert threads[0] == threads[1]
    with pytest.raises(RuntimeError), open_snapshot(engines, shard):
        raise RuntimeError
    with open_snapshot(engines, shard) as snapshot:
        assert thread_of(snapshot.connection) not in threads
        zone = snapshot.connection.exec_driver_sql("SELECT @@session.time_zone").scalar_one()
        assert zone == "+00:00"


def test_a_snapshot_is_one_even_where_the_server_defaults_to_read_committed(
    server: Server, engines: Engines, shard: Shard
) -> None:
    name = "tx_isolation" if server.is_mariadb else "transaction_isolation"
    with (
        server.changed(**{name: "READ-COMMITTED"}),
        open_snapshot(engines, shard) as snapshot,
    ):
        # Written before the first read: without a snapshot the reader would see it.
        server.execute(f"INSERT INTO {shard.database}.t VALUES (3)")
        assert count(snapshot.connection, shard) == 2
        rows = snapshot.connection.exec_driver_sql(f"SELECT id FROM {shard.database}.t")
        assert [str(row.id) for row in rows] == ["1", "2"]
        assert snapshot.info.exact
        assert snapshot.info.isolation == "REPEATABLE READ"


def test_a_table_without_transactions_is_not_called_exact(
    server: Server, engines: Engines, database: str
) -> None:
    server.execute(f"CREATE TABLE {database}.m (id int) ENGINE=MyISAM")
    with open_snapshot(engines, Shard("orders", HOST, database, "m")) as snapshot:
        assert not snapshot.info.exact


def test_the_session_is_pinned_and_read_only(
    server: Server, engines: Engines, shard: Shard
) -> None:
    table = f"{shard.database}.t"
    with (
        server.changed(sql_mode="PAD_CHAR_TO_FULL_LENGTH", time_zone="+08:00", sql_select_limit=1),
        open_snapshot(engines, shard) as snapshot,
    ):
        values = snapshot.connection.exec_driver_sql(
            "SELECT @@sql_mode, @@time_zone, @@sql_select_limit"
        ).one()
        assert [str(value) for value in values] == ["", "+00:00", str(2**64 - 1)]
        assert len(snapshot.connection.exec_driver_sql(f"SELECT * FROM {table}").all()) == 2
        with pytest.raises(sa.exc.DBAPIError) as caught:
            snapshot.connection.exec_driver_sql(f"DELETE FROM {table}")
    assert error_number(caught.value) in {1142, 1792}


def test_an_account_that_may_write_cannot_by_its_snapshot(
    server: Server, engines: Engines, shard: Shard
) -> None:
    server.execute(f"GRANT DELETE ON {shard.database}.* TO '{server.reader}'@'%'")
    with (
        pytest.raises(sa.exc.DBAPIError) as caught,
        open_snapshot(engines, shard) as snapshot,
    ):
        snapshot.connection.exec_driver_sql(f"DELETE FROM {shard.database}.t")
    assert error_number(caught.value) == 1792  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    assert server.execute(f"SELECT COUNT(*) FROM {shard.database}.t") == ((2,),)


def test_a_server_that_limits_statements_does_not_end_a_long_one(
    server: Server, engines: Engines, shard: Shard
) -> None:
    # Seconds and milliseconds.
    limit = {"max_statement_time": 0.2} if server.is_mariadb else {"max_execution_time": 200}
    slow = f"SELECT id FROM {shard.database}.t WHERE SLEEP(0.3) = 0"
    with server.changed(**limit), open_snapshot(engines, shard) as snapshot:
        rows = snapshot.connection.exec_driver_sql(slow).scalars()
        assert sorted(map(str, rows)) == ["1", "2"]


def test_an_abandoned_result_is_dropped_and_not_read_to_its_end(
    server: Server, engines: Engines, shard: Shard, capfd: pytest.CaptureFixture[str]
) -> None:
    server.execute(
        f"INSERT INTO {shard.database}.t SELECT 10 + a.n + 10 * b.n + 100 * c.n "
        f"FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c"
    )
    table = f"`{shard.database}`.`t`"
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt) as caught:
        # A result of ten gigabytes.
        _interrupted(engines, shard, f"SELECT REPEAT('x', 10000) FROM {table} a, {table} b")
    # What the exception kept alive is collected here, and would read on if it were let.
    del caught
    gc.collect()
    assert time.monotonic() - began < 4
    _is_soon_gone(server, "REPEAT('x', 10000)")
    assert capfd.readouterr() == ("", "")


def _interrupted(engines: Engines, shard: Shard, query: str) -> None:
    with open_snapshot(engines, shard) as snapshot:
        result = snapshot.connection.execution_options(stream_results=True).exec_driver_sql(query)
        result.fetchmany(10)
        raise KeyboardInterrupt


def test_a_long_count_ends_on_the_server_when_it_is_interrupted(
    server: Server, engines: Engines, shard: Shard
) -> None:
    def interrupt() -> None:
        while not server.running(SLOW):
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    # A shell lets what it starts in the background ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupter = threading.Thread(target=interrupt, daemon=True)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        _count_slowly(engines, shard)
    interrupter.join()
    signal.signal(signal.SIGINT, before)
    _is_soon_gone(server, SLOW)


def test_a_long_count_ends_on_the_server_when_its_client_gives_up(
    server: Server, exporter: Exporter, shard: Shard
) -> None:
    with pytest.raises(sa.exc.OperationalError, match="timed out"):
        _count_slowly(exporter.engines(read_timeout=1), shard)
    _is_soon_gone(server, SLOW)


def _count_slowly(engines: Engines, shard: Shard) -> None:
    with open_snapshot(engines, shard) as snapshot:
        snapshot.connection.exec_driver_sql(
            f"SELECT COUNT(*) FROM `{shard.database}`.`t` WHERE {SLOW} = 0"
        )


def test_only_the_own_query_is_ended_on_the_server(
    server: Server, engines: Engines, shard: Shard
) -> None:
    def run(cursor: Cursor) -> None:
        with pytest.raises(OperationalError):
            cursor.execute(other)

    other = f"SELECT {SLOW} FROM {shard.database}.other"
    server.execute(f"CREATE TABLE {shard.database}.other AS SELECT 1 AS id")
    # With the same account: the threads of others are hidden from it in any case.
    own = {"user": server.reader, "password": os.environ[PASSWORD_VARIABLE]}
    with server.connect(**own) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        thread_id = int((cursor.fetchone() or (0,))[0])
        thread = threading.Thread(target=run, args=(cursor,))
        thread.start()
        while not server.running(SLOW):
            time.sleep(0.01)
        # A server that was restarted gives the same number to another.
        end_query(engines.get(HOST, shard.database), thread_id, shard)
        assert server.running(SLOW)
        server.execute(f"KILL QUERY {thread_id}")
        thread.join()


def _is_soon_gone(server: Server, text: str) -> None:
    give_up = time.monotonic() + 2
    while server.running(text):
        assert time.monotonic() < give_up, "the query is still running on the server"
        time.sleep(0.02)


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


def test_a_table_that_keeps_its_history_is_a_table(
    server: Server, engines: Engines, database: str
) -> None:
    history = "WITH SYSTEM VERSIONING" if server.is_mariadb else ""
    server.execute(f"CREATE TABLE {database}.kept (id int primary key) {history}")
    assert list(tables_of(engines, HOST, [database])) == [(database, "kept")]


def test_sqlite_files_are_read_only_and_never_made(tmp_path: Path) -> None:
    from etl_assets.config import HostConfig

    host = HostConfig.model_validate({"url": "sqlite:///{database}.db"})
    engines = Engines({"demo": host}, tmp_path)
    shard = Shard("orders", "demo", "shop", "t")
    with pytest.raises(sa.exc.OperationalError), open_snapshot(engines, shard):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("password", ["pä", "密码€"])
def test_a_password_is_sent_as_the_server_s_own_clients_send_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    name = f"{server.reader}_p"
    monkeypatch.setenv("ODD_PASSWORD", password)
    url = f"mysql+pymysql://{name}@{server.host}:{server.port}"
    hosts = {HOST: HostConfig(url=url, password={"env": "ODD_PASSWORD"})}  # type: ignore[arg-type]
    engines = Engines(hosts, Path())
    server.execute(f"CREATE USER {name} IDENTIFIED BY '{password}'")
    try:
        with engines.get(HOST, "").connect() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() is not None
    finally:
        engines.dispose()
        server.execute(f"DROP USER {name}")
