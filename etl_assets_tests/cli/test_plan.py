"""`etl-assets plan`: what would be exported, and what the servers have."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from etl_assets.cli.missing import missing_windows
from etl_assets.tables.topology import load_topology
from etl_assets_tests.support.checked import findings
from etl_assets_tests.support.cluster import Cluster
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.shop import CONFIG, SHARDS, Shop, small_shop
from etl_assets_tests.support.wrong_configurations import changed, partition
from etl_assets_tests.support.wrong_configurations import table as with_setting

STRAY = "rows in no window: created_at is NULL, zero or before 2026-11-01"
WITH_PASSWORD = CONFIG.replace(
    "hosts:\n",
    "hosts:\n  shop-a: {url: mysql+pymysql://db-a.invalid, password: {env: SHOP_A_PASSWORD}}\n",
)


# plan


def test_plan_shows_tables_hosts_shards_and_windows_and_creates_nothing(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    before = sorted(tmp_path.iterdir())
    done = etl_assets(tmp_path, "plan")
    assert (done.code, done.err) == (0, "")
    for words in (
        "orders: 4 shards on demo",
        "every day in UTC: rows by created_at",
        "windows: 2026-11-01 to ",
        "schedule: 10 0 * * * in UTC",
        f"files: {shop.folder / 'exports' / 'orders'}",
        "demo: 4 shards, at most 4 connections",
        *(f"{database}.{table}" for database, table in SHARDS),
    ):
        assert words in done.out
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("more", "recommended"),
    [
        ("columns: {include: [note]}", True),
        ("columns: {include: [note]}\n    csv: {quoting: all}", True),
        ("columns: {include: [note]}\n    csv: {null: '\\\\N'}", False),
        ("columns: {include: [id, note]}", False),
        ("columns: {exclude: [note]}", False),
    ],
)
def test_plan_recommends_a_null_token_for_files_of_one_column(
    tmp_path: Path, more: str, recommended: bool
) -> None:
    shop = Shop(tmp_path)
    shop.configure(with_setting(more))
    done = etl_assets(tmp_path, "plan")
    assert (done.code, done.err) == (0, "")
    advice = [line.strip() for line in done.out.splitlines() if "a NULL is an empty line" in line]
    assert len(advice) == recommended
    if recommended:
        # What it says can be written as it stands.
        shop.configure(
            with_setting(f"columns: {{include: [note]}}\n    {advice[0].split('such as ')[1]}")
        )
        assert shop.config.tables["orders"].csv.null == r"\N"


def test_plan_shows_which_windows_of_a_snapshot_table_may_be_exported(tmp_path: Path) -> None:
    Shop(tmp_path).configure(changed(", column: created_at", ""))
    done = etl_assets(tmp_path, "plan")
    (line,) = [line for line in done.out.splitlines() if "windows: " in line]
    today = datetime.now(UTC).date()
    assert line == f"  windows: {today - timedelta(days=1)} (complete), {today} (running)"


@pytest.mark.parametrize(("every", "days"), [("day", 0), ("month", 0), ("day", 3)])
def test_plan_shows_no_window_of_a_snapshot_table_that_has_not_begun(
    tmp_path: Path, every: str, days: int
) -> None:
    start = datetime.now(UTC).date() + timedelta(days=days)
    Shop(tmp_path).configure(partition(f"{{every: {every}, start: {start}}}"))
    done = etl_assets(tmp_path, "plan")
    (line,) = [line for line in done.out.splitlines() if "windows: " in line]
    begun = days == 0 and (every == "day" or start.day == 1)
    assert line == "  windows: " + (f"{start} (running)" if begun else "none has begun yet")


def test_plan_names_the_windows_that_are_not_complete_and_the_command_for_them(
    tmp_path: Path,
) -> None:
    shop = small_shop(tmp_path)
    for day in range(1, 5):
        shop.window(key=f"2026-11-{day:02}").mkdir(parents=True)
    (shop.window(key="2026-11-02") / "_manifest.json").touch()
    (table,) = load_topology(shop.config)
    lines = list(missing_windows(shop.config, table, None))
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    count = (yesterday - date(2026, 11, 1)).days
    assert lines[0].startswith(f"  not complete: {count} (2026-11-01, 2026-11-03, …, ")
    assert lines[1].endswith(f"export orders --from 2026-11-01 --to {yesterday} --resume")


def test_plan_goes_on_where_the_output_folder_cannot_be_read(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    (tmp_path / "exports").write_text("no folder")
    (table,) = load_topology(shop.config)
    (line,) = missing_windows(shop.config, table, None)
    assert line.startswith("  not complete: cannot be told: ")


def test_plan_needs_no_database(tmp_path: Path) -> None:
    Shop(tmp_path).configure(CONFIG.replace(":///{database}", ":////nowhere/{database}"))
    assert etl_assets(tmp_path, "plan", "orders").code == 0


def test_the_configuration_may_be_named_by_the_environment(tmp_path: Path) -> None:
    shop = small_shop(tmp_path / "shop")
    path = shop.folder / "etl_assets.yaml"
    path.rename(shop.folder / "other.yaml")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = etl_assets(
        elsewhere, "plan", "--check", env={"ETL_ASSETS_CONFIG": str(path.parent / "other.yaml")}
    )
    assert (done.code, done.err) == (0, "")
    assert f"files: {shop.folder / 'exports' / 'orders'}" in done.out


def test_a_path_to_the_configuration_is_shown_without_detours(tmp_path: Path) -> None:
    small_shop(tmp_path / "shop")
    shown = f"files: {tmp_path / 'shop' / 'exports' / 'orders'}"
    done = etl_assets(tmp_path / "shop", "plan", "--config", "../shop/./etl_assets.yaml")
    assert (done.code, shown in done.out) == (0, True)
    missing = etl_assets(tmp_path / "shop", "plan", "--config", "../etl_assets.yaml")
    assert missing.problems[0].startswith(f"etl-assets: {tmp_path / 'etl_assets.yaml'}: ")


def test_a_path_behind_a_link_is_read_where_the_link_leads(tmp_path: Path) -> None:
    small_shop(tmp_path / "shop")
    (tmp_path / "shop" / "deep").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link").symlink_to(tmp_path / "shop" / "deep")
    # It looks like elsewhere/etl_assets.yaml.
    config = ("--config", "elsewhere/link/../etl_assets.yaml")
    assert etl_assets(tmp_path, "plan", "--check", *config).code == 0
    (tmp_path / "link").symlink_to(tmp_path / "shop")
    linked = etl_assets(tmp_path, "plan", "--config", "./link/etl_assets.yaml")
    assert f"files: {tmp_path / 'link' / 'exports'}" in linked.out


@pytest.mark.parametrize(
    ("setting", "code"), [("SHOP_A_PASSWORD=x", 0), ("SHOP_A_PASSWORD=", 0), ("OTHER=x", 2)]
)
def test_a_dotenv_of_the_working_directory_is_read(tmp_path: Path, setting: str, code: int) -> None:
    small_shop(tmp_path, WITH_PASSWORD)
    (tmp_path / ".env").write_text(setting + "\n", encoding="utf-8")
    done = etl_assets(tmp_path, "plan")
    assert done.code == code, done.err


# plan --check


def test_check_finds_nothing_where_configuration_and_files_agree(tmp_path: Path) -> None:
    assert findings(small_shop(tmp_path)) == []


def test_check_lists_what_is_missing_extra_different_and_in_no_window(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    shop.run("shop_00", "ALTER TABLE orders_01 ADD COLUMN gift INTEGER")
    shop.run("shop_00", "UPDATE orders_00 SET created_at = '2026-10-31 23:59:59' WHERE id % 2")
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO orders_07")
    found = findings(shop)
    assert found == [
        "orders: demo.shop_01.orders_00: missing on the server",
        "orders: demo.shop_01.orders_07: on the server, but nobody exports it",
        "orders: demo.shop_00.orders_01: column 'gift' is extra",
        f"orders: demo.shop_00.orders_00: 3 {STRAY}",
    ]


def test_check_lists_the_same_on_a_server(cluster: Cluster, tmp_path: Path) -> None:
    shop = cluster.shop(tmp_path)
    assert findings(shop) == []
    (a, first), (b, _), *_, (c, last) = cluster.shards
    assert a == b
    change = (
        f"INSERT INTO `{a}`.{first} (id, price) VALUES (1, 1), (2, 2)",
        f"ALTER TABLE `{a}`.orders_01 ADD COLUMN gift INT",
        f"RENAME TABLE `{c}`.{last} TO `{c}`.orders_77",
    )
    undo = (
        f"DELETE FROM `{a}`.{first} WHERE id < 3",
        f"ALTER TABLE `{a}`.orders_01 DROP COLUMN gift",
        f"RENAME TABLE `{c}`.orders_77 TO `{c}`.{last}",
    )
    cluster.server.execute(*change)
    try:
        found = findings(shop)
    finally:
        cluster.server.execute(*undo)
    assert found == [
        f"orders: db.{c}.{last}: missing on the server",
        f"orders: db.{c}.orders_77: on the server, but nobody exports it",
        f"orders: db.{a}.orders_01: column 'gift' is extra",
        f"orders: db.{a}.{first}: 2 {STRAY}",
    ]


def test_check_names_a_host_that_cannot_be_reached(cluster: Cluster, tmp_path: Path) -> None:
    text = cluster.config().replace(f":{cluster.server.port}", ":1")
    shop = Shop(tmp_path)
    shop.configure(text)
    (finding,) = findings(shop)
    assert finding.startswith("orders: db: error 2003: ")
