"""A query that nobody waits for any more is ended, and no other one."""

import gc
import os
import signal
import threading
import time

import pytest
import sqlalchemy as sa
from pymysql.cursors import Cursor
from pymysql.err import OperationalError

from etl_assets.source.engines import Engines
from etl_assets.source.mysql.abandon import end_query
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import DIGITS, HOST, Exporter
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server

# It sends nothing before its end, so the server does not notice that nobody listens.
SLOW = "SLEEP(20)"


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
