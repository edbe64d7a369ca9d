"""A few cases of `make fuzz`, the same every time, and that it finds what it is there to find."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from etl_assets.extract import extract
from etl_assets.extract.block import Block
from etl_assets_tests.fuzz.case import Case
from etl_assets_tests.fuzz.facts import read_facts
from etl_assets_tests.fuzz.hunting import BATCH, Hunt, has_kind
from etl_assets_tests.fuzz.trying import Place, RefusedError, place
from etl_assets_tests.support.servers import Server


@pytest.fixture(scope="module")
def where(server: Server) -> Iterator[Place]:
    with place(server) as found:
        yield found


@pytest.fixture(scope="module")
def hunt(server: Server) -> Hunt:
    return Hunt(read_facts(server), seed=1)


@pytest.mark.parametrize("only", ["all", "split-text"])
@pytest.mark.filterwarnings("ignore::pymysql.Warning")
def test_random_tables_are_exported_as_the_plain_driver_reads_them(
    where: Place, hunt: Hunt, only: str
) -> None:
    for number, case in zip(range(BATCH), replace(hunt, only=only).batch(0), strict=False):
        try:
            found = where.differences(case)
        except RefusedError:
            continue
        assert not found, "\n".join([f"case {number}", *map(str, found), *case.lines()])


def test_a_number_leads_to_the_same_case_again(hunt: Hunt) -> None:
    number, case = next(hunt.numbered(BATCH + 3))
    assert number == BATCH + 3
    assert case == next(hunt.numbered(number))[1]
    assert case != next(hunt.numbered(number + 1))[1]


def test_a_lost_row_is_found_and_made_small(
    where: Place, hunt: Hunt, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losing(*arguments: Any) -> Iterator[Block]:
        return (Block(b"", block.rows) for block in extract(*arguments))

    monkeypatch.setattr("etl_assets.export.whole.extract", losing)
    number, case = next((n, c) for n, c in hunt.numbered() if lost(where, c))
    small = hunt.smallest(number, has_kind(where, "rows lost"), case, 2.0)
    assert lost(where, small)
    assert small != case


def lost(where: Place, case: Case) -> bool:
    return has_kind(where, "rows lost")(case)
