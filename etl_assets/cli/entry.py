"""The console script: signals are handled before anything heavy is imported.

Every step process imports this module too (it is its parent's main module), so it stays light.
"""

import gc
import signal
import sys

from etl_assets.cli.signals import exit_at_once
from etl_assets.interrupts import SIGNALS

_OBJECTS_TO_COLLECT = 1_000_000


def main() -> None:
    """Run the command line; exits with the codes of the manual."""
    for number in SIGNALS:
        signal.signal(number, exit_at_once)
    # Imports make half a million objects that stay. To look through them for garbage, as Python
    # does after each 700 new ones and again at its end, takes a third of a start's time.
    gc.set_threshold(_OBJECTS_TO_COLLECT)
    from etl_assets.cli.streams import open_streams  # noqa: PLC0415

    open_streams()
    from etl_assets.cli.app import run  # noqa: PLC0415

    code = run()
    # The outcome is settled. Python takes handlers back when it ends, but not this: a late signal
    # would otherwise kill the process and with it the exit code.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    sys.exit(code)
