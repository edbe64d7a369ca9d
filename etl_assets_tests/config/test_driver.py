"""Options for the driver: known, typed, or refused with what stands for them."""

import inspect
import pickle
from pathlib import Path

import pytest
from pymysql.connections import Connection

from etl_assets.config import load_config
from etl_assets.config.driver import DRIVER_OPTIONS, FIXED_OPTIONS, REFUSED_OPTIONS
from etl_assets.errors import ConfigError
from etl_assets.source.engines import Engines
from etl_assets.source.mysql.engine import beside
from etl_assets_tests.support.minimal import URL, edited, load


def connecting(options: str) -> str:
    """The minimal configuration with options for the driver."""
    return edited(f"    url: {URL}", f"    url: {URL}\n    connect: {{{options}}}")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("conect_timeout: 5", "conect_timeout: expected connect_timeout, got an option that"),
        ("nonsense: 5", "nonsense: expected one of bind_address, collation, connect_timeout"),
        ("connect_timeout: abc", "connect_timeout: expected a number of seconds, got something"),
        ("read_timeout: 0", "read_timeout: expected a number of seconds, got 0"),
        ("read_timeout: true", "read_timeout: expected a number of seconds, got true"),
        ("ssl_disabled: 7", "ssl_disabled: expected true or false, got 7"),
        ("read_timeout: .nan", "read_timeout: expected a number of seconds, got nan"),
        ("ssl_verify_identity: 'no'", "ssl_verify_identity: expected true or false, got something"),
        ("ssl_ca: [a]", "ssl_ca: expected the path of a file, got something else"),
        ("collation: 'utf8mb4_bin; DROP'", "collation: expected a collation of utf8mb4, got some"),
        (
            "ssl: {ca: a.pem}",
            "ssl: expected ssl_ca, ssl_cert, ssl_key and ssl_verify_identity, each",
        ),
        ("read_default_file: my.cnf", "read_default_file: expected the options themselves"),
        ("local_infile: true", "local_infile: expected an option that reads"),
        ("ssl_disabled: true, ssl_ca: a", "ssl_ca: expected no `ssl_disabled: true` beside it"),
        ("ssl_ca: a, ssl_verify_cert: false", "ssl_verify_cert: expected true, as `ssl_ca` is set"),
        ("ssl_key: a", "ssl_key: expected `ssl_cert` beside it, got none"),
    ],
)
def test_an_option_that_the_driver_would_stumble_over_is_refused(
    tmp_path: Path, option: str, told: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^etl_assets\.yaml:4: hosts\.shop-a\.connect\.{told}"):
        load(tmp_path, connecting(option))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("ssl_ca=ca.pem", "ssl_ca"),
        ("ssl_disabled=false", "ssl_disabled"),
        ("read_timeout=5&charset=latin1", "read_timeout, charset"),
        ("foo", "something else"),
    ],
)
def test_options_have_no_place_in_the_url(tmp_path: Path, query: str, named: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, edited(URL, f"'{URL}?{query}'"))
    assert str(refusal.value) == (
        f"etl_assets.yaml:3: hosts.shop-a.url: expected a URL without options, got {named} "
        "after the ?; move it to `connect`"
    )


def test_every_option_of_the_driver_is_known_or_left_out_for_a_reason() -> None:
    known = set(inspect.signature(Connection.__init__).parameters) - {"self"}
    secret = {"password", "passwd", "ssl_key_password"}
    # Not implemented by the driver, or it would not connect, or takes Python objects.
    useless = {"compress", "named_pipe", "defer_connect", "auth_plugin_map"}
    assert known == {*DRIVER_OPTIONS, *REFUSED_OPTIONS, *FIXED_OPTIONS, *secret, *useless}


def test_a_certificate_that_is_not_there_is_told_when_the_file_is_read(tmp_path: Path) -> None:
    text = connecting("ssl_ca: ca.pem")
    words = (
        rf"^etl_assets\.yaml:4: hosts\.shop-a\.connect\.ssl_ca: expected .*none at {tmp_path}/ca"
    )
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, text)
    # `verify` does without.
    config = load_config(tmp_path / "etl_assets.yaml", connects=False)
    with pytest.raises(ConfigError, match=rf"ssl_ca: expected a file, got none at {tmp_path}/ca"):
        Engines(config.hosts, config.home).get("shop-a", "")
    (tmp_path / "ca.pem").touch()
    load(tmp_path, text)


def test_a_relative_path_starts_beside_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").touch()
    config = load(tmp_path, connecting("ssl_ca: ca.pem, unix_socket: s.sock"))
    monkeypatch.chdir("/")
    engines = Engines(config.hosts, config.home)
    engines.get("shop-a", "")
    options = config.hosts["shop-a"].connect
    assert pickle.loads(pickle.dumps(engines)).host("shop-a").connect == options
    assert beside(config.home, options) == {
        "ssl_ca": str(tmp_path / "ca.pem"),
        "unix_socket": str(tmp_path / "s.sock"),
    }
