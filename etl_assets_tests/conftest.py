"""What every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest
from filelock import FileLock

from etl_assets_tests.support.servers import URL_VARIABLE, Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real MariaDB or MySQL server; one for each process that runs tests."""
    # A short path: the socket's name must fit into 107 bytes.
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


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
