"""What every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest
from filelock import FileLock

from etl_assets_tests.support.areas import Areas
from etl_assets_tests.support.cluster import Cluster, orders_on
from etl_assets_tests.support.exporting import DIGITS, Exporter
from etl_assets_tests.support.servers import URL_VARIABLE, Server, running_server


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Show areas, but neither in a worker's process nor where a name for each test is wanted."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not config.get_verbosity() and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Areas(terminal))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real MariaDB or MySQL server; one for each process that runs tests."""
    # A short path: the socket's name must fit into 107 bytes.
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def cluster(server: Server) -> Iterator[Cluster]:
    """Sixteen shard tables; a test that changes them takes that back."""
    with orders_on(server) as made:
        yield made


@pytest.fixture(autouse=True)
def _turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """On a server that was given workers take turns: some tests change its global settings."""
    if URL_VARIABLE not in os.environ or "server" not in request.fixturenames:
        yield
        return
    with FileLock(Path(gettempdir()) / "etl_assets_tests.lock"):
        yield


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A new database on the server."""
    with server.database() as name:
        yield name


@pytest.fixture
def exporter(server: Server, tmp_path: Path) -> Exporter:
    """Exports into a folder of the test's own."""
    return Exporter(server, tmp_path)


@pytest.fixture
def orders(server: Server, database: str) -> str:
    """A shard table `t` of a thousand rows on 2026-11-02; gives the database's name."""
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key, title varchar(50), card_no varchar(20), "
        "created_at datetime)",
        f"INSERT INTO {database}.t SELECT a.n + 10 * b.n + 100 * c.n, "
        "IF(a.n = 4, '50%:x off', CONCAT('title ', a.n)), '4111', '2026-11-02 12:00:00' "
        f"FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c",
    )
    return database
