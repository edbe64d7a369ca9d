"""A password is read where it is, at each connection, and is kept and shown nowhere."""

import pickle
import time
import tracemalloc
from pathlib import Path
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from etl_assets.config import HostConfig, load_config
from etl_assets.config import passwords as config_passwords
from etl_assets.config.passwords import PasswordSource
from etl_assets.errors import ConfigError
from etl_assets.export.split.part import PartOrder
from etl_assets.source.engines import Engines
from etl_assets.source.key_range import KeyRange
from etl_assets_tests.support.servers import Server

SECRET = "open #sesame ${HOME} 'é"


def source(**given: object) -> PasswordSource:
    """A source as it is read from the file."""
    return PasswordSource.model_validate(given)


@pytest.mark.parametrize(
    ("end", "kept"), [("", ""), ("\n", ""), ("\r\n", ""), ("\n\n", "\n"), (" \n", " ")]
)
def test_a_file_s_password_loses_one_line_break(tmp_path: Path, end: str, kept: str) -> None:
    (tmp_path / "secret").write_bytes(f"{SECRET}{end}".encode())
    assert source(file="secret").value(tmp_path) == SECRET + kept
    assert source(command=["cat", "secret"]).value(tmp_path) == SECRET + kept
    assert source(file="secret").environment == {}


def test_a_file_that_is_not_there_is_told_when_the_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "etl_assets.yaml"
    path.write_text(
        "hosts:\n  shop-a:\n    url: mysql://etl@db-a\n    password: {file: secret}\n"
        "tables:\n  orders:\n    shards: [{host: shop-a, tables: shop.orders}]\n"
        "    partition: {every: day, start: 2026-11-01}\n"
    )
    words = (
        rf"^etl_assets\.yaml:4: hosts\.shop-a\.password\.file: expected .*none at {tmp_path}/secret"
    )
    with pytest.raises(ConfigError, match=words):
        load_config(path)
    load_config(path, connects=False)
    (tmp_path / "secret").write_text(SECRET)
    assert SECRET not in repr(load_config(path))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"env": "A", "file": "b"}, "got env and file"),
        ({}, "got none"),
        ({"command": []}, "at least 1 item"),
        ({"command": SECRET}, "got something else"),
        *(
            ({"command": command}, "a command without secrets")
            for command in (
                ["login", "--password=" + SECRET],
                ["login", "--password", SECRET],
                ["sh", "-c", "login --db-token 'abc'"],
                ["curl", "-H", "X-Vault-Token: abc", "https://vault/v1/db"],
            )
        ),
    ],
)
def test_one_way_is_named_and_it_holds_no_secret(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        source(**given)


@pytest.mark.parametrize(
    "command",
    [
        ["op", "read", "op://vault/item/password"],
        ["bw", "get", "password", "shop"],
        ["vault", "kv", "get", "-field=password", "secret/db"],
        ["login", "--password", "--stdin"],
        ["login", "--password-file", "shop.txt"],
        ["sh", "-c", 'login --password $PW; curl -H "X-Vault-Token: $(cat token)"'],
        ["gcloud", "secrets", "versions", "access", "latest", "--secret", "shop"],
        ["aws", "secretsmanager", "get-secret-value", "--secret-id", "shop"],
    ],
)
def test_a_command_may_name_where_a_secret_is(command: list[str]) -> None:
    assert source(command=command).command == tuple(command)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["sh", "-c", f"echo '{SECRET[:4]}'; echo '{SECRET[:4]}' >&2; exit 7"], "exit code 7;"),
        (["no-such-program"], "a program that can be run, got No such file"),
        (["sh", "-c", "sleep 60 & wait"], "a password within 0.2 s and 65536 bytes, got none"),
        (["sh", "-c", "exec >&-; sleep 60 & wait"], "a password within 0.2 s .* got none yet"),
    ],
)
def test_a_command_that_fails_is_one_error_without_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], told: str
) -> None:
    monkeypatch.setattr(config_passwords, "COMMAND_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(ConfigError, match=told) as refusal:
        source(command=command).value(tmp_path)
    assert SECRET[:4] not in str(refusal.value) + repr(vars(refusal.value))
    assert time.monotonic() - began < 30


def test_a_command_that_never_stops_talking_does_not_fill_the_memory(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ConfigError, match="got none yet"):
            source(command=["yes"]).value(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_the_order_of_a_part_does_not_show_the_password() -> None:
    engines = Engines({}, Path())
    order = PartOrder(engines, Mock(), None, KeyRange(()), {"SHOP_A_PASSWORD": SECRET})
    assert SECRET not in repr(order)


def test_a_password_is_read_again_at_each_connection(server: Server, tmp_path: Path) -> None:
    account = f"{server.reader}_f"
    secret = tmp_path / "secret"
    host = HostConfig.model_validate(
        {"url": f"mysql://{account}@{server.host}:{server.port}", "password": {"file": "secret"}}
    )
    engines = Engines({"db": host}, tmp_path)
    server.execute(f"CREATE USER '{account}'@'%' IDENTIFIED BY 'x'")
    try:
        for password in ("first", SECRET):
            quoted = password.replace("'", "''")
            server.execute(f"ALTER USER '{account}'@'%' IDENTIFIED BY '{quoted}'")
            secret.write_text(f"{password}\n", encoding="utf-8")
            engine = engines.get("db", "")
            with engine.connect() as connection:
                assert connection.execute(sa.text("SELECT 1")).scalar() == "1"
                connection.invalidate()
            assert password.encode() not in pickle.dumps(engines)
            assert password not in repr(engine) + repr(vars(engine.pool))
    finally:
        engines.dispose()
        server.execute(f"DROP USER '{account}'@'%'")
