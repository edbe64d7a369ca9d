"""What a person does in front of Dagster's UI: looks, clicks, waits until it is there."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Error, Locator, Page, expect

from etl_assets_tests.support.ui_server import Ui

PATIENCE = 120
"""Seconds until something has to be there: a run of a few shards, on a busy machine."""

_SIZE = {"width": 1280, "height": 800}


@dataclass(frozen=True)
class Screen:
    """A page of the browser on a running UI."""

    page: Page
    address: str
    pictures: Path

    def open(self, path: str) -> None:
        """Go to a page of the UI."""
        self.page.goto(f"{self.address}{path}")

    def open_group(self, group: str) -> None:
        """Go to the lineage of a group of assets."""
        self.open(f"/locations/etl_assets/asset-groups/{group}/lineage")

    def see(self, words: str, *, alone: bool = False) -> Locator:
        """Wait until these words are there, alone or also in a sentence; gives where."""
        found = self.page.get_by_text(words, exact=alone).filter(visible=True).first
        expect(found).to_be_visible()
        return found

    def view(self, message: str) -> None:
        """Wait for a message at the edge of the page, and follow it."""
        self.see(message)
        self.page.get_by_text("View", exact=True).click()

    def row(self, name: str) -> Locator:
        """A row of a table."""
        return self.page.get_by_role("row").filter(has_text=name)

    def button(self, name: str) -> Locator:
        """A button by the words on it."""
        return self.page.get_by_role("button", name=name)

    def icon(self, name: str) -> Locator:
        """A button without words, by its icon."""
        return self.page.get_by_role("button").filter(
            has=self.page.get_by_role("img", name=name, exact=True)
        )

    def nodes(self) -> Locator:
        """The nodes of the graph, without the names of those of other groups."""
        elsewhere = self.page.get_by_role("img", name="open_in_new")
        return self.page.locator("foreignObject").filter(has_not=elsewhere)

    def node(self, name: str) -> Locator:
        """A node of the graph, by its whole label."""
        label = self.page.get_by_text(name, exact=True)
        return self.nodes().filter(has=label)

    def labels(self) -> list[str]:
        """What the graph's nodes on the screen are called."""
        found: list[str] = self.nodes().all_text_contents()
        return found

    def materialize(self, group: str, windows: str, launch: str) -> None:
        """Launch windows of all of a group by the button; `launch` is what it then says."""
        self.open_group(group)
        self.button("Materialize all").click()
        dialog = self.page.get_by_role("dialog")
        selection = dialog.get_by_role("textbox").first
        selection.fill(windows)
        selection.press("Enter")
        dialog.get_by_role("button", name=launch).click()
        expect(dialog).to_be_hidden()

    def picture(self, name: str) -> None:
        """Keep what is on the screen, if possible when all of it has come."""
        with suppress(Error):
            self.page.wait_for_load_state("networkidle", timeout=20_000)
        self.page.screenshot(path=self.pictures / f"{name}.png", animations="disabled")


@contextmanager
def screen_on(browser: Browser, ui: Ui, pictures: Path) -> Iterator[Screen]:
    """A person's first page of a UI: nothing is remembered of before."""
    with browser.new_context(viewport=_SIZE, reduced_motion="reduce") as context:
        context.set_default_timeout(PATIENCE * 1000)
        yield Screen(context.new_page(), f"http://127.0.0.1:{ui.port}", pictures)
