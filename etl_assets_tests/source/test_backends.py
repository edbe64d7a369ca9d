"""One seam between exporting and the databases, and one list of them."""

import re
from pathlib import Path
from typing import get_args

import etl_assets
from etl_assets.config.sql_text import BackendName
from etl_assets.source.backends import BACKENDS

PACKAGE = Path(etl_assets.__file__).parent

ASKS = re.compile(r"""dialect\.(name|driver)\b|is_mysql|[!=]= ["'](sqlite|mysql|mariadb)["']""")
"""The ways to ask a host, a connection or a query which database it is."""


def test_every_kind_of_host_has_a_backend_that_its_errors_lead_to() -> None:
    assert set(BACKENDS) == set(get_args(BackendName))
    assert len({backend.driver for backend in BACKENDS.values()}) == len(BACKENDS)


def test_nobody_but_the_registry_and_the_configuration_asks_which_database_it_is() -> None:
    asking = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if ASKS.search(file.read_text(encoding="utf-8"))
    }
    assert asking == {"config/model.py", "config/values.py", "source/backends.py"}
