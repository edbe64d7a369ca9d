"""Shard tables that differ, rows in no window, all shards in one file, with the real command."""

import csv
import hashlib
from pathlib import Path

from dagster import AssetCheckKey, AssetCheckSeverity, AssetKey
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from etl_assets.instance.home import HOME_NAME
from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import Done, etl_assets
from etl_assets_tests.support.recorded import instance_of
from etl_assets_tests.support.shop import CONFIG, DAY, EXPORT, SHARDS, Shop, small_shop

PARTITION = "partition: {every: day, start: 2026-11-01, column: created_at}"


def shop_with(folder: Path, settings: str, more: str = "") -> Shop:
    """The small shop with more settings of its logical table."""
    return small_shop(folder, CONFIG.replace(PARTITION, f"{PARTITION}\n    {settings}") + more)


def check_of(shop: Shop, name: str) -> tuple[bool, AssetCheckSeverity, str]:
    """The last result of a check of orders: passed, how bad, and the cause."""
    with instance_of(shop.folder / HOME_NAME) as instance:
        (record,) = instance.event_log_storage.get_asset_check_execution_history(
            AssetCheckKey(AssetKey(["orders"]), name), limit=1
        )
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    cause = evaluation.metadata.get("cause")
    return evaluation.passed, evaluation.severity, str(cause.value) if cause else ""


def succeeded(done: Done) -> bool:
    """Whether a command came to a good end, with nothing on stderr."""
    return (done.code, done.err) == (0, "")


# on_drift


def test_under_union_it_is_null_where_it_is_missing(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "on_drift: union", 'output: {csv: {null: "NULL"}}\n')
    shop.run("shop_00", "ALTER TABLE orders_01 ADD COLUMN gift INTEGER")
    shop.run("shop_00", "UPDATE orders_01 SET gift = 7")
    shop.run("shop_01", "ALTER TABLE orders_00 DROP COLUMN photo")
    assert succeeded(etl_assets(tmp_path, *EXPORT))

    names = ["id", "code", "price", "note", "photo", "created_at", "gift"]
    for database, table in SHARDS:
        header, *records = shop.records(f"demo.{database}.{table}")
        assert header == names
        has_gift = (database, table) == ("shop_00", "orders_01")
        assert {record[-1] for record in records} == {"7" if has_gift else "NULL"}
    assert [record[4] for record in shop.records("demo.shop_01.orders_00")[1:]] == ["NULL", "NULL"]
    manifest = shop.manifest()
    assert [column["name"] for column in manifest["columns"]] == names
    lacking = [[c["name"] for c in s["columns"] if c.get("missing")] for s in manifest["shards"]]
    assert lacking == [["gift"], [], ["photo", "gift"], ["gift"]]
    assert succeeded(etl_assets(tmp_path, "verify", "orders", "--partition", DAY))

    plan = etl_assets(tmp_path, "plan", "--check")
    assert plan.code == 0
    assert "column 'photo' is missing (allowed)" in plan.err
    assert check_of(shop, "matches_servers")[0]


def test_a_column_of_two_types_has_no_union(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "on_drift: union")
    shop.run("shop_00", "ALTER TABLE orders_00 ADD COLUMN gift INTEGER")
    shop.run("shop_00", "ALTER TABLE orders_01 ADD COLUMN gift TEXT")
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    assert "expected one type of 'gift', got integer in demo.shop_00.orders_00, text in" in done.err
    assert "Traceback" not in done.err
    plan = etl_assets(tmp_path, "plan", "--check")
    assert plan.code == 1
    assert "expected one type of 'gift'" in plan.err


def test_drift_on_a_server_is_told_by_plan_and_by_the_check(
    cluster: Cluster, tmp_path: Path
) -> None:
    shop = cluster.shop(tmp_path, table="    on_drift: union\n")
    (a, _), *_ = cluster.shards
    name = f"`{a}`.orders_0"
    cluster.server.execute(
        f"ALTER TABLE {name}1 MODIFY title VARCHAR(80) CHARACTER SET utf8mb3",
        f"UPDATE {name}2 SET card_no = ''",
        f"ALTER TABLE {name}2 MODIFY card_no CHAR(16) NOT NULL",
        f"ALTER TABLE {name}3 MODIFY note TEXT AFTER id, MODIFY title VARCHAR(99)",
        f"CREATE TABLE {name}9 LIKE {name}0",
    )
    try:
        strict = etl_assets(tmp_path, "plan", "--check")
        shop.configure(cluster.config())
        fails = etl_assets(tmp_path, "plan", "--check")
        shop.configure(cluster.config(table="    on_drift: union\n"))
        done = etl_assets(tmp_path, *EXPORT)
    finally:
        cluster.server.execute(
            f"DROP TABLE {name}9",
            f"ALTER TABLE {name}1 MODIFY title VARCHAR(80) CHARACTER SET utf8mb4",
            f"ALTER TABLE {name}2 MODIFY card_no CHAR(16)",
            f"ALTER TABLE {name}3 MODIFY note TEXT AFTER card_no, MODIFY title VARCHAR(80)",
        )
    told = [
        "column 'title' is in utf8mb3, elsewhere utf8mb4",
        "column 'card_no' is NOT NULL, elsewhere NULL",
        "column 'title' is varchar(99), elsewhere varchar(80)",
        "its columns stand in another order: id, note, title, price, card_no, created_at",
    ]
    for words in told:
        assert words in fails.err
        assert f"{words} (allowed)" in strict.err
    extra = f"db.{a}.orders_09  on the server, but nobody exports it"
    assert extra in strict.err
    assert (strict.code, strict.out.splitlines()[-1]) == (1, "1 finding")
    assert (fails.code, fails.out.splitlines()[-1]) == (1, "5 findings")

    # A table that nobody exports is a warning: what is configured is complete.
    assert succeeded(done)
    warning = f"orders: db.{a}.orders_09: on the server, but nobody exports it"
    assert f"warning: {warning}" in done.out.splitlines()
    assert check_of(shop, "matches_servers") == (False, AssetCheckSeverity.WARN, warning)
    names = ["id", "title", "price", "card_no", "note", "created_at"]
    assert [column["name"] for column in shop.manifest()["columns"]] == names
    for database, table in cluster.shards[:4]:
        assert shop.records(f"db.{database}.{table}")[1:] == cluster.rows(
            database, table, ", ".join(names)
        )


