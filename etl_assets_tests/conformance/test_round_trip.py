"""Charter: what the server reads back from an export is what it stored, for every type.

Each family of types is a table with every edge of every type and a row of NULLs. The hypothesis
cells are as many as ETL_ASSETS_TEST_CELLS says, 100,000 unless it is set.
"""

import os

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets_tests.conformance.matrix import FAMILIES, SHARES
from etl_assets_tests.conformance.number_types import number_types
from etl_assets_tests.conformance.round_trip import LOADABLE, RoundTrip
from etl_assets_tests.conformance.values import edge_rows, made_batches

CELLS = int(os.environ.get("ETL_ASSETS_TEST_CELLS", "100000"))

CONVENTIONS = {
    "as LOAD DATA takes them": LOADABLE,
    "all quoted": CsvFormat(null="NULL", quoting="all"),
    "base64, tabs, no header": CsvFormat(
        null="NULL", binary="base64", delimiter="\t", header=False
    ),
    "compressed": CsvFormat(null="NULL", compression="gzip"),
}


@pytest.mark.parametrize("conventions", CONVENTIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_edges_of_every_type_come_back_bit_by_bit(
    round_trip: RoundTrip, family: str, conventions: str
) -> None:
    types = FAMILIES[family](round_trip.server)
    rows = list(edge_rows(types))
    outcome = round_trip.of_rows([t.sql for t in types], rows, CONVENTIONS[conventions])
    assert outcome.differences == []
    assert outcome.cells == len(rows) * (len(types) + 1)
    # Only the row of NULLs is NULL: the server took every value.
    assert outcome.present == outcome.cells - len(types)


# The longer run is as long as it is told to be.
@pytest.mark.timeout(max(120, CELLS // 500))
@pytest.mark.parametrize("family", FAMILIES)
def test_values_that_hypothesis_makes_come_back_bit_by_bit(
    round_trip: RoundTrip, family: str
) -> None:
    types = FAMILIES[family](round_trip.server)
    share = CELLS * SHARES[family] // 100
    cells = 0
    for rows in made_batches(types, share):
        outcome = round_trip.of_rows([t.sql for t in types], rows)
        assert outcome.differences == []
        assert outcome.present > 0.9 * outcome.cells
        cells += len(rows) * len(types)
    assert cells >= share


def test_most_of_what_hypothesis_makes_is_made_once() -> None:
    types = [kind for kind in number_types() if kind.sql in ("double", "decimal(65,30)")]
    batches = list(made_batches(types, 5_000))
    made = [cell for batch in batches for row in batch for cell in row]
    assert len(made) == 5_000
    assert len(set(made)) > 0.6 * len(made)
    assert batches == list(made_batches(types, 5_000))
