"""What the tests against a real server may ask for."""

from pathlib import Path

import pytest

from etl_assets_tests.integration.exporting import Exporter
from etl_assets_tests.servers import Server


@pytest.fixture
def exporter(server: Server, tmp_path: Path) -> Exporter:
    """Exports into a folder of the test's own."""
    return Exporter(server, tmp_path)
