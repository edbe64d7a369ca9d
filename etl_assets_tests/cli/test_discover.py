"""`etl-assets discover`: the tables that patterns find, and what becomes of the lock."""

from pathlib import Path

import pytest

from etl_assets.tables.lockfile import LOCK_NAME, read_lock
from etl_assets_tests.support.checked import findings
from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.shop import CONFIG, DAY, SHARDS, small_shop
from etl_assets_tests.support.wrong_configurations import shards


def test_discover_resolves_patterns_that_export_then_uses(cluster: Cluster, tmp_path: Path) -> None:
    match = rf"^{cluster.prefix}_0[01]\.orders_\d+$"
    shop = cluster.shop(tmp_path, shards=f"{{host: db, match: '{match}'}}")
    lock = tmp_path / "etl_assets.lock"
    first = etl_assets(tmp_path, "discover")
    assert (first.code, first.err) == (0, "")
    wanted = cluster.shards[:8]
    assert [line for line in first.out.splitlines() if " + " in line] == [
        f"orders db: + {database}.{table}" for database, table in wanted
    ]
    assert first.out.splitlines()[-1] == f"wrote {lock}; commit it"
    written = lock.read_bytes()

    again = etl_assets(tmp_path, "discover")
    assert again.code == 0
    assert " + " not in again.out
    assert again.out.splitlines()[-1] == f"{lock} is up to date"
    assert lock.read_bytes() == written

    done = etl_assets(tmp_path, "export", "--partition", DAY)
    assert (done.code, done.err) == (0, "")
    stems = [f"db.{database}.{table}.csv" for database, table in wanted]
    assert [shard["file"] for shard in shop.manifest()["shards"]] == stems


def test_discover_says_what_changed_and_check_what_it_would_find(
    cluster: Cluster, tmp_path: Path
) -> None:
    match = rf"^{cluster.prefix}_00\."
    shop = cluster.shop(tmp_path, shards=f"{{host: db, match: '{match}'}}")
    assert etl_assets(tmp_path, "discover").code == 0
    database, table = cluster.shards[0]
    change = f"RENAME TABLE `{database}`.{table} TO `{database}`.archive"
    undo = f"RENAME TABLE `{database}`.archive TO `{database}`.{table}"
    cluster.server.execute(change)
    try:
        found = findings(shop)
        done = etl_assets(tmp_path, "discover")
        after = findings(shop)
    finally:
        cluster.server.execute(undo)
    assert found == [
        f"orders: db.{database}.{table}: missing on the server",
        f"orders: db.{database}.archive: on the server, but nobody exports it",
    ]
    assert done.out.splitlines()[:3] == [
        f"orders db: + {database}.archive",
        f"orders db: - {database}.{table}",
        f"orders db: 4 tables match {match}",
    ]
    assert after == []


PATTERNS = (
    "[{host: demo, match: '^shop_00[.]'}, {host: demo, match: '^shop_01[.]orders_0'}, "
    "{host: demo, match: '^nothing[.]'}]"
)


def test_discover_where_a_pattern_finds_nothing_names_it_and_writes_what_the_others_found(
    tmp_path: Path,
) -> None:
    shop = small_shop(tmp_path, shards(PATTERNS))
    done = etl_assets(tmp_path, "discover")
    assert done.code == 1
    (problem,) = done.problems
    assert problem.startswith("etl_assets.yaml:5: tables.orders.shards[2].match: expected ")
    assert "'^nothing[.]', got none" in problem
    assert [line for line in done.out.splitlines() if " + " in line] == [
        f"orders demo: + {database}.{table}" for database, table in SHARDS
    ]
    assert f"wrote {tmp_path / LOCK_NAME}" in done.out
    refused = etl_assets(tmp_path, "export", "orders", "--partition", DAY)
    assert refused.code == 2
    (problem,) = refused.problems
    assert problem.startswith("etl-assets: etl_assets.yaml:5: ")
    assert "got none in etl_assets.lock" in problem
    # Nothing changed, and yet it cannot be used.
    assert etl_assets(tmp_path, "discover").code == 1
    shop.configure(shards(PATTERNS.replace("nothing", "shop_01")))
    assert etl_assets(tmp_path, "discover").code == 0


def test_discover_names_patterns_that_are_gone_and_drops_them(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, shards(PATTERNS.rsplit(", {", 1)[0] + "]"))
    assert etl_assets(tmp_path, "discover").code == 0
    shop.configure(shards("[{host: demo, match: '^shop_00[.]'}]"))
    done = etl_assets(tmp_path, "discover")
    assert (done.code, done.err) == (0, "")
    dropped = "orders demo: dropped ^shop_01[.]orders_0, which the configuration has no more"
    assert dropped in done.out.splitlines()
    (key,) = read_lock(tmp_path).resolved
    assert key[2] == "^shop_00[.]"

    shop.configure(CONFIG)
    done = etl_assets(tmp_path, "discover")
    assert (done.code, done.err) == (0, "")
    assert "orders demo: dropped ^shop_00[.]" in done.out
    assert done.out.splitlines()[-1].endswith(f"removed {tmp_path / LOCK_NAME}; commit that")
    assert not (tmp_path / LOCK_NAME).exists()
    done = etl_assets(tmp_path, "discover")
    assert (done.code, done.out.splitlines()[-1][-20:]) == (0, " nothing to discover")


@pytest.mark.parametrize("broken", [b"", b"<<<<<<< HEAD\n", b"[]", b"\xff"])
def test_discover_replaces_a_lock_that_cannot_be_read(tmp_path: Path, broken: bytes) -> None:
    shop = small_shop(tmp_path, shards("[{host: demo, match: '^shop_00[.]'}]"))
    (tmp_path / LOCK_NAME).write_bytes(broken)
    done = etl_assets(tmp_path, "discover")
    assert done.code == 0
    (problem,) = done.problems
    assert problem.startswith("etl_assets.lock:1: expected ")
    assert problem.endswith("; every pattern is resolved anew")
    assert etl_assets(tmp_path, "plan", "orders").code == 0

    (tmp_path / LOCK_NAME).write_bytes(broken)
    shop.configure(CONFIG)
    assert etl_assets(tmp_path, "discover").code == 0
    assert not (tmp_path / LOCK_NAME).exists()


def test_discover_writes_nothing_where_one_database_cannot_be_read(tmp_path: Path) -> None:
    small_shop(tmp_path, shards(PATTERNS))
    (tmp_path / "shop_01.db").write_bytes(b"no database" * 1000)
    done = etl_assets(tmp_path, "discover")
    assert (done.code, done.out) == (1, "")
    (problem,) = done.problems
    assert problem.startswith("etl-assets: demo: ")
    assert not [path for path in tmp_path.iterdir() if LOCK_NAME in path.name]


def test_discover_of_a_host_that_cannot_be_reached_keeps_the_lock(
    cluster: Cluster, tmp_path: Path
) -> None:
    match = rf"^{cluster.prefix}_00\."
    shop = cluster.shop(tmp_path, shards=f"{{host: db, match: '{match}'}}")
    assert etl_assets(tmp_path, "discover").code == 0
    before = (tmp_path / "etl_assets.lock").read_bytes()
    text = (tmp_path / "etl_assets.yaml").read_text("utf-8")
    shop.configure(text.replace(f":{cluster.server.port}", ":1"))
    done = etl_assets(tmp_path, "discover")
    assert done.code == 1
    (problem,) = done.problems
    assert problem.startswith("etl-assets: db: error 2003: ")
    assert (tmp_path / "etl_assets.lock").read_bytes() == before
