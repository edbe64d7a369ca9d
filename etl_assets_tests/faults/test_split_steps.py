"""A step that exports in parts, in real runs: the limit, and its end."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from etl_assets.instance.home import HOME_NAME, write_settings
from etl_assets.steps.slots import Slots
from etl_assets_tests.support.cluster import ROWS, Cluster
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.recorded import instance_of
from etl_assets_tests.support.running_command import Running, parent_of, running
from etl_assets_tests.support.servers import Server
from etl_assets_tests.support.shop import DAY, EXPORT, Shop

SLEEP = "SLEEP(0.02) = 0"


def split_shop(cluster: Cluster, folder: Path, where: str = "", tables: int = 1) -> Shop:
    """Some shard tables of the cluster, each in three parts over at most four connections."""
    pattern = f"{cluster.prefix}_00.orders_{{00..{tables - 1:02}}}"
    settings = "    split: 3\n" + (f'    where: "{where}"\n' if where else "")
    return cluster.shop(
        folder,
        shards=f'{{host: db, tables: "{pattern}"}}',
        table=settings,
        host='"max_connections": 4',
    )


def open_sockets(port: int) -> set[int]:
    """The local ports of this machine's connections to a server that nobody has closed."""
    # From proc(5) on net/tcp: local and remote address in hexadecimal digits; 01: established.
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(local.split(":")[1], 16)
        for _, local, remote, state, *_ in lines
        if state == "01" and int(remote.split(":")[1], 16) == port
    }


@contextmanager
def counting(server: Server) -> Iterator[Callable[[], int]]:
    """The largest number of connections that the reader has had open at any time.

    A busy server lists one for some moments after it was closed: that one does not count.
    """
    ended = Event()
    most = [0]

    def count() -> None:
        with server.connect() as connection, connection.cursor() as cursor:
            while not ended.is_set():
                cursor.execute("SHOW PROCESSLIST")
                mine = {int(row[2].rpartition(":")[2]) for row in cursor if row[1] == server.reader}
                most[0] = max(most[0], len(mine & open_sockets(server.port)))

    thread = Thread(target=count)
    thread.start()
    try:
        yield lambda: most[0]
    finally:
        ended.set()
        thread.join()


def test_several_split_shards_share_the_connections_of_their_host(
    server: Server, cluster: Cluster, tmp_path: Path
) -> None:
    account = f"'{server.reader}'@'%'"
    server.execute(f"GRANT LOCK TABLES ON *.* TO {account}")
    shop = split_shop(cluster, tmp_path, tables=3)
    try:
        with counting(server) as most:
            done = etl_assets(tmp_path, *EXPORT)
    finally:
        server.execute(f"REVOKE LOCK TABLES ON *.* FROM {account}")
    assert (done.code, done.err) == (0, "")
    assert 3 <= most() <= 4
    for number in range(3):
        stem = f"db.{cluster.prefix}_00.orders_0{number}"
        manifest = shop.manifest(f"{stem}.json")
        assert manifest["snapshot"]["parts"] == 3
        assert manifest["snapshot"]["locked"] is True
        assert manifest["snapshot"]["exact"] is True
        records = shop.records(stem)
        assert len(records) - 1 == manifest["rows"] == manifest["source_rows"] == ROWS // 3
        ids = [int(record[0]) for record in records[1:]]
        assert ids == sorted(ids)


def test_a_trial_is_not_split_and_needs_one_connection(cluster: Cluster, tmp_path: Path) -> None:
    shop = split_shop(cluster, tmp_path)
    home = tmp_path / HOME_NAME
    home.mkdir()
    write_settings(home)
    with instance_of(home) as instance:
        others = Slots(instance, "db", limit=4)
        try:
            assert [others.take() for _ in range(3)] == [True] * 3
            done = etl_assets(tmp_path, *EXPORT, "--limit", "1")
        finally:
            others.release()
    assert (done.code, done.err) == (0, "")
    manifest = shop.manifest(f"db.{cluster.prefix}_00.orders_00.json", f"{DAY}.sample")
    assert manifest["rows"] == manifest["sample"] == 1
    assert "parts" not in manifest["snapshot"]


def steps_and_parts(command: Running) -> list[int]:
    """The processes that the fork server has forked, in their order."""
    processes = command.processes()
    parents = [parent_of(pid) for pid in processes]
    servers = [pid for pid in processes if parents.count(pid) >= 3]
    return sorted(pid for pid in processes if parent_of(pid) in servers)


@pytest.mark.parametrize(
    ("victim", "number"),
    [
        ("step", signal.SIGKILL),
        ("worker", signal.SIGKILL),
        ("command", signal.SIGKILL),
        ("command", signal.SIGINT),
        ("command", signal.SIGTERM),
    ],
)
def test_whatever_is_ended_nothing_of_it_goes_on(
    server: Server, cluster: Cluster, tmp_path: Path, victim: str, number: signal.Signals
) -> None:
    shop = split_shop(cluster, tmp_path, where=SLEEP)
    with running(shop, *EXPORT) as command:
        command.wait_for(lambda: len(server.running("SLEEP(0.02)")) == 3)
        step, *parts = steps_and_parts(command)
        assert len(parts) == 2, command.processes()
        (worker,) = command.children()
        victims = {"step": step, "worker": worker, "command": command.process.pid}
        os.kill(victims[victim], number)
        began = time.monotonic()
        while server.running("SLEEP(0.02)") or set(parts) & set(command.processes()):
            assert time.monotonic() - began < 8, (server.running("SLEEP"), command.processes())
            time.sleep(0.05)
        done = command.end(30)
    assert done.code != 0
    assert list(tmp_path.rglob("exports/**/.*.part")) == [] or number is signal.SIGKILL
    assert list(tmp_path.rglob("exports/**/*.csv")) == []
