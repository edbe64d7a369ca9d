"""What the tests against a real server may ask for."""

from pathlib import Path

import pytest

from etl_assets_tests.support.exporting import DIGITS, Exporter
from etl_assets_tests.support.servers import Server


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
