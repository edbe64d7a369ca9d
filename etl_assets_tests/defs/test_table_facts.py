"""What the configuration says of a logical table, on its asset and on its shards'."""

from pathlib import Path

import dagster as dg
import pytest

from etl_assets.config import load_config
from etl_assets.defs.build import build_definitions, stand_alone_definitions
from etl_assets_tests.support.minimal import MINIMAL, PARTITION, edited

TABLE = dg.AssetKey(["orders"])
SHARD = dg.AssetKey(["orders", "shop-a", "shop_01.orders_03"])
SOURCE = dg.AssetKey(["mysql", "shop-a", "shop_01.orders_03"])

TOLD = edited(
    PARTITION,
    """{every: day, start: 2026-11-01, timezone: Asia/Shanghai, column: created_at}
    description: Orders of **all** shops
    owners: ["team:shop", "ann@example.com"]
    tags: {tier: gold, example.com/cost: ""}
    columns: {exclude: [card_no]}
    where: "note <> '`'"
    csv: {delimiter: ";"}""",
)


def specs(folder: Path, text: str = TOLD) -> dict[dg.AssetKey, dg.AssetSpec]:
    """The specs of a configuration's assets."""
    path = folder / "etl_assets.yaml"
    path.write_text(text, encoding="utf-8")
    definitions = stand_alone_definitions(load_config(path))
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def test_owners_and_tags_are_those_of_a_table_and_its_shards_and_not_of_its_sources(
    tmp_path: Path,
) -> None:
    found = specs(tmp_path)
    for key in (TABLE, SHARD):
        assert found[key].owners == ["team:shop", "ann@example.com"]
        assert {"tier": "gold", "example.com/cost": ""}.items() <= found[key].tags.items()
        assert found[key].metadata["window_column"] == "created_at, by the day in Asia/Shanghai"
        assert found[key].metadata["where"].value == "```sql\nnote <> '`'\n```"
        assert found[key].metadata["columns"] == "all but card_no"
        assert found[key].metadata["csv"] == 'delimiter: ";"'
    said = str(found[TABLE].description)
    assert said.startswith("Orders of **all** shops\n\nThe shards of orders (8), ")
    assert not found[SOURCE].owners
    assert "tier" not in found[SOURCE].tags
    assert found[SOURCE].code_version is None


def test_a_snapshot_without_settings_says_so(tmp_path: Path) -> None:
    metadata = specs(tmp_path, MINIMAL)[TABLE].metadata
    assert metadata["window_column"] == "none: each day the whole table as it is then"
    assert metadata["csv"] == "as by default"
    assert "where" not in metadata


def test_of_many_shards_the_logical_table_alone_says_what_is_the_same_of_all(
    tmp_path: Path,
) -> None:
    many = TOLD.replace("orders_{00..03}", "orders_{00..63}")
    found = specs(tmp_path, many)
    assert "window_column" in found[TABLE].metadata
    assert "window_column" not in found[SHARD].metadata
    assert found[SHARD].owners == found[TABLE].owners
    assert found[SHARD].code_version == found[TABLE].code_version


def test_the_line_of_the_table_can_be_linked_to_a_repository(tmp_path: Path) -> None:
    (tmp_path / "etl_assets.yaml").write_text(TOLD, encoding="utf-8")
    definitions = build_definitions(load_config(tmp_path / "etl_assets.yaml"))
    (line,) = specs(tmp_path)[TABLE].metadata["dagster/code_references"].code_references
    assert (line.file_path, line.line_number) == (str(tmp_path / "etl_assets.yaml"), 5)
    with pytest.warns(dg.BetaWarning):
        linked = dg.link_code_references_to_git(
            definitions.assets or (),  # type: ignore[arg-type]
            git_url="https://github.com/shop/etl",
            git_branch="main",
            file_path_mapping=dg.AnchorBasedFilePathMapping(tmp_path / "x.py", "etl/x.py"),
        )
    urls = {
        reference.url
        for assets in linked
        if isinstance(assets, dg.AssetsDefinition)
        for metadata in assets.metadata_by_key.values()
        if "dagster/code_references" in metadata
        for reference in metadata["dagster/code_references"].code_references
    }
    assert urls == {"https://github.com/shop/etl/tree/main/etl/etl_assets.yaml#L5"}
