"""What Dagster shows of files: numbers, columns, first records, the query."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_shared.serdes import serialize_value

from etl_assets.config import load_config
from etl_assets.defs.build import build_definitions
from etl_assets.defs.metadata import shard_metadata, table_metadata
from etl_assets.store.commit import CommittedShard
from etl_assets.store.manifest import TableManifest
from etl_assets.store.open_folder import open_folder
from etl_assets_tests.support import exported
from etl_assets_tests.support.in_process import location, shard, written
from etl_assets_tests.support.shop import CONFIG, DAY, SHARDS, STEMS, small_shop

ORDERS = dg.AssetKey(["orders"])


def records(metadata: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The lines of a table in the metadata."""
    return [record.data for record in metadata[name].records]


# A shard


def test_a_shard_shows_its_numbers_its_columns_its_proof_and_its_query(tmp_path: Path) -> None:
    where = CONFIG.replace("created_at}", "created_at}\n    where: id % 2 >= 0 and code <> ':x'")
    with location(small_shop(tmp_path, where)) as made:
        found = written(made.export())
        manifest = made.shop.manifest(f"{STEMS[1]}.json")
        path = made.shop.window() / f"{STEMS[1]}.csv"
    metadata = found[shard(*SHARDS[1])]
    size, seconds = path.stat().st_size, manifest["seconds"]
    assert metadata["dagster/partition_row_count"] == metadata["source_rows"] == 2
    assert metadata["dagster/uri"] == path.as_uri()
    assert metadata["path"] == str(path)
    assert metadata["manifest"] == str(path.with_suffix(".json"))
    assert metadata["bytes"] == size == manifest["bytes"]
    assert metadata["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert metadata["seconds"] == seconds
    assert metadata["mb_per_second"] == round(size / seconds / 1e6, 3)
    assert metadata["summary"].startswith(f"2 rows, {size} bytes in {seconds:.2f} s")
    assert metadata["snapshot"]["server"] == "sqlite"
    query = " ".join(metadata["query"].split())
    assert query.startswith('```sql SELECT "id", "code", ')
    assert f"\"created_at\" >= '{DAY} 00:00:00' AND " in query
    assert query.endswith("AND (id % 2 >= 0 and code <> ':x' ) ```")
    assert [(c.name, c.type) for c in metadata["dagster/column_schema"].columns][:3] == [
        ("id", "bigint"),
        ("code", "varchar(8)"),
        ("price", "text"),
    ]
    lineage = metadata["dagster/column_lineage"].deps_by_column
    source = dg.AssetKey(["sqlite", "demo", ".".join(SHARDS[1])])
    assert lineage["code"] == [dg.TableColumnDep(asset_key=source, column_name="code")]


def test_columns_are_those_of_the_source_as_a_project_calls_it(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    definitions = build_definitions(
        load_config(tmp_path / "etl_assets.yaml"),
        translate=lambda _, spec: spec.replace_attributes(key=spec.key.with_prefix("raw")),
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("export_orders").execute_in_process(
            partition_key=DAY, instance=instance
        )
    assert shop.names()
    metadata = written(result)[shard(*SHARDS[0]).with_prefix("raw")]
    (dep,) = metadata["dagster/column_lineage"].deps_by_column["id"]
    assert dep.asset_key == dg.AssetKey(["raw", "sqlite", "demo", ".".join(SHARDS[0])])


def test_of_one_of_many_shards_dagster_keeps_little(tmp_path: Path) -> None:
    manifest = exported.manifest(exported.SHARDS[0])
    folder = open_folder(str(tmp_path))
    one = CommittedShard(manifest, b"1,a\n", is_one_of_many=True)
    metadata = shard_metadata(one, folder, ORDERS)
    assert sorted(metadata) == [
        "bytes",
        "dagster/partition_row_count",
        "path",
        "seconds",
    ]
    event = dg.AssetMaterialization(ORDERS, metadata=metadata)
    assert len(serialize_value(event)) < 1200


# Previews


def preview(folder: Path, notes: Sequence[str | None]) -> list[Mapping[str, Any]]:
    """The preview of a shard with these notes."""
    shop = small_shop(folder)
    shop.run("shop_00", "DROP TABLE orders_00")
    rows = [(i, None, None, note, None, f"{DAY} 01:00:00") for i, note in enumerate(notes)]
    shop.fill("shop_00", "orders_00", rows)
    with location(shop) as made:
        return records(written(made.export())[shard(*SHARDS[0])], "preview")


def test_a_preview_tells_null_from_the_empty_text_and_hides_no_character(tmp_path: Path) -> None:
    notes = ["", None, "NULL", "a|b *x* `z` <b>", "长" * 200, "C:\\n"]
    shown = [line["note"] for line in preview(tmp_path, notes)]
    assert shown == ['""', "NULL", '"NULL"', "a|b *x* `z` <b>", "长" * 59 + "…", "C:\\n"]


@pytest.mark.parametrize(("setting", "rows"), [("", 10), ("output: {preview: 3}\n", 3)])
def test_a_preview_shows_the_first_rows(tmp_path: Path, setting: str, rows: int) -> None:
    shop = small_shop(tmp_path, CONFIG + setting)
    shop.run("shop_00", f"UPDATE orders_00 SET created_at = '{DAY} 00:00:00'")
    more = "INSERT INTO orders_00 (id, created_at) SELECT id + 10, created_at FROM orders_00"
    shop.run("shop_00", more)
    with location(shop) as made:
        assert len(records(written(made.export())[shard(*SHARDS[0])], "preview")) == rows


def test_no_preview_where_the_configuration_wants_none(tmp_path: Path) -> None:
    with location(small_shop(tmp_path, CONFIG + "output: {preview: 0}\n")) as made:
        found = written(made.export())
    assert len(found) == 5
    assert not [key for key, metadata in found.items() if "preview" in metadata]


# A logical table


def test_a_window_shows_the_comments_of_its_columns(tmp_path: Path) -> None:
    columns = [{"name": "id", "type": "bigint", "comment": "x" * 400}, {"name": "b", "type": "int"}]
    shards = [exported.manifest(one, columns=columns) for one in exported.SHARDS]
    schema = table_metadata(TableManifest.of(shards), open_folder(str(tmp_path)))
    first, second = schema["dagster/column_schema"].columns
    assert first.description == "x" * 299 + "…"
    assert second.description is None
