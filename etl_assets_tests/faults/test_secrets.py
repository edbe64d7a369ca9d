"""A password is found nowhere: in no log, event, manifest, exception or process list."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_assets.instance.home import HOME_NAME
from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import SCRIPT, environment, etl_assets
from etl_assets_tests.support.running_command import running
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server
from etl_assets_tests.support.shop import EXPORT, Shop

DEBUGGING = """
python_logs: {python_log_level: DEBUG, managed_python_loggers: [root]}
telemetry: {enabled: false}
"""
SHOW = """
import etl_assets.definitions
database = etl_assets.definitions.defs.resources["database"]
engine = database.engines.get("db", "")
print(repr(database), str(database), database.engines, vars(database.engines), engine, engine.url)
"""


@pytest.fixture
def secret(server: Server) -> Iterator[str]:
    """The password of the reader while a test runs, of characters that are often escaped."""
    before = environment()[PASSWORD_VARIABLE]
    made = f"s3cret:/@{secrets.token_hex(8)}"
    server.execute(f"SET PASSWORD FOR '{server.reader}'@'%' = {_hashed(server, made)}")
    try:
        yield made
    finally:
        server.execute(f"SET PASSWORD FOR '{server.reader}'@'%' = {_hashed(server, before)}")


def _hashed(server: Server, password: str) -> str:
    return f"PASSWORD('{password}')" if server.is_mariadb else f"'{password}'"


@pytest.fixture
def shop(cluster: Cluster, tmp_path: Path) -> Shop:
    """Four of the shard tables, and an instance that logs everything."""
    home = tmp_path / HOME_NAME
    home.mkdir()
    (home / "dagster.yaml").write_text(DEBUGGING)
    pattern = f'{{host: db, tables: "{cluster.prefix}_00.orders_{{00..03}}"}}'
    return cluster.shop(tmp_path, shards=pattern, table='    where: "SLEEP(0.001) = 0"\n')


def holding(folder: Path, secret: str) -> list[Path]:
    """The files below a folder that hold the secret."""
    needle = secret.encode()
    return [path for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_a_password_is_found_nowhere_after_success_and_failure(shop: Shop, secret: str) -> None:
    said = []
    for given, code in ((secret, 0), (f"{secret}x", 1)):
        env = {PASSWORD_VARIABLE: given}
        export = etl_assets(shop.folder, *EXPORT, env=env)
        check = etl_assets(shop.folder, "plan", "--check", env=env)
        assert (export.code, check.code) == (code, code)
        said += [export.out, export.err, check.out, check.err]
    assert "error 1045" in "".join(said)
    assert secret not in "".join(said)
    assert holding(shop.folder, secret) == []


def test_a_password_is_in_no_command_line(shop: Shop, server: Server, secret: str) -> None:
    with running(shop, *EXPORT, env={PASSWORD_VARIABLE: secret}) as command:
        command.wait_for(lambda: server.running("SLEEP(0.001)"))
        lines = command.processes().values()
        assert lines
        assert not [line for line in lines if secret in line]


def test_no_object_that_holds_a_password_shows_it(shop: Shop, secret: str) -> None:
    shown = subprocess.run(
        [SCRIPT.with_name("python"), "-c", SHOW],
        cwd=shop.folder,
        env=environment({PASSWORD_VARIABLE: secret}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "mysql+pymysql://" in shown.stdout
    assert secret not in shown.stdout + shown.stderr
