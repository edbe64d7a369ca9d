"""What the conformance tests may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_assets_tests.conformance.round_trip import RoundTrip
from etl_assets_tests.support.servers import Server


@pytest.fixture
def round_trip(server: Server, database: str, tmp_path: Path) -> Iterator[RoundTrip]:
    """Round trips in a database of the test's own."""
    with server.changed(local_infile=1):
        yield RoundTrip(server, database, tmp_path)
