"""A server that goes away and comes back amid an export."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_assets_tests.support.exporting import DIGITS, Exporter
from etl_assets_tests.support.servers import Server, private_server


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has on the disk what it has committed, though it is killed."""
    option = "--innodb-flush-log-at-trx-commit=1"
    with private_server(tmp_path_factory.mktemp("server"), option) as server:
        yield server


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_server_that_is_restarted_amid_the_rows_heals_by_itself(
    durable: Server, tmp_path: Path, how: signal.Signals
) -> None:
    server = durable
    with server.database() as database:
        server.execute(
            f"CREATE TABLE {database}.t (id int primary key, text text) ENGINE=InnoDB",
            f"INSERT INTO {database}.t SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n, "
            f"REPEAT('x', 5000) FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c, ({DIGITS}) d",
        )
        exporter = Exporter(server, tmp_path)
        whole = exporter.export(database, "t").manifest
        # Of 50 MB, which no socket holds: the server has to be there to the end.
        streaming = threading.Event()

        def restart() -> None:
            assert streaming.wait(30)
            server.restart(how)

        restarter = threading.Thread(target=restart)
        restarter.start()
        again = exporter.export(
            database, "t", retries=8, on_progress=lambda progress: streaming.set()
        )
        restarter.join()
        assert exporter.retries
        assert again.manifest.sha256 == whole.sha256
        assert [path.name for path in tmp_path.iterdir()] == [whole.file]
