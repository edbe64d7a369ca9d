"""What every test may ask for."""

from collections.abc import Iterator

import pytest

from etl_assets_tests.servers import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real MariaDB or MySQL server; one for each process that runs tests."""
    # A short path: the socket's name must fit into 107 bytes.
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """A new database on the server."""
    with server.database() as name:
        yield name
