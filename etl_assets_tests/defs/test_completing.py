"""After a change of settings nothing of the earlier ones stays beside the new files."""

from pathlib import Path
from typing import Any

import pytest

from etl_assets.defs.partitions import window_of
from etl_assets.errors import StoreError
from etl_assets.store.local import LocalFolder
from etl_assets.store.recipe import WindowRequest
from etl_assets.store.verify import verify_window
from etl_assets.tables.topology import load_topology
from etl_assets_tests.support.in_process import location
from etl_assets_tests.support.shop import CONFIG, DAY, DAYS, STEMS, Shop, small_shop

GZIP = CONFIG + "output: {csv: {compression: gzip}}\n"
FEWER = CONFIG.replace("shop_{00..01}", "shop_00")
GONE = {"resources": {"csv": {"config": {"shards_gone": True}}}}
TRIAL = {"resources": {"csv": {"config": {"limit": 1}}}}


def files(stems: list[str], ending: str = ".csv") -> list[str]:
    """What a complete window of these shards holds, and nothing else."""
    return sorted([*(s + ending for s in stems), *(f"{s}.json" for s in stems), "_manifest.json"])


def export(shop: Shop, config: str, **how: Any) -> bool:
    """Export the day under a configuration; whether it succeeded."""
    shop.configure(config)
    with location(shop) as made:
        return bool(made.export(**how).success)


def findings(shop: Shop) -> list[str]:
    """What `verify` finds."""
    (orders,) = load_topology(shop.config)
    return list(
        verify_window(LocalFolder(shop.window()), WindowRequest.of(orders, window_of(orders, DAY)))
    )


@pytest.mark.parametrize(
    ("first", "then", "ending"), [(GZIP, CONFIG, ".csv"), (CONFIG, GZIP, ".csv.gz")]
)
def test_a_change_of_compression_leaves_no_older_file(
    tmp_path: Path, first: str, then: str, ending: str
) -> None:
    shop = small_shop(tmp_path)
    assert export(shop, first)
    assert export(shop, then)
    assert shop.names() == files(STEMS, ending)
    assert findings(shop) == []


def test_a_change_of_the_pattern_leaves_no_files_of_other_shards(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    assert export(shop, CONFIG)
    assert export(shop, CONFIG, key=DAYS[0])
    (shop.window() / "notes.txt").write_text("of somebody")
    before = shop.names()
    assert not export(shop, FEWER)
    assert shop.names() == before
    assert export(shop, FEWER, run_config=GONE)
    assert shop.names() == sorted([*files(STEMS[:2]), "notes.txt"])
    (foreign,) = findings(shop)
    assert foreign.startswith(f"{shop.window() / 'notes.txt'}: ")
    assert shop.names(DAYS[0]) == files(STEMS)


def test_files_of_other_shards_stay_until_the_window_is_complete(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    assert export(shop, CONFIG)
    shop.run("shop_00", "DROP TABLE orders_01")
    assert not export(shop, FEWER, run_config=GONE)
    assert set(files(STEMS[2:])) - {"_manifest.json"} <= set(shop.names())


def test_a_window_is_not_called_complete_while_a_stray_is_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = small_shop(tmp_path)
    assert export(shop, CONFIG)
    remove = LocalFolder.remove

    def killed(folder: LocalFolder, name: str) -> None:
        if name == f"{STEMS[3]}.json":
            raise StoreError("killed")
        remove(folder, name)

    with monkeypatch.context() as patch:
        patch.setattr(LocalFolder, "remove", killed)
        assert not export(shop, FEWER, run_config=GONE)
    left = ["_export.json", *files(STEMS[:2])[1:], f"{STEMS[3]}.json"]
    assert shop.names() == sorted(left)
    assert export(shop, FEWER, run_config=GONE)
    assert shop.names() == files(STEMS[:2])


def test_a_trial_removes_nothing_from_the_window_beside_it(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    assert export(shop, CONFIG)
    assert export(shop, GZIP, run_config=TRIAL)
    assert shop.names() == files(STEMS)
    assert export(shop, CONFIG, run_config=TRIAL)
    assert shop.names() == files(STEMS)
    trial = sorted(
        path.name for path in (shop.folder / "exports/orders" / f"{DAY}.sample").iterdir()
    )
    assert trial == [name for name in files(STEMS) if name != "_manifest.json"]
