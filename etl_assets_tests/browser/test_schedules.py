"""Schedules in the UI: started, and asked what they would do."""

import pytest
from playwright.sync_api import expect

from etl_assets_tests.browser.screen import Screen

pytestmark = pytest.mark.timeout(300)


def test_a_schedule_is_started_and_its_tick_previewed(screen: Screen) -> None:
    screen.open("/locations/etl_assets/schedules/export_refunds_schedule")
    running = screen.row("Running")
    running.locator("label").click()
    screen.see("Next tick")
    screen.button("Preview tick result").click()
    dialog = screen.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Continue").click()
    screen.see("Requested runs (1)")
    screen.picture("tick")
    dialog.get_by_role("row").filter(has_text="export_refunds").get_by_role("button").click()
    screen.see("partition: 2")
    screen.button("OK").click()
    dialog.get_by_role("button", name="Close").click()
    running.locator("label").click()
    expect(screen.page.get_by_text("Next tick")).to_be_hidden()
