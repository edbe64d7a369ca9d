"""How to call this program again."""

import shutil
import sys

NAME = "etl-assets"


def program() -> str:
    """The name where it is on PATH, else the path that it was called by."""
    return NAME if shutil.which(NAME) else sys.argv[0]
