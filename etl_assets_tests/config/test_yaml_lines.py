"""YAML as plain values, with the line of every key."""

import re

import pytest

from etl_assets.config.yaml_lines import dotted, read_yaml

DOCUMENT = b"""\
# A comment.
hosts:
  a: {url: x,
      max: 3}

tables:
  - one
  - two:
      null: text
"""


def test_every_part_has_its_line() -> None:
    values, lines = read_yaml(DOCUMENT)
    assert values == {
        "hosts": {"a": {"url": "x", "max": 3}},
        "tables": ["one", {"two": {"null": "text"}}],
    }
    assert lines == {
        (): 2,
        ("hosts",): 2,
        ("hosts", "a"): 3,
        ("hosts", "a", "url"): 3,
        ("hosts", "a", "max"): 4,
        ("tables",): 6,
        ("tables", 0): 7,
        ("tables", 1): 8,
        ("tables", 1, "two"): 8,
        ("tables", 1, "two", "null"): 9,
    }


def test_keys_are_always_text() -> None:
    values, _ = read_yaml(b"null: a\non: b\n1: c\n2026-11-01: d\n~: e")
    assert values == {"null": "a", "on": "b", "1": "c", "2026-11-01": "d", "~": "e"}


def test_dates_stay_text_and_other_values_are_what_yaml_says() -> None:
    values, _ = read_yaml(b"[2026-11-01, 2026-11-01 13:00:00, 5, 1.5, true, ~, '5']")
    assert values == ["2026-11-01", "2026-11-01 13:00:00", 5, 1.5, True, None, "5"]


def test_a_merged_key_may_be_replaced_by_the_mapping_s_own() -> None:
    values, _ = read_yaml(b"a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\nc: {x: 4, <<: *a}\nd: *a")
    assert values == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 3, "y": 2},
        "c": {"x": 4, "y": 2},
        "d": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: 1\nb:\n  c: 1\n  c: 2", ":4: b.c: expected each key once, got it twice"),
        (b"a: [{b: 1, b: 2}]", ":1: a[0].b: expected each key once, got it twice"),
        (b"a: 1\n? [b]\n: c", ":2: expected text as a key, got a list or a mapping"),
        (b"a: 1\nb: c: d", ":2: expected YAML, got mapping values are not allowed here"),
        (b"a: 1\nb: 'c", ":2: expected YAML, got unexpected end of stream"),
        (b"a: 1\nb: \x01", ":2: expected YAML, got special characters are not allowed"),
        (b"a: 1\n\xff", ":2: expected UTF-8, got byte 0xff"),
        (b"a: *b", ":1: expected YAML, got undefined alias"),
        (b"a: 1\n---\nb: 2", ":2: expected YAML, got another document"),
        (b"a: &b [*b]", ":1: expected YAML, got maximum recursion depth exceeded"),
        (b"a:\n  - !!python/name:os.system x", ":2: expected YAML, got could not determine"),
        (b"a:\n  - 0x_", ":2: a[0]: expected a value, got '0x_'"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(data: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(problem)):
        read_yaml(data)


def test_an_empty_document_is_nothing() -> None:
    assert read_yaml(b"") == (None, {})
    assert read_yaml(b"\xef\xbb\xbf# a comment behind a byte order mark\n") == (None, {})


def test_a_location_is_written_with_dots_and_indexes() -> None:
    assert dotted(("tables", "orders", "shards", 0, "host")) == "tables.orders.shards[0].host"
    assert dotted(()) == ""
