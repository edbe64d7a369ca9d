"""The graph of 64 shards, and the catalog of many more."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from etl_assets_tests.browser.screen import Screen, screen_on
from etl_assets_tests.support.shop import Shop
from etl_assets_tests.support.ui_server import Ui, running_ui

pytestmark = pytest.mark.timeout(300)

WIDE = """\
hosts:
  shop-a: {url: "mysql+pymysql://etl@127.0.0.1:9"}
tables:
  orders:
    shards: [{host: shop-a, tables: "shop_{00..15}.orders_{00..63}"}]
    partition: {every: day, start: 2026-11-01, column: created_at}
"""


def test_every_one_of_64_shards_can_be_told_from_the_others(screen: Screen) -> None:
    screen.open_group("orders")
    expect(screen.node("orders")).to_be_visible()
    screen.page.set_viewport_size({"width": 1280, "height": 6000})
    for _ in range(14):
        screen.icon("zoom_out").click()
    expect(screen.nodes()).to_have_count(65)
    shards = {f"shop_{number // 8:02}.orders_{number % 8:02}" for number in range(64)}
    assert set(screen.labels()) == shards | {"orders"}


@pytest.fixture(scope="module")
def wide_ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    """The UI of 1,024 shards, which nothing connects to."""
    shop = Shop(tmp_path_factory.mktemp("wide"))
    shop.configure(WIDE)
    with running_ui(shop) as running:
        yield running


def test_the_catalog_of_1024_shards_answers(
    browser: Browser, wide_ui: Ui, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with screen_on(browser, wide_ui, pictures) as screen:
        began = time.monotonic()
        screen.open("/assets")
        screen.see("on shop-a")
        catalog = time.monotonic() - began
        began = time.monotonic()
        screen.page.get_by_role("textbox", name="Search and filter assets").focus()
        screen.page.keyboard.type('key:"orders"')
        screen.page.keyboard.press("Enter")
        screen.see("(1024)")
        found = time.monotonic() - began
    with capsys.disabled():
        print(f"1,024 shards: the catalog took {catalog:.1f} s, a search in it {found:.1f} s")
