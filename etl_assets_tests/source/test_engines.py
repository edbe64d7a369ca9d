"""Engines: made at first use, one a host and process, without a word of their password."""

import multiprocessing
import os
import pickle
import ssl
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl_assets.config import HostConfig
from etl_assets.source.engines import Engines
from etl_assets.source.mysql.abandon import thread_of
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import HOST
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server


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
