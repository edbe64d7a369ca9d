"""Windows that refuse or fail, and the line that says how to go on, followed to the letter."""

import shlex
from pathlib import Path

from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.shop import CONFIG, DAY, EXPORT, SHARDS, small_shop


def test_after_drift_the_printed_command_exports_what_was_mended(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    shop.run("shop_00", "ALTER TABLE orders_01 ADD COLUMN colour TEXT")
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    assert "the columns of its shards differ" in done.err
    assert "_manifest.json" not in shop.names()
    command = done.problems[-1].removeprefix("again: etl-assets ")
    for database, table in SHARDS:
        if (database, table) != ("shop_00", "orders_01"):
            shop.run(database, f"ALTER TABLE {table} ADD COLUMN colour TEXT")
    done = etl_assets(tmp_path, *shlex.split(command))
    assert (done.code, done.err) == (0, "")
    assert "_manifest.json" in shop.names()


def test_a_shard_s_name_is_printed_as_it_is(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, CONFIG.replace("orders_{00..01}", "orders:x:"))
    shop.run("shop_00", "ALTER TABLE orders_00 RENAME TO 'orders:x:'")
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO 'orders:x:'")
    done = etl_assets(tmp_path, *EXPORT)
    assert (done.code, done.err) == (0, "")
    assert "demo.shop_00.orders:x:: " in done.out


def test_a_window_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    days = ["2026-11-01", DAY, "2026-11-03"]
    name = "demo.shop_00.orders_00"
    (shop.window() / f"{name}.csv" / "in the way").mkdir(parents=True)
    done = etl_assets(tmp_path, "export", "orders", "--from", days[0], "--to", days[2])
    assert done.code == 1
    complete = [(shop.window(key=day) / "_manifest.json").exists() for day in days]
    assert complete == [True, False, True]
    failed, again = done.problems
    assert failed.startswith(f"failed: {name}: ")
    assert f"--partition {DAY} " in again
    assert done.out.splitlines()[-2] == f"2 of 3 windows are done; not: orders {DAY}"
