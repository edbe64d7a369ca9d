"""`etl-assets export` against a real server: sixteen shards, filters, a lost table, odd names."""

import json
import os
import shutil
from pathlib import Path

import pytest

from etl_assets_tests.support.cluster import ROWS, Cluster
from etl_assets_tests.support.command import Done, etl_assets
from etl_assets_tests.support.recorded import instance_of, step_pids
from etl_assets_tests.support.servers import PASSWORD_VARIABLE, Server
from etl_assets_tests.support.shop import DAY, EXPORT, Shop

COLUMNS = ["id", "title", "price", "card_no", "note", "created_at"]
WHERE = "id % 2 = 0 and title not like '%:x%'"


@pytest.fixture(scope="module")
def shop(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A folder with the configuration for them."""
    return cluster.shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def exported(shop: Shop) -> Done:
    """One window of them, exported."""
    return etl_assets(shop.folder, *EXPORT)


def assert_same_rows(shop: Shop, cluster: Cluster, columns: list[str], where: str = "true") -> None:
    """Every cell is what the plain driver reads, and every count the server's."""
    manifest = shop.manifest()
    counts = []
    for (database, table), shard in zip(cluster.shards, manifest["shards"], strict=True):
        wanted = cluster.rows(database, table, ", ".join(columns), where)
        stem = f"db.{database}.{table}"
        header, *records = shop.records(stem)
        assert header == columns
        assert sorted(records) == sorted(wanted)
        assert shard == shop.manifest(f"{stem}.json")
        assert shard["rows"] == shard["source_rows"] == len(wanted)
        counts.append(len(wanted))
    assert manifest["rows"] == sum(counts) > 0


def test_sixteen_shards_give_sixteen_files_with_the_servers_rows(
    shop: Shop, cluster: Cluster, exported: Done
) -> None:
    assert (exported.code, exported.err) == (0, "")
    stems = [f"db.{database}.{table}" for database, table in cluster.shards]
    files = [f"{stem}.{ending}" for stem in stems for ending in ("csv", "json")]
    assert shop.names() == sorted([*files, "_manifest.json"])
    assert_same_rows(shop, cluster, COLUMNS)
    assert shop.manifest()["rows"] == 16 * ROWS // 3


def test_the_shards_come_from_many_processes(shop: Shop, exported: Done) -> None:
    assert exported.code == 0
    with instance_of(shop.folder / ".dagster_home") as instance:
        (run,) = instance.get_runs()
        pids = step_pids(instance, run.run_id)
    assert len(pids) == 18
    assert len(set(pids.values())) >= 2


def test_manifests_tell_of_a_snapshot_and_no_password(shop: Shop, exported: Done) -> None:
    assert exported.code == 0
    for shard in shop.manifest()["shards"]:
        assert shard["snapshot"]["server"] in ("mariadb", "mysql")
        assert shard["snapshot"]["isolation"] == "REPEATABLE READ"
        assert shard["snapshot"]["exact"] is True


def test_no_password_is_in_any_file_of_the_export_or_the_instance(
    shop: Shop, exported: Done
) -> None:
    secret = os.environ[PASSWORD_VARIABLE].encode()
    assert len(secret) > 8
    files = [path for path in shop.folder.rglob("*") if path.is_file()]
    assert len(files) > 33
    assert not [path for path in files if secret in path.read_bytes()]
    assert secret.decode() not in exported.out + exported.err


def test_a_where_and_an_excluded_column_are_what_the_server_makes_of_them(
    cluster: Cluster, tmp_path: Path
) -> None:
    table = f"    where: {json.dumps(WHERE)}\n    columns: {{exclude: [card_no]}}\n"
    shop = cluster.shop(tmp_path, table=table)
    done = etl_assets(tmp_path, *EXPORT)
    assert (done.code, done.err) == (0, "")
    assert_same_rows(shop, cluster, [c for c in COLUMNS if c != "card_no"], WHERE)
    assert shop.manifest()["rows"] < 16 * ROWS // 6


def test_a_lost_table_fails_by_name_and_comes_back_with_resume(
    shop: Shop, cluster: Cluster, exported: Done, tmp_path: Path
) -> None:
    assert exported.code == 0
    copy = Shop(tmp_path / "copy")
    shutil.copytree(shop.folder, copy.folder)
    shutil.rmtree(copy.folder / "exports")
    database, table = cluster.shards[6]
    here, away = f"`{database}`.`{table}`", f"`{database}`.`gone`"
    cluster.server.execute(f"RENAME TABLE {here} TO {away}")
    try:
        failed = etl_assets(copy.folder, *EXPORT)
    finally:
        cluster.server.execute(f"RENAME TABLE {away} TO {here}")
    assert failed.code == 1
    (problem,) = [line for line in failed.problems if line.startswith("failed: ")]
    assert problem.startswith(f"failed: db.{database}.{table}: error 1146: ")
    assert "put the table back and export with --resume" in problem
    assert failed.problems[-1] == f"again: etl-assets export orders --partition {DAY} --resume"
    names = copy.names()
    assert len([name for name in names if name != "_export.json"]) == 30
    assert "_manifest.json" not in names
    assert not [name for name in names if name.startswith(f"db.{database}.{table}.")]
    times = {p.name: p.stat().st_mtime_ns for p in copy.window().iterdir() if p.name[0] != "_"}

    resumed = etl_assets(copy.folder, *EXPORT, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert f"orders {DAY}: 1 of 1 shards" in resumed.out
    assert len(copy.names()) == 33
    assert times.items() <= {p.name: p.stat().st_mtime_ns for p in copy.window().iterdir()}.items()
    assert_same_rows(copy, cluster, COLUMNS)
    assert etl_assets(copy.folder, "verify", "orders", "--partition", DAY).code == 0


ODD_NAMES = {
    "sp ace": "sp%20ace",
    "sla/sh": "sla%2Fsh",
    "back`tick": "back%60tick",
    "汉字表": "汉字表",
    "..": "%2E%2E",
    "a-b": "a-b",
    "a_b": "a_b",
    "per%cent %s": "per%25cent%20%25s",
    "quo'te\"": "quo%27te%22",
}


def test_odd_names_are_exported_and_verified(server: Server, tmp_path: Path) -> None:
    with server.database("odd-sh op") as database:
        for name in ODD_NAMES:
            table = f"{_quoted(database)}.{_quoted(name)}"
            server.execute(
                f"CREATE TABLE {table} (`sp ace` INT, `a%b` INT, created_at DATETIME)",
                f"INSERT INTO {table} VALUES (1, 2, '{DAY} 00:00:00'), (3, 4, '{DAY} 23:59:59')",
            )
        shards = ", ".join(
            f"{{host: db, tables: {json.dumps(f'{database}.{name}')}}}" for name in ODD_NAMES
        )
        shop = Cluster(server, "").shop(tmp_path, shards=shards)
        done = etl_assets(tmp_path, *EXPORT)
        assert (done.code, done.err) == (0, "")
        stem = f"db.odd-sh%20op{database.removeprefix('odd-sh op')}"
        for encoded in ODD_NAMES.values():
            assert shop.records(f"{stem}.{encoded}") == [
                ["sp ace", "a%b", "created_at"],
                ["1", "2", f"{DAY} 00:00:00"],
                ["3", "4", f"{DAY} 23:59:59"],
            ]
        assert len(shop.names()) == 2 * len(ODD_NAMES) + 1
        assert etl_assets(tmp_path, "verify", "--partition", DAY).code == 0


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


@pytest.mark.parametrize(
    ("host", "number"),
    [
        ('"url": "mysql+pymysql://etl_reader@127.0.0.1:1"', 2003),
        ('"url": "mysql+pymysql://nobody@{host}:{port}"', 1045),
    ],
    ids=["unreachable", "unknown account"],
)
def test_a_server_that_refuses_is_named_with_its_number(
    cluster: Cluster, tmp_path: Path, host: str, number: int
) -> None:
    text = cluster.config(shards=f"{{host: db, tables: {cluster.prefix}_00.orders_00}}")
    server = cluster.server
    url = host.format(host=server.host, port=server.port)
    shop = Shop(tmp_path)
    shop.configure(text.replace(json.dumps(server.host_config())[1:].split(", ")[0], url))
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    assert done.problems[0].startswith(f"failed: db.{cluster.prefix}_00.orders_00: error {number}:")
    assert "Traceback" not in done.err
    assert shop.names() == []