# rows_outside


def test_rows_in_no_window_are_counted_and_warned_of(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    assert succeeded(etl_assets(tmp_path, *EXPORT))
    assert check_of(shop, "rows_in_windows") == (True, AssetCheckSeverity.WARN, "")

    shop.run("shop_00", "UPDATE orders_00 SET created_at = '2026-10-31 23:59:59' WHERE id % 2")
    done = etl_assets(tmp_path, *EXPORT)
    assert succeeded(done)
    cause = "orders: 3 rows in no window: created_at is NULL, zero or before 2026-11-01, in 1 shard"
    assert f"warning: {cause}" in done.out.splitlines()
    assert [shard["rows_outside"] for shard in shop.manifest()["shards"]] == [3, 0, 0, 0]
    assert check_of(shop, "rows_in_windows") == (False, AssetCheckSeverity.WARN, cause)


def test_rows_in_no_window_refuse_the_window_where_it_is_asked_for(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "rows_outside: fail\n    merge: true")
    shop.run("shop_00", "UPDATE orders_00 SET created_at = '2026-10-31 23:59:59' WHERE id % 2")
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    assert "refused: orders: 3 rows in no window" in done.err
    assert "_manifest.json" not in shop.names()
    assert "orders.csv" not in shop.names()
    assert check_of(shop, "rows_in_windows")[:2] == (False, AssetCheckSeverity.ERROR)


def test_the_server_counts_rows_in_no_window_with_an_index_and_without(
    cluster: Cluster, tmp_path: Path
) -> None:
    shop = cluster.shop(tmp_path)
    (a, first), (b, second), *_ = cluster.shards
    stray = "(id, price, created_at) VALUES (1, 1, NULL), (2, 2, 0), (3, 3, '2026-10-31 23:59:59')"
    with cluster.server.connect(init_command="SET sql_mode=''") as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE INDEX at ON `{b}`.{second} (created_at)")
        for database, table in ((a, first), (b, second)):
            cursor.execute(f"INSERT INTO `{database}`.{table} {stray}")
        try:
            done = etl_assets(tmp_path, *EXPORT)
        finally:
            cursor.execute(f"DROP INDEX at ON `{b}`.{second}")
            for database, table in ((a, first), (b, second)):
                cursor.execute(f"DELETE FROM `{database}`.{table} WHERE id < 4")
    assert succeeded(done)
    counts = [shard["rows_outside"] for shard in shop.manifest()["shards"]]
    assert counts == [3, 3, *[0] * 14]
    assert "warning: orders: 6 rows in no window" in done.out


def test_where_nothing_is_counted_there_is_no_verdict(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, CONFIG.replace("{processes: 2}", "{processes: 2, verify: none}"))
    assert succeeded(etl_assets(tmp_path, *EXPORT))
    assert [shard["rows_outside"] for shard in shop.manifest()["shards"]] == [None] * 4
    with instance_of(tmp_path / HOME_NAME) as instance:
        key = AssetCheckKey(AssetKey(["orders"]), "rows_in_windows")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert record.status is AssetCheckExecutionRecordStatus.PLANNED


# merge


def test_all_shards_are_one_file_too_where_it_is_asked_for(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "merge: true")
    assert succeeded(etl_assets(tmp_path, *EXPORT))
    path = shop.window() / "orders.csv"
    with path.open(newline="", encoding="utf-8") as file:
        header, *records = csv.reader(file)
    shards = [(d, t, shop.records(f"demo.{d}.{t}")) for d, t in SHARDS]
    assert header == ["_host", "_database", "_table", *shards[0][2][0]]
    assert records == [["demo", d, t, *row] for d, t, (_, *rows) in shards for row in rows]
    assert shop.manifest()["merged"] == {
        "file": "orders.csv",
        "rows": 8,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert succeeded(etl_assets(tmp_path, "verify", "--partition", DAY))
    again = etl_assets(tmp_path, *EXPORT, "--resume")
    assert "complete already" in again.out

    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"demo", b"demi", 1))
    flipped = etl_assets(tmp_path, "verify", "--partition", DAY)
    assert flipped.code == 1
    assert f"{path}: expected SHA-256 " in flipped.err
    assert "again, without --resume" in flipped.err
    path.unlink()
    missing = etl_assets(tmp_path, "verify", "--partition", DAY)
    assert missing.code == 1
    assert f"{path}: missing, though its manifest is there; export the window with" in missing.err
    assert succeeded(etl_assets(tmp_path, *EXPORT, "--resume"))
    assert path.exists()
    assert succeeded(etl_assets(tmp_path, "verify", "--partition", DAY))


def test_a_merged_file_goes_with_the_wish_for_it(tmp_path: Path) -> None:
    shop = shop_with(tmp_path, "merge: true\n    csv: {compression: gzip}")
    assert succeeded(etl_assets(tmp_path, *EXPORT))
    assert "orders.csv.gz" in shop.names()
    shop.configure(CONFIG)
    assert succeeded(etl_assets(tmp_path, *EXPORT))
    assert not [name for name in shop.names() if name.startswith("orders.")]
    assert "merged" not in shop.manifest()
