"""A start takes no longer than what it imports."""

import subprocess
import sys
from pathlib import Path

from etl_assets_tests.support.shop import CONFIG, Shop

SPY = """
import atexit, gc, sys
collected = []
gc.callbacks.append(lambda phase, info: collected.append(info["generation"]))
atexit.register(lambda: print(gc.get_freeze_count() > 100_000, collected))
sys.argv = ["etl-assets", "plan"]
from etl_assets.cli.entry import main
collected.clear()
main()
"""


def test_what_is_imported_is_not_looked_through_for_garbage(tmp_path: Path) -> None:
    """Neither meanwhile nor at the end: that took a third of a short command's time."""
    Shop(tmp_path).configure(CONFIG)
    ran = subprocess.run(
        [sys.executable, "-c", SPY], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert ran.stdout.splitlines()[-1] == "True []"
