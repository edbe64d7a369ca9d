"""Patterns to shards, and shards to file names."""

import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.config import parse_config
from etl_assets.errors import ConfigError
from etl_assets.lock import write_lock
from etl_assets.topology import Shard, expand, load_topology, safe_name, shorten, split_name

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def shards(tmp_path: Path, *patterns: dict[str, str]) -> list[str]:
    """The shards of a logical table with these patterns."""
    document = {
        "hosts": {"h": {"url": "sqlite:///{database}.db"}},
        "tables": {
            "orders": {
                "shards": [{"host": "h", **pattern} for pattern in patterns],
                "partition": {"every": "day", "start": "2026-11-01"},
            }
        },
    }
    config = parse_config(document, {}, tmp_path / "etl_assets.yaml")
    return [str(shard) for shard in load_topology(config)[0].shards]


@given(st.integers(0, 999), st.integers(0, 200), st.integers(1, 5))
def test_a_range_keeps_its_padding(first: int, more: int, width: int) -> None:
    low, high = f"{first:0{width}}", f"{first + more:0{width}}"
    padded = max(len(low), len(high)) if "0" in (low[0], high[0]) and width > 1 else 0
    expected = [f"t_{number:0{padded}}" for number in range(first, first + more + 1)]
    assert expand(f"t_{{{low}..{high}}}") == expected


@given(st.integers(0, 50), st.integers(0, 50))
def test_shardingsphere_s_spelling_means_the_same(first: int, last: int) -> None:
    shell = expand(f"ds_{{{first}..{last}}}.t")
    assert expand(f"ds_${{{first}..{last}}}.t") == shell
    assert expand(f"ds_$->{{{first}..{last}}}.t") == shell


def test_braces_nest_multiply_and_may_be_escaped() -> None:
    assert expand("s_{0..1}.{a,b}") == ["s_0.a", "s_0.b", "s_1.a", "s_1.b"]
    assert expand("s.{a,b{1..2}}") == ["s.a", "s.b1", "s.b2"]
    assert expand(r"s.a\{b\}") == ["s.a{b}"]
    assert expand("s.a$b") == ["s.a$b"]


def test_more_than_a_thousand_names_are_expanded() -> None:
    assert len(expand("s_{00..63}.t_{0000..0063}")) == 4096


@pytest.mark.parametrize("pattern", ["s.t_{00..}", "s.t_{0}", "s.t_{", "s.t}"])
def test_a_brace_left_unexpanded_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="found a brace left unexpanded"):
        expand(pattern)


def test_shardingsphere_s_lists_are_not_taken_for_names() -> None:
    with pytest.raises(ValueError, match="found ShardingSphere's list"):
        expand("s.t_${['a','b']}")


def test_too_many_names_are_refused_before_they_are_made() -> None:
    with pytest.raises(ValueError, match="wanted at most 1000000 names"):
        expand("s.t_{0..99999999}")


@pytest.mark.parametrize("name", ["orders", ".t", "s.", "."])
def test_a_name_needs_a_database_and_a_table(name: str) -> None:
    with pytest.raises(ValueError, match=r"wanted database\.table"):
        split_name(name)


def test_the_first_dot_separates() -> None:
    assert split_name("shop...") == ("shop", "..")


def test_shards_stand_in_the_configuration_s_order(tmp_path: Path) -> None:
    assert shards(tmp_path, {"tables": "s_1.t_{2,0}"}, {"tables": "s_0.t_1"}) == [
        "h.s_1.t_2",
        "h.s_1.t_0",
        "h.s_0.t_1",
    ]


def test_a_shard_that_is_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"shards\[1\]\.tables: .* found h\.s\.t_1 twice"):
        shards(tmp_path, {"tables": "s.t_{0..1}"}, {"tables": "s.t_{1..2}"})


def test_a_match_is_looked_up_in_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unresolved; run `etl-assets discover`"):
        shards(tmp_path, {"match": r"^s\.t_\d+$"})
    write_lock(tmp_path, {("orders", "h", r"^s\.t_\d+$"): [("s", "t_10"), ("s", "t_2")]})
    assert shards(tmp_path, {"match": r"^s\.t_\d+$"}) == ["h.s.t_2", "h.s.t_10"]
    with pytest.raises(ConfigError, match="unresolved"):
        shards(tmp_path, {"match": r"^s\.other$"})


@given(names)
def test_a_safe_name_is_one_file_name_that_tells_the_original(name: str) -> None:
    safe = safe_name(name)
    assert unquote(safe) == name
    assert not set(safe) & set("/\\. \0")
    for char in re.sub(r"%[0-9A-F]{2}", "", safe):
        assert char in "_-" or unicodedata.category(char)[0] in "LN"


def test_letters_and_digits_of_any_script_stay() -> None:
    assert safe_name("汉字-表_٣é") == "汉字-表_٣é"
    assert safe_name("..") == "%2E%2E"
    assert safe_name("sla/sh sp") == "sla%2Fsh%20sp"
    assert safe_name("2026-11-02-13:00") == "2026-11-02-13%3A00"


@given(st.lists(names, min_size=2, max_size=2, unique=True), names)
def test_files_of_different_shards_have_different_names(tables: list[str], database: str) -> None:
    stems = {Shard("orders", "h", database, table).file_stem for table in tables}
    assert len(stems) == 2


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=30, max_size=300))
def test_a_long_name_is_cut_and_ends_in_its_hash(name: str) -> None:
    stem = shorten(safe_name(name))
    assert len(stem.encode()) <= 200
    if stem != safe_name(name):
        assert re.search(r"~[0-9a-f]{16}$", stem)
        assert not re.search(r"%[0-9A-F]?~", stem)
