"""etl_assets.lock: sorted, stable, and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.errors import ConfigError
from etl_assets.lock import LOCK_NAME, natural_order, read_lock, write_lock

KEY = ("orders", "shop-b", r"^shop_\d+\.orders_\d+$")


def test_what_was_written_is_read_back_in_natural_order(tmp_path: Path) -> None:
    names = [("shop_10", "t_1"), ("shop_2", "t_10"), ("shop_2", "t_9"), ("汉字", "a.b c")]
    write_lock(tmp_path, {KEY: names})
    assert read_lock(tmp_path).tables(*KEY) == [
        ("shop_2", "t_9"),
        ("shop_2", "t_10"),
        ("shop_10", "t_1"),
        ("汉字", "a.b c"),
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / LOCK_NAME]


def test_the_file_is_the_same_whatever_the_order(tmp_path: Path) -> None:
    other = ("users", "shop-a", "^u")
    write_lock(tmp_path, {KEY: [("s", "t_2"), ("s", "t_1")], other: []})
    first = (tmp_path / LOCK_NAME).read_bytes()
    write_lock(tmp_path, {other: [], KEY: [("s", "t_1"), ("s", "t_2")]})
    assert (tmp_path / LOCK_NAME).read_bytes() == first


def test_a_table_more_is_a_line_more(tmp_path: Path) -> None:
    def lines(*tables: str) -> set[str]:
        write_lock(tmp_path, {KEY: [("s", table) for table in tables]})
        text = (tmp_path / LOCK_NAME).read_text(encoding="utf-8")
        return {line.strip().rstrip(",") for line in text.splitlines()}

    assert lines("t_1", "t_2", "t_3") - lines("t_1", "t_3") == {'"t_2"'}


def test_a_pattern_that_was_never_resolved_is_not_an_empty_one(tmp_path: Path) -> None:
    assert read_lock(tmp_path).tables(*KEY) is None
    write_lock(tmp_path, {KEY: []})
    assert read_lock(tmp_path).tables(*KEY) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"patterns": [{"table": "orders"}]}', "\0"])
def test_any_other_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^etl_assets\.lock:1: .*; run `etl-assets discover`"):
        read_lock(tmp_path)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_any_names_can_be_ordered(names: list[tuple[str, str]]) -> None:
    ordered = sorted(names, key=natural_order)
    assert sorted(ordered) == sorted(names)
