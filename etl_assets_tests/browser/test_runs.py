"""Windows from the UI: materialized by the button, executed again after a failure, backfilled."""

import pytest
from playwright.sync_api import expect

from etl_assets_tests.browser.screen import Screen
from etl_assets_tests.support.shop import DAY, DAYS, Shop
from etl_assets_tests.support.ui_server import export_all_but_one

pytestmark = pytest.mark.timeout(300)


def test_a_window_is_materialized_by_the_button_and_its_rows_and_checks_are_shown(
    screen: Screen,
) -> None:
    screen.materialize("refunds", DAY, "Launch 1 run")
    screen.view("Launched run")
    screen.see("Success", alone=True)
    screen.open(f"/assets/refunds?view=partitions&partition={DAY}")
    rows = screen.row("dagster/partition_row_count")
    expect(rows.get_by_text("8", exact=True)).to_be_visible()
    screen.page.get_by_role("tab", name="Checks").click()
    screen.see("complete", alone=True).click()
    screen.see("4 shards, 8 rows.")
    screen.see("Passed", alone=True)
    screen.picture("window")


def test_a_failed_shard_is_three_clicks_from_its_cause_and_its_re_execution(
    screen: Screen, shop: Shop
) -> None:
    export_all_but_one(shop, DAY)
    screen.open_group("orders")
    screen.see("(1 failed)")
    screen.picture("lineage")
    # One: what is wrong.
    screen.node("orders").get_by_text("Passed").click()
    screen.see("1 of 64 shards failed.")
    screen.see("shop-a.shop_01.orders_00: no such table: orders_00")
    screen.picture("failed-window")
    # Two: the run. Three: what can be done.
    screen.page.locator('a[href^="/runs/"]').first.click()
    screen.see("Errored (1)")
    screen.icon("arrow_drop_down").click()
    again = screen.page.get_by_role("menuitem", name="From asset failure")
    expect(again).to_be_enabled()
    failed = screen.page.url
    again.click()
    expect(screen.page).not_to_have_url(failed)
    screen.see("Success", alone=True)
    assert "_manifest.json" in shop.names(DAY)


def test_three_windows_are_backfilled(screen: Screen, shop: Shop) -> None:
    screen.materialize("payments", f"[{DAYS[0]}...{DAYS[2]}]", "Launch backfill")
    screen.view("Created backfill")
    expect(screen.page.get_by_text("100% completed")).to_have_count(5)
    screen.picture("backfill")
    for day in DAYS:
        assert (shop.window("payments", day) / "_manifest.json").exists()
