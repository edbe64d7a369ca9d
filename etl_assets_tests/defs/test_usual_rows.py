"""A window's rows against those of earlier windows, by their manifests."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_assets.config import parse_config
from etl_assets.defs.partitions import window_of
from etl_assets.defs.usual_rows import USUAL_CHECK, usual_rows
from etl_assets.store.manifest import TABLE_MANIFEST, TableManifest
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.topology import LogicalTable, load_topology, safe_name
from etl_assets_tests.support.in_process import location
from etl_assets_tests.support.shop import DAY, small_shop
from etl_assets_tests.support.wrong_configurations import table as with_setting

KEY = dg.AssetKey(["orders"])


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> TableManifest:
    """That of a real export."""
    with location(small_shop(tmp_path_factory.mktemp("shop"))) as made:
        result = made.export()
        (usual,) = [e for e in result.get_asset_check_evaluations() if e.check_name == USUAL_CHECK]
        assert (usual.passed, usual.partition) == (True, DAY)
        assert usual.description == "8 rows; no history yet: 0 earlier windows."
        found = TableManifest.read(open_folder(str(made.shop.window())), TABLE_MANIFEST)
    assert found is not None
    return found


class History:
    """A logical table whose earlier windows had so many rows."""

    def __init__(self, folder: Path, manifest: TableManifest, **settings: Any) -> None:
        partition = {"every": "day", "start": "2026-01-01", "column": "created_at"}
        given = {**partition, **settings.pop("partition", {})}
        document = {
            "hosts": {"demo": {"url": "sqlite:///{database}.db"}},
            "tables": {
                "orders": {
                    "shards": [{"host": "demo", "tables": "shop_{00..01}.orders_{00..01}"}],
                    "partition": {name: value for name, value in given.items() if value},
                    **settings,
                }
            },
        }
        self.table: LogicalTable
        (self.table,) = load_topology(parse_config(document, {}, folder / "etl_assets.yaml"))
        self.folder, self.made = folder, manifest

    def had(self, key: str, rows: int, **changes: Any) -> None:
        """A window that was exported."""
        shards = tuple(shard.model_copy(update=changes) for shard in self.made.shards)
        update = {"partition": key, "rows": rows, "shards": shards}
        written = self.made.model_copy(update=update).as_json()
        open_folder(str(self.folder), "orders", safe_name(key)).write_json(TABLE_MANIFEST, written)

    def says(self, key: str, rows: int) -> tuple[bool, str]:
        """What the check says of a window."""
        window_of(self.table, key)
        newest = self.made.model_copy(update={"partition": key, "rows": rows})
        result = usual_rows(self.table, KEY, str(self.folder), newest)
        assert result.severity is dg.AssetCheckSeverity.WARN
        assert ("cause" in result.metadata) is not result.passed
        return result.passed, result.description or ""


def test_a_day_is_compared_with_the_same_weekday(tmp_path: Path, manifest: TableManifest) -> None:
    orders = History(tmp_path, manifest)
    orders.had("2026-11-09", 11_000)
    assert orders.says("2026-11-23", 1) == (True, "1 row; no history yet: 1 earlier window.")
    orders.had("2026-10-26", 12_000)
    orders.had("2026-11-02", 13_000)
    # Of no Monday, and of one that is too long ago.
    orders.had("2026-11-22", 1)
    orders.had("2026-10-19", 1)
    history = "3 Mondays before: 11,000 to 13,000."
    assert orders.says("2026-11-23", 12_345) == (True, f"12,345 rows; {history}")
    assert orders.says("2026-11-23", 6_000)[0]
    assert orders.says("2026-11-23", 18_000)[0]
    assert orders.says("2026-11-23", 5_999) == (False, f"5,999 rows; {history}")
    assert not orders.says("2026-11-23", 18_001)[0]


def test_both_numbers_are_the_configurations(tmp_path: Path, manifest: TableManifest) -> None:
    orders = History(tmp_path, manifest, rows_as_usual={"weeks": 2, "tolerance": 0.1})
    for day, rows in {"2026-11-02": 1, "2026-11-09": 100, "2026-11-16": 100}.items():
        orders.had(day, rows)
    assert orders.says("2026-11-23", 110) == (True, "110 rows; 2 Mondays before: 100.")
    assert not orders.says("2026-11-23", 111)[0]


@pytest.mark.parametrize(
    ("every", "earlier", "key", "kind"),
    [
        ("week", ["2026-11-02", "2026-11-09"], "2026-11-16", "weeks"),
        ("month", ["2026-08-01", "2026-09-01"], "2026-10-01", "months"),
        ("day", ["2026-11-21", "2026-11-22"], "2026-11-23", "days"),
        (
            "hour",
            ["2026-10-19-13:00", "2026-10-26-13:00"],
            "2026-11-02-13:00",
            "Mondays at 13:00",
        ),
    ],
)
def test_others_are_compared_with_the_last_ones_and_hours_with_theirs(
    tmp_path: Path,
    manifest: TableManifest,
    every: str,
    earlier: list[str],
    key: str,
    kind: str,
) -> None:
    # The days here are those of a snapshot, which has no weekdays.
    column = None if every == "day" else "created_at"
    zone = "America/New_York" if every == "hour" else "UTC"
    cut = {"every": every, "column": column, "timezone": zone}
    orders = History(tmp_path, manifest, partition=cut)
    for number, window in enumerate(earlier):
        orders.had(window, 10 + number)
    assert orders.says(key, 99) == (False, f"99 rows; 2 {kind} before: 10 to 11.")


def test_windows_of_another_query_are_no_history(tmp_path: Path, manifest: TableManifest) -> None:
    orders = History(tmp_path, manifest)
    other = manifest.shards[0].query.model_copy(update={"where": "id > 9"})
    orders.had("2026-11-16", 5)
    orders.had("2026-11-09", 5, query=other)
    (tmp_path / "orders" / "2026-11-02" / TABLE_MANIFEST).mkdir(parents=True)
    assert orders.says("2026-11-23", 99) == (True, "99 rows; no history yet: 1 earlier window.")


def test_it_can_be_left_out(tmp_path: Path) -> None:
    with location(small_shop(tmp_path, with_setting("rows_as_usual: false"))) as made:
        names = {one.check_name for one in made.export().get_asset_check_evaluations()}
    assert USUAL_CHECK not in names
    assert "complete" in names
