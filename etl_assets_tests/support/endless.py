"""A shop with a shard whose rows never come to an end, for exports that have to be ended."""

from pathlib import Path

from etl_assets_tests.support.shop import CONFIG, ENDLESS_VIEW, Shop, small_shop

ENDLESS = "demo.shop_00.orders_01"
"""A shard whose rows never come to an end."""

SECONDS = 7.0
"""How long an interrupted export may take: under five on a machine that does nothing else."""


def endless_shop(folder: Path, *, verify: str = "none") -> Shop:
    """A small shop with one shard that never ends."""
    shop = small_shop(folder, CONFIG.replace("processes: 2", f"processes: 2, verify: {verify}"))
    shop.run("shop_00", "DROP TABLE orders_01", ENDLESS_VIEW)
    return shop
