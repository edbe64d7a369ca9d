"""What the owner of the tables is asked to look at."""

import re
from collections.abc import Sequence

import pytest

from etl_assets.tables.columns import Column
from etl_assets.tables.doubts import doubts_of, doubts_of_window
from etl_assets.tables.families import FoundTable, families
from etl_assets.tables.window_columns import window_columns
from etl_assets_tests.support.found import CREATED, found

OTHERS = [Column(name, "int") for name in "abc"]


def doubts(tables: Sequence[FoundTable]) -> list[str]:
    """Those about the first family."""
    made, single = families(tables)
    return list(doubts_of(made[0], made, single))


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([found("s.t_0"), found("s.t_1")], None),
        ([found("s_0.t_00"), found("s_0.t_01"), found("s_1.t_02"), found("s_1.t_03")], None),
        ([found(f"s.t_{n:02}") for n in range(9) if n != 4], "missing between the others: s.t_04"),
        ([found("s.t_0"), found("s.t_5")], None),
        ([found("s_0.t"), found("s_1.t")], "if each has a copy of all rows, keep one"),
        ([found("s.t_0"), found("s.t_1"), found("s.t_0", host="b")], "a server and its replica"),
        ([found("s.t"), found("s.t", host="b")], "a server and its replica"),
        ([found("s.t_0"), found("s.t_1"), found("s.t_2", Column("gift", "int"))],
         "1 of 3 shards differ from the others: a.s.t_2: column 'gift' is extra"),
        ([found("s.t_0", *OTHERS), found("s.t_1", *OTHERS),
          found("s.t_2", *OTHERS, *(Column(name, "int") for name in "wxyz"))],
         "column 'x' is extra, column 'y' is extra and 1 more; alter them"),
        ([found("s.t_0"), found("s.t_1"), found("s.t_2", *OTHERS)],
         "not taken, as they have other columns: a.s.t_2"),
        ([found(f"{s}.t_{n}") for s in ("old", "s") for n in range(2)],
         "s_t has the same stem, but databases of other names"),
    ],
)  # fmt: skip
def test_what_is_not_sure_of_shards_is_said(tables: list[FoundTable], words: str | None) -> None:
    said = doubts(tables)
    assert len(said) == (words is not None)
    assert words is None or words in said[0]


@pytest.mark.parametrize(
    ("numbers", "what"),
    [
        (["2025", "2026"], "years"),
        (["202512", "202601"], "months"),
        (["20251231", "20260101"], "days"),
        (["202512", "202613"], None),
    ],
)
def test_numbers_that_are_dates_are_better_matched(numbers: list[str], what: str | None) -> None:
    tables = [found(f"s.a+b_{number}") for number in numbers]
    said = doubts(tables)
    assert bool(said) == (what is not None)
    if what is not None:
        assert f"look like {what}" in said[0]
        pattern = said[0].split("'")[1]
        assert all(re.search(pattern, f"s.{table.name}") for table in tables)
        assert not re.search(pattern, f"s.a+b_{numbers[0]}_old")


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (None, ["no column seems to tell when a row came"]),
        (CREATED, ["no index begins with created_at: "]),
        (Column("updated_at", "datetime"), ["no index", "may be NULL", "change their window"]),
        (Column("ctime", "int"), ["no column seems to", "unit: s); look at a value"]),
    ],
)
def test_what_is_not_sure_of_windows_is_said(column: Column | None, words: list[str]) -> None:
    columns = [column] if column is not None else []
    said = list(doubts_of_window(window_columns([found("s.t", *columns)])))
    assert len(said) == len(words)
    assert all(word in doubt for word, doubt in zip(words, said, strict=True))
