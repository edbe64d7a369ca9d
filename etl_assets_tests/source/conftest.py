"""What the tests of sources may ask for."""

from collections.abc import Iterator

import pytest

from etl_assets.source.engines import Engines
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import HOST, Exporter
from etl_assets_tests.support.servers import Server


@pytest.fixture
def engines(exporter: Exporter) -> Iterator[Engines]:
    """Engines for the server, closed at the end."""
    made = exporter.engines()
    yield made
    made.dispose()


@pytest.fixture
def shard(server: Server, database: str) -> Shard:
    """A shard table of two rows."""
    server.execute(
        f"CREATE TABLE {database}.t (id int primary key) ENGINE=InnoDB",
        f"INSERT INTO {database}.t VALUES (1), (2)",
    )
    return Shard("orders", HOST, database, "t")
