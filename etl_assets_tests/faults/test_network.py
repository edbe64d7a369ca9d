"""A network that cuts, resets, stalls and creeps: what heals does, what does not ends in time."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from etl_assets.errors import ShardError
from etl_assets_tests.support.exporting import DIGITS, Exporter
from etl_assets_tests.support.proxy import Kind, Proxy, proxy_to
from etl_assets_tests.support.servers import Server

ROWS = 10_000
SEED = 20_261_123


@pytest.fixture(scope="module")
def table(server: Server) -> Iterator[str]:
    """A database with a shard table `t` of some megabytes."""
    with server.database() as database:
        server.execute(
            f"CREATE TABLE {database}.t (id int primary key, text varchar(400))",
            f"INSERT INTO {database}.t SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n, "
            f"REPEAT('\"x,', a.n * 10) FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c, ({DIGITS}) d",
        )
        yield database


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    """A proxy to the server."""
    with proxy_to(server.host, server.port) as made:
        yield made


@pytest.fixture
def exporter(server: Server, proxy: Proxy, tmp_path: Path) -> Exporter:
    """Exports through the proxy, in clear text, so that bytes are what they are."""
    return Exporter(
        replace(server, host="127.0.0.1", port=proxy.port),
        tmp_path,
        connect={"ssl_disabled": True},
    )


@pytest.fixture
def whole(server: Server, table: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The SHA-256 of the table's file, exported without a proxy."""
    done = Exporter(server, tmp_path_factory.mktemp("whole")).export(table, "t")
    return done.manifest.sha256


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_a_connection_that_breaks_anywhere_heals_by_itself(
    exporter: Exporter, proxy: Proxy, table: str, whole: str, kind: Kind
) -> None:
    # In the greeting, in the log-in, in the pinning of the session, amid the rows and in the end.
    places = [0, 3, 90, 160, *random.Random(SEED).sample(range(200, 1_000_000), 6)]
    for place in places:
        proxy.faults[:] = [(kind, place)]
        export = exporter.export(table, "t", retries=2)
        assert export.manifest.sha256 == whole, place
        assert len(exporter.retries) == 1, place
        assert "next attempt in" in exporter.retries.pop()


def test_one_that_always_breaks_is_given_up_and_leaves_nothing(
    exporter: Exporter, proxy: Proxy, table: str
) -> None:
    proxy.every = ("cut", 100_000)
    with pytest.raises(ShardError, match=rf"shop-a\.{table}\.t: error 2013: Lost connection"):
        exporter.export(table, "t", retries=2)
    assert len(exporter.retries) == 2
    assert exporter.files() == []


@pytest.mark.parametrize("place", [0, 90, 2_000, 300_000])
def test_a_server_that_falls_silent_ends_in_the_time_that_is_set(
    exporter: Exporter, proxy: Proxy, server: Server, table: str, place: int
) -> None:
    proxy.every = ("stall", place)
    exporter.connect = {**exporter.connect, "connect_timeout": 1, "read_timeout": 1}
    began = time.monotonic()
    with pytest.raises(ShardError, match=r"timed out.*; nothing came for as long as `connect"):
        exporter.export(table, "t", retries=0)
    assert time.monotonic() - began < 6
    assert exporter.files() == []
    assert not server.running(f"`{table}`")


def test_silence_before_the_log_in_counts_against_connect_timeout(
    exporter: Exporter, proxy: Proxy, table: str
) -> None:
    proxy.every = ("stall", 0)
    exporter.connect = {**exporter.connect, "connect_timeout": 1, "read_timeout": 60}
    began = time.monotonic()
    with pytest.raises(ShardError, match="timed out"):
        exporter.export(table, "t", retries=0)
    assert time.monotonic() - began < 6


def test_a_network_that_creeps_is_healthy(
    exporter: Exporter, proxy: Proxy, table: str, whole: str
) -> None:
    proxy.bytes_per_second = 600_000
    exporter.connect = {**exporter.connect, "read_timeout": 1}
    began = time.monotonic()
    export = exporter.export(table, "t", retries=0)
    assert time.monotonic() - began > 1.5
    assert export.manifest.sha256 == whole
