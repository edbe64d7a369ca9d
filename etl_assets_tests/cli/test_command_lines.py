"""Windows that refuse or fail, and the line that says how to go on, followed to the letter."""

import shlex
from pathlib import Path

from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.shop import CONFIG, DAY, EXPORT, SHARDS, small_shop

MONDAY = DAY


def test_after_drift_the_printed_command_exports_what_was_mended(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    shop.run("shop_00", "ALTER TABLE orders_01 ADD COLUMN colour TEXT")
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    assert "the columns of its shards differ" in done.err
    command = done.problems[-1].removeprefix("again: etl-assets ")
    for database, table in SHARDS:
        if (database, table) != ("shop_00", "orders_01"):
            shop.run(database, f"ALTER TABLE {table} ADD COLUMN colour TEXT")
    done = etl_assets(tmp_path, *shlex.split(command))
    assert (done.code, done.err) == (0, "")
    assert "_manifest.json" in shop.names(MONDAY)


def test_resume_exports_a_window_again_whose_cadence_has_changed(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    assert etl_assets(tmp_path, *EXPORT).code == 0
    of_the_day = shop.manifest(key=MONDAY)["rows"]
    shop.configure(CONFIG.replace("every: day", "every: week"))
    # The week's other days are in the same tables.
    assert etl_assets(tmp_path, *EXPORT, "--resume").code == 0
    assert shop.manifest(key=MONDAY)["rows"] > of_the_day
    window = shop.manifest(key=MONDAY)["shards"][0]["window"]
    assert (window["start"][:10], window["end"][:10]) == (MONDAY, "2026-11-09")


def test_a_shard_s_name_is_printed_as_it_is(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, CONFIG.replace("orders_{00..01}", "orders:x:"))
    shop.run("shop_00", "ALTER TABLE orders_00 RENAME TO 'orders:x:'")
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO 'orders:x:'")
    done = etl_assets(tmp_path, *EXPORT)
    assert (done.code, done.err) == (0, "")
    assert "demo.shop_00.orders:x:: " in done.out


def test_where_its_runs_can_be_seen_is_printed_though_an_export_cannot_go_on(
    tmp_path: Path,
) -> None:
    small_shop(tmp_path)
    (tmp_path / "exports").write_text("no folder")
    done = etl_assets(tmp_path, *EXPORT)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert done.out.splitlines()[-1].endswith(f"DAGSTER_HOME={tmp_path / '.dagster_home'}")


def test_a_window_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    days = ["2026-11-01", MONDAY, "2026-11-03"]
    name = "demo.shop_00.orders_00"
    (shop.window(key=MONDAY) / f"{name}.csv" / "in the way").mkdir(parents=True)
    done = etl_assets(tmp_path, "export", "orders", "--from", days[0], "--to", days[2])
    assert done.code == 1
    complete = [(shop.window(key=day) / "_manifest.json").exists() for day in days]
    assert complete == [True, False, True]
    failed, again = done.problems
    assert failed.startswith(f"failed: {name}: ")
    assert f"--partition {MONDAY} " in again
    assert done.out.splitlines()[-2] == f"2 of 3 windows are done; not: orders {MONDAY}"
