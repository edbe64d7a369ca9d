"""Exports beside each other: a host's limit holds for all of them, one file comes out whole."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.running_command import running
from etl_assets_tests.support.servers import Server
from etl_assets_tests.support.shop import DAY, DAYS, small_shop

EXPORT = ("export", "orders", "--partition")


@contextmanager
def most_queries(server: Server, text: str) -> Iterator[list[int]]:
    """The largest number of queries with a text in them that ran at the same time."""
    ended = threading.Event()
    most = [0]

    def look() -> None:
        with server.connect() as connection, connection.cursor() as cursor:
            while not ended.is_set():
                cursor.execute("SHOW FULL PROCESSLIST")
                rows = [str(row[7]) for row in cursor.fetchall()]
                running = [row for row in rows if text in row and "PROCESSLIST" not in row]
                most[0] = max(most[0], len(running))
                time.sleep(0.01)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def test_a_host_s_limit_holds_across_runs(cluster: Cluster, tmp_path: Path) -> None:
    text = "SLEEP(0.01)"
    shop = cluster.shop(
        tmp_path,
        shards=f'{{host: db, tables: "{cluster.prefix}_00.orders_{{00..03}}"}}',
        host='"max_connections": 2',
        table=f'    where: "id % 10 = 0 AND {text} = 0"\n',
    )
    shop.configure(shop.text.replace("processes: 2", "processes: 4"))
    assert etl_assets(tmp_path, *EXPORT, DAY, "--limit", "1").code == 0
    with most_queries(cluster.server, text) as most, ExitStack() as stack:
        commands = [stack.enter_context(running(shop, *EXPORT, key)) for key in DAYS]
        done = [command.end(110) for command in commands]
    assert [(one.code, one.err) for one in done] == [(0, "")] * 3
    assert most == [2]


def test_two_exports_of_one_window_end_with_whole_files_that_fit_their_manifests(
    tmp_path: Path,
) -> None:
    shop = small_shop(tmp_path)
    with ExitStack() as stack:
        commands = [stack.enter_context(running(shop, *EXPORT, DAY)) for _ in range(3)]
        done = [command.end(110) for command in commands]
    # One that finds the other's files half exchanged refuses; the files are whole all the same.
    assert all(one.code in (0, 1) for one in done)
    assert "Traceback" not in "".join(one.err for one in done)
    assert etl_assets(tmp_path, *EXPORT, DAY, "--resume").code == 0
    assert etl_assets(tmp_path, "verify", "--partition", DAY).code == 0
    assert not [name for name in shop.names() if name.startswith(".")]
