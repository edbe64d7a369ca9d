"""Runs that the UI has launched: Terminate ends them, and so does the end of the UI."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl_assets_tests.support.endless import ENDLESS, SECONDS, endless_shop
from etl_assets_tests.support.recorded import claimed_slots, instance_of
from etl_assets_tests.support.shop import DAY, Shop
from etl_assets_tests.support.ui_server import LAUNCH, TERMINATE, Ui, params, running_ui, wait

UI_SECONDS = 30.0
"""How long all of the UI may take, on a busy machine: its own processes end one by one."""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with a shard that never ends."""
    return endless_shop(tmp_path)


@pytest.fixture
def ui(shop: Shop) -> Iterator[Ui]:
    """Its UI."""
    with running_ui(shop) as running:
        yield running


def launched(ui: Ui, shop: Shop) -> str:
    """A run of the UI's in the midst of the endless shard."""
    run_id = ui.launch(LAUNCH, params=params("export_orders", DAY))
    wait(lambda: is_extracting(shop), 60)
    return run_id


def is_extracting(shop: Shop) -> bool:
    """Whether the endless shard is in the midst of its rows."""
    parts = shop.window().glob(f".{ENDLESS}.csv.*")
    return any(path.stat().st_size > 100_000 for path in parts)


def temporary_files(shop: Shop) -> list[Path]:
    """What is being written."""
    return list(shop.window().glob(".*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_terminate_ends_a_run_of_the_ui_and_so_does_the_end_of_the_ui(
    ui: Ui, shop: Shop, number: signal.Signals
) -> None:
    run_id = launched(ui, shop)
    if number is signal.SIGTERM:
        terminate(ui, shop, run_id)
        launched(ui, shop)
    os.kill(ui.pid, number)
    wait(lambda: not temporary_files(shop), UI_SECONDS)
    wait(lambda: not [c for c in steps_of(ui).values() if "forkserver" in c], UI_SECONDS)


def terminate(ui: Ui, shop: Shop, run_id: str) -> None:
    """The UI's button, which ends all of a run in time."""
    began = time.monotonic()
    assert ui.ask(TERMINATE, id=run_id)["terminateRun"]["__typename"] == "TerminateRunSuccess"
    assert ui.end_of(run_id, SECONDS) == "CANCELED"
    wait(lambda: not temporary_files(shop), SECONDS)
    assert time.monotonic() - began < SECONDS
    with instance_of(shop.folder / ".dagster_home") as instance:
        # The run says that it is canceled before it lets go of its slots.
        wait(lambda: not any(claimed_slots(instance).values()), SECONDS)


def steps_of(ui: Ui) -> dict[int, str]:
    """The processes of its session."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and os.getsid(int(folder.name)) == ui.pid:
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):
            continue
    return found
