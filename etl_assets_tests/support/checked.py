"""What `plan --check` says of a shop."""

import re

from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.shop import Shop


def findings(shop: Shop, *tables: str) -> list[str]:
    """What `plan --check` finds; nothing where it exits with 0."""
    done = etl_assets(shop.folder, "plan", *tables, "--check")
    assert done.code == (1 if done.problems else 0)
    assert "Traceback" not in done.err
    number = len(done.problems)
    said = "1 finding" if number == 1 else f"{number} findings"
    total = said if number else "configuration and servers agree"
    assert done.out.splitlines()[-1].endswith(total)
    return [re.sub("  +", ": ", line) for line in done.problems]
