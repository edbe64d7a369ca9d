"""etl_assets.lock: sorted, stable, and nothing else."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.errors import ConfigError
from etl_assets.tables.lockfile import LOCK_NAME, PatternKey, natural_order, read_lock, write_lock

NAMES = st.tuples(st.text(min_size=1), st.text(min_size=1))
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


def pattern(**changes: object) -> str:
    """A lock of one pattern, changed."""
    entry = {"table": "orders", "host": "h", "match": "^s", "found": {"s": ["t"]}, **changes}
    return json.dumps({"version": 1, "patterns": [entry]})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "5",
        '{"patterns": 5}',
        '{"patterns": [{"table": "orders"}]}',
        pattern(found=["t"]),
        pattern(found={"s": "orders"}),
        pattern(found={"s": [5]}),
        pattern(host=["h"]),
        "\0",
    ],
)
def test_any_other_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^etl_assets\.lock:1: .*; run `etl-assets discover`"):
        read_lock(tmp_path)


def test_a_conflict_that_was_not_resolved_is_named_with_its_line(tmp_path: Path) -> None:
    text = pattern().replace("[", "[\n<<<<<<< HEAD\n", 1)
    (tmp_path / LOCK_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^etl_assets\.lock:2: expected the file that"):
        read_lock(tmp_path)


def test_a_lock_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(ConfigError, match=r"^etl_assets\.lock:1: .* got Is a directory"):
        read_lock(tmp_path)


def test_a_lock_that_cannot_be_written_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).mkdir()
    with pytest.raises(IsADirectoryError):
        write_lock(tmp_path, {KEY: [("s", "t_1")]})
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


@given(st.dictionaries(st.tuples(st.text(), st.text(), st.text()), st.lists(NAMES, unique=True)))
def test_any_names_come_back(resolved: dict[PatternKey, list[tuple[str, str]]]) -> None:
    with TemporaryDirectory() as folder:
        write_lock(Path(folder), resolved)
        lock = read_lock(Path(folder))
        for key, names in resolved.items():
            assert sorted(lock.tables(*key) or []) == sorted(names)


@given(st.lists(st.tuples(st.text(), st.text()), max_size=6))
def test_any_names_can_be_ordered(names: list[tuple[str, str]]) -> None:
    ordered = sorted(names, key=natural_order)
    assert sorted(ordered) == sorted(names)
