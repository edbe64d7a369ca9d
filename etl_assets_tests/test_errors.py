"""Errors cross process boundaries whole."""

import pickle

import pytest

from etl_assets import errors

CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, errors.EtlAssetsError)
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_survives_pickling(kind: type[errors.EtlAssetsError]) -> None:
    error = kind("s.t", expected="a", got="b", next_step="do c")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error) == "s.t: expected a, got b; do c"
    assert copy.exit_code == error.exit_code


def test_a_wrong_setting_names_its_key_and_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(errors.SettingError("null", "expected a token, got none")))
    assert (copy.key, str(copy)) == ("null", "expected a token, got none")


def test_an_error_is_one_line_whatever_it_is_about() -> None:
    error = errors.ShardError("s.t", got="line one\nline two", next_step="see\nthe log")
    assert str(error) == "s.t: got line one line two; see the log"


def test_usage_and_configuration_exit_with_2() -> None:
    assert {kind.__name__ for kind in CLASSES if kind.exit_code == 2} == {
        "UsageError",
        "ConfigError",
    }
