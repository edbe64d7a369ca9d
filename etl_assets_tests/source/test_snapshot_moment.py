"""One moment of a shard table, whatever others write meanwhile, and where the log stood then."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_assets_tests.support.exporting import DIGITS, Exporter
from etl_assets_tests.support.servers import Server, private_server
from etl_assets_tests.support.writing import TOTAL, writing


def test_an_export_amid_writes_is_one_moment_and_its_count_fits(
    server: Server, database: str, exporter: Exporter
) -> None:
    server.execute(
        f"CREATE TABLE {database}.t "
        "(id bigint primary key, money int, pair bigint, pad text) ENGINE=InnoDB",
        f"INSERT INTO {database}.t SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n, 1000, 0, "
        f"REPEAT('\"', 300) FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c, ({DIGITS}) d",
    )
    with writing(server, f"{database}.t") as done:
        for _ in range(5):
            before = done[0]
            exporter.progress.clear()
            export = exporter.export(database, "t")
            assert done[0] > before, "nobody wrote meanwhile"
            assert sum(int(money or 0) for money in export.column("money")) == TOTAL
            pairs = Counter(pair for pair in export.column("pair") if pair != "0")
            assert set(pairs.values()) <= {2}, "half a transaction"
            assert export.manifest.source_rows == export.manifest.rows == len(export.rows)
            assert export.manifest.snapshot.exact


@pytest.fixture(scope="module")
def logging_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that keeps a binary log."""
    folder = tmp_path_factory.mktemp("server")
    with private_server(folder, f"--log-bin={folder}/log", "--server-id=1") as server:
        yield server


def test_the_manifest_says_where_the_binary_log_stood(
    logging_server: Server, tmp_path: Path
) -> None:
    server = logging_server
    with server.database() as database:
        server.execute(f"CREATE TABLE {database}.t (id int primary key)")
        first = Exporter(server, tmp_path).export(database, "t").manifest.snapshot.position
        server.execute(f"INSERT INTO {database}.t VALUES (1)")
        second = Exporter(server, tmp_path).export(database, "t").manifest.snapshot.position
    assert first is not None
    assert second is not None
    assert first.exact
    if server.is_mariadb:
        # Which the reader may know, who can only SELECT.
        assert first.file == second.file == "log.000001"
        assert first.offset is not None
        assert second.offset is not None
        assert 0 < first.offset < second.offset
        assert first.gtid != second.gtid
    else:
        assert first.file is None


def test_without_a_binary_log_there_is_no_position(tmp_path: Path, server: Server) -> None:
    if int(server.execute("SELECT @@log_bin")[0][0]):
        pytest.skip("the server given keeps a binary log")
    with server.database() as database:
        server.execute(f"CREATE TABLE {database}.t (id int primary key)")
        assert Exporter(server, tmp_path).export(database, "t").manifest.snapshot.position is None
