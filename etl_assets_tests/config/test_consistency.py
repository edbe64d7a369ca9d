"""What no single part of the configuration can see."""

import json
from pathlib import Path

import pytest

from etl_assets.errors import ConfigError
from etl_assets_tests.support.minimal import MINIMAL, URL, edited, load


@pytest.mark.parametrize(
    ("url", "where", "told"),
    [
        (URL, "s='a') or (s='b'", "expected brackets that close one another, got one that closes"),
        (URL, "a = '\\' or b = '('", "expected each quote closed, got one that stays open"),
        (URL, "a = ']' or x = 'it''s )'", None),
        ("sqlite:///{database}.db", "a = '\\' or b = '('", None),
        ("sqlite:///{database}.db", "[a(b] = 1", None),
        (URL, "[a(b] = 1", "one that stays open"),
    ],
)
def test_a_condition_stays_in_its_brackets(
    tmp_path: Path, url: str, where: str, told: str | None
) -> None:
    text = edited(URL, url) + f"    where: {json.dumps(where)}\n"
    if told is None:
        assert load(tmp_path, text).tables["orders"].where == where
        return
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, text)
    assert str(refusal.value).startswith("etl_assets.yaml:9: tables.orders.where: ")
    assert told in str(refusal.value)
    assert str(refusal.value).endswith(repr(where))


@pytest.mark.parametrize(
    ("directory", "told"),
    [("nosuch://bucket/x", "Protocol not known"), ("gs://bucket/x", "gcsfs")],
)
def test_a_url_that_nothing_can_write_to_is_told_before_anything_is_read(
    tmp_path: Path, directory: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^etl_assets\.yaml:9: output\.directory: .*{told}"):
        load(tmp_path, MINIMAL + f"output: {{directory: '{directory}'}}\n")


def test_a_compression_without_its_package_is_told_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl_assets.config.consistency.find_spec", lambda name: None)
    text = MINIMAL + "output: {csv: {compression: zstd}}\n"
    with pytest.raises(ConfigError, match=r"expected the package zstandard, got none; install"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("5", "expected at most 4, the max_connections of shop-a, got 5"),
        ("0", "expected at least 1, got 0"),
        ("1.5", "expected a whole number, got 1.5"),
        ("true", "expected a whole number, got true"),
    ],
)
def test_parts_are_whole_numbers_within_the_host_s_limit(
    tmp_path: Path, value: str, told: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, f"{MINIMAL}    split: {value}\n")
    assert str(refusal.value) == f"etl_assets.yaml:9: tables.orders.split: {told}"
    assert load(tmp_path, f"{MINIMAL}    split: 4\n").tables["orders"].split == 4


def test_sqlite_is_not_read_in_parts(tmp_path: Path) -> None:
    text = edited(URL, "sqlite:///{database}.db") + "    split: 2\n"
    with pytest.raises(ConfigError, match=r":9: .*expected 1 on SQLite \(host shop-a\), got 2"):
        load(tmp_path, text)
