"""`etl-assets init`: from tables on servers to a configuration that exports them."""

import os
from pathlib import Path

import pytest

from etl_assets.cli import init as command
from etl_assets.cli.init_hosts import given_hosts
from etl_assets.errors import UsageError
from etl_assets.tables.topology import load_topology
from etl_assets_tests.support.checked import findings
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server
from etl_assets_tests.support.shop import CONFIG, SHARDS, Shop, small_shop

FILES = "sqlite:///{database}.db"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop in SQLite files without a configuration."""
    made = small_shop(tmp_path)
    (tmp_path / "etl_assets.yaml").unlink()
    return made


def test_what_init_writes_is_checked_exported_and_verified(shop: Shop) -> None:
    shop.run("shop_00", "CREATE TABLE settings (a INT)")
    done = etl_assets(shop.folder, "init", "--url", FILES, "--host-name", "demo")
    assert (done.code, done.err) == (0, "")
    *lines, then = done.out.splitlines()
    time = "created_at (datetime, NOT NULL, no index begins with it)"
    assert lines == [
        f"orders: 4 shards on demo; rows by {time}",
        "not sharded, so not exported but listed as comments: 1",
        f"wrote {shop.folder / 'etl_assets.yaml'}; places in it that say `unsure`: 1",
        "next: etl-assets plan --check",
    ]
    assert then.startswith("then: etl-assets export --partition ")
    (table,) = load_topology(shop.config)
    assert [(shard.database, shard.shard_table) for shard in table.shards] == list(SHARDS)
    assert "\n#   demo.shop_00.settings\n" in shop.text
    *_, key = then.split()
    for database, name in SHARDS:
        shop.run(database, f"UPDATE {name} SET created_at = '{key} 12:00:00'")
    assert findings(shop) == []
    assert etl_assets(shop.folder, *then.split()[2:]).code == 0
    assert shop.manifest(key=key)["rows"] == 24
    assert etl_assets(shop.folder, "verify", "--partition", key).code == 0


def test_shards_of_a_server_are_numbered_across_its_databases(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = "id BIGINT PRIMARY KEY, gmt_create DATETIME NOT NULL, KEY (gmt_create)"
    url = ("--url", server.url, "--host-name", "shop-a")
    with server.database("init") as prefix:
        databases = [f"{prefix}_{number}" for number in range(2)]
        try:
            for number in range(8):
                database = databases[number // 4]
                server.execute(f"CREATE DATABASE IF NOT EXISTS {database}")
                server.execute(f"CREATE TABLE {database}.`订单{{x}}_{number:02}` ({columns})")
            monkeypatch.delenv("SHOP_A_PASSWORD", raising=False)
            denied = etl_assets(tmp_path, "init", *url)
            left = list(tmp_path.iterdir())
            wrong = etl_assets(tmp_path, "init", *url, env={"SHOP_A_PASSWORD": "wrong"})
            secret = {"SHOP_A_PASSWORD": os.environ[PASSWORD_VARIABLE]}
            done = etl_assets(tmp_path, "init", *url, env=secret)
        finally:
            for database in databases:
                server.execute(f"DROP DATABASE IF EXISTS {database}")
    assert (denied.code, left) == (2, [])
    (problem,) = denied.problems
    assert (
        "expected the password in the environment variable SHOP_A_PASSWORD, got it unset" in problem
    )
    assert (wrong.code, len(wrong.problems)) == (1, 1)
    assert (done.code, done.err) == (0, "")
    text = Shop(tmp_path).text
    assert "    password: {env: SHOP_A_PASSWORD}\n" in text
    assert f'tables: "{prefix}_0.订单\\\\{{x\\\\}}_{{00..03}}"' in text
    assert f'tables: "{prefix}_1.订单\\\\{{x\\\\}}_{{04..07}}"' in text
    assert "# rows by gmt_create (datetime, NOT NULL, indexed)" in text
    assert secret["SHOP_A_PASSWORD"] not in text


def test_nothing_is_written_where_nothing_is_found_or_nobody_answers(tmp_path: Path) -> None:
    done = etl_assets(tmp_path, "init", "--url", FILES)
    assert (done.code, done.out) == (1, "")
    (problem,) = done.problems
    assert f"{FILES} from {tmp_path}: expected tables whose names differ in numbers" in problem
    done = etl_assets(tmp_path, "init", "--url", "mysql://root@127.0.0.1:1")
    assert (done.code, done.out) == (1, "")
    (problem,) = done.problems
    assert problem.startswith("etl-assets: 127-0-0-1: error 2003: ")
    (tmp_path / "shop_0.db").write_bytes(b"no database" * 1000)
    assert etl_assets(tmp_path, "init", "--url", FILES).code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["shop_0.db"]


def test_a_file_that_is_there_stays(shop: Shop, tmp_path: Path) -> None:
    hosts = given_hosts([FILES], [], [])
    path = tmp_path / "etl_assets.yaml"
    shop.configure(CONFIG)
    with pytest.raises(UsageError, match=r"etl_assets\.yaml: expected no such file yet, got one"):
        command.run_init(hosts, path)
    assert shop.text == CONFIG
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(UsageError, match="expected no such file yet"):
        command.run_init(hosts, path)
    with pytest.raises(UsageError, match="expected a folder to write into"):
        command.run_init(hosts, tmp_path / "no" / "etl_assets.yaml")
    assert path.is_symlink()


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_somebody_writes_meanwhile_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    prove = command._prove

    def slowly(*arguments: object) -> None:
        prove(*arguments)  # type: ignore[arg-type]
        shop.configure(CONFIG)

    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    path = shop.folder / "etl_assets.yaml"
    monkeypatch.setattr(command, "_prove", slowly)
    with pytest.raises(UsageError, match="expected no such file yet"):
        command.run_init(given_hosts([FILES], [], []), path)
    assert shop.text == CONFIG
    path.unlink()
    monkeypatch.setattr(command, "_prove", prove)
    assert command.run_init(given_hosts([FILES], [], []), path) == 0
    assert len(load_topology(shop.config)) == 1
    assert not list(shop.folder.glob(".etl_assets.yaml*"))
