"""One UI of a shop with 64 shards and one browser for all tests; a page of its own for each."""

import shutil
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, expect, sync_playwright

from etl_assets_tests.browser.screen import PATIENCE, Screen, screen_on
from etl_assets_tests.support.shop import Shop, rows_of
from etl_assets_tests.support.ui_server import Ui, running_ui

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--no-sandbox",  # as root it has none
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # nothing but loopback
)

CONFIG = """\
hosts:
  shop-a: {url: "sqlite:///{database}.db"}
  shop-b: {url: "sqlite:///{database}.db"}
tables:
  orders:
    shards:
      - {host: shop-a, tables: "shop_{00..03}.orders_{00..07}"}
      - {host: shop-b, tables: "shop_{04..07}.orders_{00..07}"}
    partition: {every: day, start: 2026-11-01, column: created_at}
  payments:
    shards: [{host: shop-a, tables: "shop_{00..01}.payments_{00..01}"}]
    partition: {every: day, start: 2026-11-01, column: created_at}
  refunds:
    shards: [{host: shop-a, tables: "shop_{00..01}.refunds_{00..01}"}]
    partition: {every: day, start: 2026-11-01, column: created_at}
execution: {processes: 2}
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the pictures go that docs show."""
    parser.addoption("--screenshots", type=Path, help="a folder for the pictures, kept")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what was on the screen when a test failed: who reads the log has no browser."""
    report = yield
    screen = getattr(item, "funcargs", {}).get("screen")
    if report.failed and report.when == "call" and screen is not None:
        with suppress(Error):
            screen.picture(f"failed-{item.name}")
            told = f"{screen.page.url}\n{screen.page.inner_text('body')[:4000]}"
            report.sections.append(("On the screen", f"{told}\n{screen.pictures}"))
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found is not None, f"expected one of {', '.join(CHROMIUM)} on PATH, got none"
    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=OPTIONS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A table of 64 shards, and two small ones."""
    made = Shop(tmp_path_factory.mktemp("shop"))
    made.configure(CONFIG)
    for number in range(64):
        made.fill(f"shop_{number // 8:02}", f"orders_{number % 8:02}", rows_of(number))
    for number in range(4):
        for table in ("payments", "refunds"):
            made.fill(f"shop_{number // 2:02}", f"{table}_{number % 2:02}", rows_of(number))
    return made


@pytest.fixture(scope="session")
def ui(shop: Shop) -> Iterator[Ui]:
    """Its UI, with the daemon."""
    with running_ui(shop) as running:
        yield running


@pytest.fixture(scope="session")
def pictures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures are kept."""
    folder: Path = request.config.getoption("screenshots") or tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def screen(browser: Browser, ui: Ui, pictures: Path) -> Iterator[Screen]:
    """The UI as a person opens it."""
    with screen_on(browser, ui, pictures) as opened:
        yield opened
