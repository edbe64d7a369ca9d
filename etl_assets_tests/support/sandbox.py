"""A folder of definitions as `dg` makes it, and what Dagster itself warns of when it is loaded."""

from collections.abc import Iterator

import pytest
from dagster.components.testing import create_defs_folder_sandbox
from dagster.components.testing.utils import DefsFolderSandbox

dagsters_own_warnings = pytest.mark.filterwarnings(
    "ignore:`parse_obj_as` is deprecated",
    "ignore:Class `LocalFileCodeReference` is currently in beta",
    "ignore:Class `CodeReferencesMetadataValue` is currently in beta",
    "ignore:Function `load_definitions_from_modules?` is currently in preview",
)
"""It reads each defs.yaml so, and notes in each definition where that is."""


@pytest.fixture
def sandbox() -> Iterator[DefsFolderSandbox]:
    with create_defs_folder_sandbox() as made:
        yield made
