"""A window is complete when every shard is there, whole and of one shape, and not before."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import IncompleteError, StoreError
from etl_assets.store.complete import complete_window, is_complete, kept_manifest
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import TABLE_MANIFEST, csv_name, manifest_name
from etl_assets.store.recipe import Recipe
from etl_assets.store.verify import verify_window
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import (
    COLUMNS,
    PLAIN,
    QUERY,
    REQUEST,
    SHARDS,
    WINDOW,
    export_shard,
    export_window,
    window_request,
)


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """A window that is complete."""
    folder = LocalFolder(tmp_path)
    export_window(folder)
    return folder


def refusal(folder: LocalFolder, shards: tuple[Shard, ...] = SHARDS) -> str:
    """Why the window is not complete, in one line."""
    with pytest.raises(IncompleteError) as refused:
        complete_window(folder, window_request(shards=shards))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def proves(folder: LocalFolder, shard: Shard, recipe: Recipe = REQUEST.recipe) -> bool:
    """Whether a shard may stay as it is."""
    return kept_manifest(folder, replace(REQUEST, recipe=recipe), shard, None) is not None


def change(folder: LocalFolder, name: str, **facts: Any) -> None:
    """Change facts of a manifest."""
    folder.write_json(name, folder.read_json(name) | facts)


def test_a_window_with_every_shard_is_complete(folder: LocalFolder) -> None:
    complete = complete_window(folder, REQUEST)
    assert [manifest.shard for manifest in complete.shards] == list(SHARDS)
    assert complete.rows == 6
    assert complete.as_json() == folder.read_json(TABLE_MANIFEST)


def test_the_shards_stand_in_the_configuration_s_order(folder: LocalFolder) -> None:
    turned = SHARDS[::-1]
    assert [
        found.shard for found in complete_window(folder, window_request(shards=turned)).shards
    ] == list(turned)


def test_a_shard_of_another_window_is_exported_again(folder: LocalFolder) -> None:
    longer = WINDOW.model_copy(update={"end": WINDOW.end + timedelta(days=6)})
    assert not proves(folder, SHARDS[0], Recipe(PLAIN, QUERY, longer))
    assert not proves(folder, SHARDS[0], Recipe(PLAIN, QUERY, None))


@pytest.mark.parametrize("everyone", [True, False])
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"query": {**QUERY.model_dump(), "where": "id > 1"}}, "where: 'id > 1', not none"),
        ({"query": {**QUERY.model_dump(), "include": ["id"]}}, "include: [id], not none"),
        ({"window": None}, "window: none, a snapshot, not 2026-11-01T00:00Z to 2026-11-02T00:00Z"),
        (
            {"window": {**WINDOW.model_dump(mode="json"), "end": "2026-11-09T00:00:00Z"}},
            "window: 2026-11-01T00:00Z to 2026-11-09T00:00Z in UTC, not 2026-11-01T00:00Z",
        ),
        ({"csv": {"delimiter": ";"}}, "csv.delimiter: ';', not ','"),
    ],
)
def test_shards_that_were_made_otherwise_are_no_whole(
    folder: LocalFolder, facts: dict[str, Any], said: str, everyone: bool
) -> None:
    changed = SHARDS if everyone else SHARDS[1:2]
    for shard in changed:
        change(folder, manifest_name(shard), **facts)
    refused = refusal(folder)
    assert f"{len(changed)} of 3 shards were made otherwise" in refused
    assert f"{SHARDS[1]} with {said}" in refused
    assert "with --resume" in refused
    found = [line for line in verify_window(folder, REQUEST) if "made otherwise" in line]
    assert len(found) == len(changed)
    assert all(said in line and line.endswith("with --resume") for line in found)


def test_shards_without_a_manifest_are_named(folder: LocalFolder) -> None:
    folder.remove(manifest_name(SHARDS[0]))
    folder.remove(manifest_name(SHARDS[2]))
    text = refusal(folder)
    assert "orders: 2 of 3 shards are missing" in text
    assert str(SHARDS[0]) in text
    assert str(SHARDS[1]) not in text
    assert str(SHARDS[2]) in text
    assert "--resume" in text


def test_a_shard_without_its_csv_is_named(folder: LocalFolder) -> None:
    folder.remove(csv_name(SHARDS[1], PLAIN))
    assert f"none of {SHARDS[1]};" in refusal(folder)


def test_a_file_of_another_size_is_named(folder: LocalFolder, tmp_path: Path) -> None:
    with (tmp_path / csv_name(SHARDS[1], PLAIN)).open("ab") as file:
        file.write(b"9,x\n")
    assert f"none of {SHARDS[1]};" in refusal(folder)


def test_a_broken_manifest_is_named(folder: LocalFolder, tmp_path: Path) -> None:
    (tmp_path / manifest_name(SHARDS[1])).write_text("{")
    assert f"none of {SHARDS[1]};" in refusal(folder)


@pytest.mark.parametrize("name", [TABLE_MANIFEST, manifest_name(SHARDS[0])])
def test_a_folder_in_a_manifest_s_place_is_named_with_what_to_do(
    folder: LocalFolder, name: str
) -> None:
    folder.remove(name)
    Path(folder.location(name)).mkdir()
    with pytest.raises(StoreError, match=f"{name}: Is a directory; move it to another folder"):
        is_complete(folder, REQUEST)


def test_the_manifest_of_another_shard_proves_nothing(folder: LocalFolder) -> None:
    folder.write_json(manifest_name(SHARDS[1]), folder.read_json(manifest_name(SHARDS[0])))
    assert f"none of {SHARDS[1]};" in refusal(folder)


def test_of_many_missing_shards_a_few_are_named_and_the_others_counted(
    tmp_path: Path,
) -> None:
    many = tuple(Shard("orders", "shop-a", "shop_00", f"orders_{n:02}") for n in range(32))
    text = refusal(LocalFolder(tmp_path), many)
    assert "32 of 32 shards are missing" in text
    assert "orders_04; and 27 more" in text
    assert "orders_05" not in text


@pytest.mark.parametrize(
    "columns",
    [
        (("id", "bigint(20)"), ("title", "varchar(50)")),
        (("id", "bigint(20)"), ("name", "varchar(60)")),
        (("name", "varchar(50)"), ("id", "bigint(20)")),
        (*COLUMNS, ("more", "int(11)")),
        COLUMNS[:1],
    ],
    ids=["name", "type", "order", "one more", "one less"],
)
def test_columns_that_differ_are_named(
    folder: LocalFolder, columns: tuple[tuple[str, str], ...]
) -> None:
    export_shard(folder, SHARDS[2], [], columns=columns)
    text = refusal(folder)
    assert "orders: the columns of its shards differ" in text
    assert f"the columns of {SHARDS[0]}: id bigint(20), name varchar(50)" in text
    assert f"{SHARDS[2]}: " + ", ".join(f"{name} {kind}" for name, kind in columns) in text
    assert str(SHARDS[1]) not in text


def test_a_shard_with_its_proof_is_kept(folder: LocalFolder) -> None:
    assert all(proves(folder, shard) for shard in SHARDS)


@pytest.mark.parametrize(
    "csv_format",
    [
        CsvFormat(null="NULL"),
        CsvFormat(delimiter=";"),
        CsvFormat(quoting="all"),
        CsvFormat(header=False),
        CsvFormat(compression="gzip"),
        CsvFormat(binary="base64"),
    ],
)
def test_a_shard_of_other_conventions_is_not_proven(
    folder: LocalFolder, csv_format: CsvFormat
) -> None:
    assert not proves(folder, SHARDS[0], Recipe(csv_format, QUERY, WINDOW))


@pytest.mark.parametrize(
    "facts",
    [
        {"column": "updated_at"},
        {"column_timezone": "Asia/Shanghai"},
        {"unit": "ms"},
        {"where": "id > 1"},
        {"include": ("id",)},
        {"exclude": ("name",)},
    ],
)
def test_a_shard_of_another_query_is_not_proven(folder: LocalFolder, facts: dict[str, Any]) -> None:
    assert not proves(folder, SHARDS[0], Recipe(PLAIN, QUERY.model_copy(update=facts), WINDOW))


def test_a_shard_whose_file_has_another_size_is_not_proven(
    folder: LocalFolder, tmp_path: Path
) -> None:
    with (tmp_path / csv_name(SHARDS[0], PLAIN)).open("ab") as file:
        file.write(b"\n")
    assert not proves(folder, SHARDS[0])
    assert proves(folder, SHARDS[1])


def test_a_shard_without_its_file_or_its_manifest_is_not_proven(folder: LocalFolder) -> None:
    folder.remove(csv_name(SHARDS[0], PLAIN))
    folder.remove(manifest_name(SHARDS[1]))
    assert not proves(folder, SHARDS[0])
    assert not proves(folder, SHARDS[1])


def test_the_proof_of_another_shard_or_file_is_none(folder: LocalFolder) -> None:
    other = folder.read_json(manifest_name(SHARDS[0]))
    folder.write_json(manifest_name(SHARDS[1]), other)
    change(folder, manifest_name(SHARDS[2]), file=csv_name(SHARDS[0], PLAIN))
    assert not proves(folder, SHARDS[1])
    assert not proves(folder, SHARDS[2])


def test_the_proof_is_readable_json(folder: LocalFolder, tmp_path: Path) -> None:
    table = json.loads((tmp_path / TABLE_MANIFEST).read_text(encoding="utf-8"))
    assert [shard["file"] for shard in table["shards"]] == [
        csv_name(shard, PLAIN) for shard in SHARDS
    ]


def test_the_proof_of_another_window_or_of_a_trial_proves_nothing(folder: LocalFolder) -> None:
    assert not kept_manifest(folder, replace(REQUEST, partition="2026-11-30"), SHARDS[0], None)
    with pytest.raises(IncompleteError, match="3 of 3 shards are missing"):
        complete_window(folder, replace(REQUEST, partition="2026-11-30"))
    export_shard(folder, SHARDS[0], [(1, "one")], sample=1)
    assert not proves(folder, SHARDS[0])
    assert str(SHARDS[0]) in refusal(folder)


def test_the_display_width_of_a_number_is_no_difference(folder: LocalFolder) -> None:
    columns = [("id", "bigint(20) unsigned"), ("born", "year(4)")]
    plain = [("id", "bigint unsigned"), ("born", "year")]
    for shard, kinds in zip(SHARDS, (columns, plain, plain), strict=True):
        export_shard(folder, shard, [(1, 2)], columns=kinds)
    assert complete_window(folder, REQUEST).rows == 3
    export_shard(folder, SHARDS[0], [(1, 2)], columns=[("id", "int(8) zerofill"), *plain[1:]])
    export_shard(folder, SHARDS[1], [(1, 2)], columns=[("id", "int(9) zerofill"), *plain[1:]])
    assert "int(9) zerofill" in refusal(folder)
