"""A part that fails: the shard is told, tried again or left, and nothing stays behind."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from etl_assets.errors import CountMismatchError, ShardError
from etl_assets.export.task import Progress
from etl_assets_tests.support.exporting import HOST, Exporter, table_config
from etl_assets_tests.support.servers import Server
from etl_assets_tests.support.splitting import KEYS, fill


def slow(server: Server, database: str) -> None:
    """A table whose rows take a moment each."""
    fill(server, database, *KEYS["int"])
    server.execute(
        f"ALTER TABLE {database}.t ADD pad mediumtext",
        f"UPDATE {database}.t SET pad = REPEAT('x', 10000)",
    )


SLOW = "SLEEP(0.002) = 0"


def wait_until_idle(server: Server) -> None:
    until = time.monotonic() + 5
    while server.running("SLEEP(0.002)"):
        assert time.monotonic() < until, "a query goes on"
        time.sleep(0.05)


@contextmanager
def once_streaming(act: Callable[[], object]) -> Iterator[Callable[[Progress], None]]:
    """Do something once rows come; gives what to tell of progress."""
    streaming = threading.Event()

    def run() -> None:
        assert streaming.wait(30)
        act()

    thread = threading.Thread(target=run)
    thread.start()

    def note(progress: Progress) -> None:
        if progress.rows:
            streaming.set()

    try:
        yield note
    finally:
        streaming.set()
        thread.join()


def test_a_part_whose_connection_is_killed_makes_all_parts_begin_again(
    server: Server, database: str, exporter: Exporter
) -> None:
    slow(server, database)
    whole = exporter.export(database, "t").rows

    def kill_one() -> None:
        server.execute(f"KILL {max(server.running('SLEEP(0.002)'))}")

    with once_streaming(kill_one) as note:
        settings = table_config(split=3, where=SLOW)
        export = exporter.export(database, "t", settings, retries=2, count=False, on_progress=note)
    assert export.rows == whole
    assert len(exporter.retries) == 1
    assert f"{HOST}.{database}.t: error " in exporter.retries[0]
    assert multiprocessing.active_children() == []


def test_a_part_that_is_killed_is_told_and_leaves_nothing(
    server: Server, database: str, exporter: Exporter
) -> None:
    slow(server, database)

    def kill_one() -> None:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)

    settings = table_config(split=3, where=SLOW)
    told = r"the process of part [23] of 3 ended: .*signal 9"
    with once_streaming(kill_one) as note, pytest.raises(ShardError, match=told):
        exporter.export(database, "t", settings, retries=2, count=False, on_progress=note)
    assert exporter.files() == []
    assert multiprocessing.active_children() == []
    wait_until_idle(server)


def test_an_error_of_one_part_has_the_shard_s_name_and_the_server_s_number(
    server: Server, database: str, exporter: Exporter
) -> None:
    fill(server, database, *KEYS["int"])
    # Of the rows of the last part alone; an error, as a subquery gives more than one row.
    where = "IF(k > 3900, (SELECT 1 UNION SELECT 2), 1) = 1"
    with pytest.raises(ShardError, match=rf"^{HOST}\.{database}\.t: error 1242: "):
        exporter.export(database, "t", table_config(split=4, where=where), retries=3)
    assert exporter.files() == []
    assert exporter.retries == []


@pytest.mark.parametrize("count", [True, False])
def test_an_interrupt_ends_all_parts_and_their_queries(
    server: Server, database: str, exporter: Exporter, count: bool
) -> None:
    slow(server, database)

    def interrupt(progress: Progress) -> None:
        del progress
        if len(server.running("SLEEP(0.002)")) == 3 or count:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        exporter.export(
            database, "t", table_config(split=3, where=SLOW), count=count, on_progress=interrupt
        )
    assert time.monotonic() - began < 10
    assert exporter.files() == []
    assert multiprocessing.active_children() == []
    wait_until_idle(server)


def test_a_wrong_count_of_a_part_leaves_no_file(
    server: Server, database: str, exporter: Exporter
) -> None:
    fill(server, database, *KEYS["int"])
    server.execute(f"ALTER TABLE {database}.t ENGINE=MyISAM")
    # A counter of the session, raised by each statement: every other one sees no row.
    others = "LAST_INSERT_ID(LAST_INSERT_ID() + 1) % 2 = 0"
    with pytest.raises(CountMismatchError):
        exporter.export(database, "t", table_config(split=2, where=others))
    assert exporter.files() == []


def test_a_daemonic_process_is_told_that_it_cannot(
    server: Server, database: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, database, *KEYS["int"])
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    with pytest.raises(ShardError, match="got one in a daemonic process"):
        exporter.export(database, "t", table_config(split=2))
