"""Patterns to shards, and shards to file names."""

import hashlib
import math
import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.config import parse_config
from etl_assets.errors import ConfigError
from etl_assets.tables.lockfile import write_lock
from etl_assets.tables.topology import (
    Shard,
    expand,
    key_part,
    load_topology,
    safe_name,
    shorten,
    split_name,
    twins_of,
)

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
    assert expand(r"s.a\${0..1}") == ["s.a$0", "s.a$1"]
    assert expand("s.{,a_}t") == ["s.t", "s.a_t"]
    assert expand("s.t_{3..1}") == ["s.t_3", "s.t_2", "s.t_1"]
    assert expand("s.t_{0..6..3}") == ["s.t_0", "s.t_3", "s.t_6"]


def test_more_than_a_thousand_names_are_expanded() -> None:
    assert len(expand("s_{00..63}.t_{0000..0063}")) == 4096


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_braces_give_as_many_names_as_they_multiply_to(counts: list[int]) -> None:
    found = expand("s.t" + "".join(f"_{{1..{count}}}" for count in counts))
    # A shell leaves {1..1} one name too.
    assert len(found) == len(set(found)) == math.prod(counts)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_can_be_written_with_backslashes(name: str) -> None:
    assert expand("".join(f"\\{char}" for char in name)) == [name]


@pytest.mark.parametrize(
    "pattern",
    ["s.t_{00..}", "s.t_{0}", "s.t_{", "s.t}", "s.{}", "s.t_{a..bb}", "s.${SHOP}", "{s.t"],
)
def test_a_brace_left_unexpanded_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="got a brace left unexpanded"):
        expand(pattern)


@pytest.mark.parametrize("pattern", ["s.t_${['a','b']}", "s.t_$->{ ['a']}", "s_${[1,2]}.t"])
def test_shardingsphere_s_lists_are_not_taken_for_names(pattern: str) -> None:
    with pytest.raises(ValueError, match="got ShardingSphere's list"):
        expand(pattern)


def test_too_many_names_are_refused_before_they_are_made() -> None:
    with pytest.raises(ValueError, match="expected at most 1000000 names"):
        expand("s.t_{0..99999999}")


@pytest.mark.parametrize("name", ["orders", ".t", "s.", "."])
def test_a_name_needs_a_database_and_a_table(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected database\.table"):
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
    with pytest.raises(ConfigError, match=r"shards\[1\]\.tables: .* got h\.s\.t_1 twice"):
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
    assert safe_name("100%~`\n") == "100%25%7E%60%0A"


@pytest.mark.parametrize(
    ("database", "table"),
    [("..", ".."), ("a/b", "../../c"), ("a", "b.c"), ("", "\0"), ("~", "~"), ("e\u0301", "é")],
)
def test_no_name_leaves_its_folder(tmp_path: Path, database: str, table: str) -> None:
    stem = Shard("orders", "h", database, table).file_stem
    assert stem.count(".") == 2
    path = tmp_path / f"{stem}.csv"
    path.touch()
    assert list(tmp_path.iterdir()) == [path]
    assert [unquote(part) for part in stem.split(".")] == ["h", database, table]


@given(st.lists(names, min_size=2, max_size=2, unique=True), names)
def test_files_of_different_shards_have_different_names(tables: list[str], database: str) -> None:
    stems = {Shard("orders", "h", database, table).file_stem for table in tables}
    assert len(stems) == 2


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=30, max_size=300))
def test_a_long_name_is_cut_and_ends_in_its_hash(name: str) -> None:
    whole = safe_name(name)
    stem = shorten(whole)
    if len(f"{whole}.csv".encode()) <= 200:
        assert stem == whole
    else:
        kept, _, digest = stem.rpartition("~")
        assert digest == hashlib.sha256(whole.encode()).hexdigest()[:16]
        assert whole.startswith(kept)
        assert 200 - 4 < len(f"{stem}.csv.zst".encode()) <= 200
        assert not re.search(r"%[0-9A-F]?$", kept)


def test_long_names_that_begin_alike_have_different_files() -> None:
    stems = {Shard("orders", "h" * 40, "s", "表" * 63 + end).file_stem for end in "abc"}
    assert len(stems) == 3
    assert all(len(stem.encode()) <= 200 and "~" in stem for stem in stems)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        (r"my\.db.orders", [("my.db", "orders")]),
        (r"my\.db_{0..1}.orders.old", [("my.db_0", "orders.old"), ("my.db_1", "orders.old")]),
        (r"a\\.b", [("a\\", "b")]),
        ("shop.a.b", [("shop", "a.b")]),
    ],
)
def test_a_backslash_takes_a_dot_into_the_database_s_name(
    tmp_path: Path, pattern: str, names: list[tuple[str, str]]
) -> None:
    document = {"host": "h", "tables": pattern}
    assert shards(tmp_path, document) == [f"h.{database}.{table}" for database, table in names]


@given(
    st.text(st.sampled_from("%/.25EFf aé"), max_size=8),
    st.text(st.sampled_from("%/.25EF"), max_size=8),
)
def test_a_part_of_an_asset_key_stands_for_one_name(name: str, other: str) -> None:
    assert not set("/.") & set(key_part(name))
    assert (key_part(name) == key_part(other)) == (name == other)


def test_only_a_slash_a_dot_and_what_looks_like_one_is_encoded() -> None:
    names = ["per%cent", "x/y", "x.y", "x%2Fy", "x%2Ey", "x%25y", "%2f", "100%"]
    assert list(map(key_part, names)) == [
        "per%cent", "x%2Fy", "x%2Ey", "x%252Fy", "x%252Ey", "x%2525y", "%2f", "100%",
    ]  # fmt: skip


def test_shards_whose_files_differ_in_letter_case_or_normal_form_are_twins() -> None:
    # A combining mark is percent-encoded in a file's name; Korean is decomposed into letters.
    names = ("t", "T", "\uac00", "\u1100\u1161", "caf\u00e9", "cafe\u0301", "t2")
    shards = [Shard("orders", "demo", "shop", name) for name in names]
    t, upper, composed, decomposed, *_ = shards
    assert twins_of(shards) == {
        t: upper,
        upper: t,
        composed: decomposed,
        decomposed: composed,
    }
