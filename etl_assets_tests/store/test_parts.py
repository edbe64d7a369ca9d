"""Shards whose parts were kept: each file is proven, all of them together are the shard."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from etl_assets import read_export
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CsvError, IncompleteError, UsageError
from etl_assets.store.complete import complete_window, proven_manifest, stage_window
from etl_assets.store.compression import Compression, decompressed
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    csv_name,
    manifest_name,
    stems_of,
)
from etl_assets.store.proof import proven_shard
from etl_assets.store.strays import remove_gone, replaced_files
from etl_assets.store.verify import verify_window
from etl_assets.store.writer import write_records
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import (
    COLUMNS,
    KEY,
    PLAIN,
    SHARDS,
    WANTED,
    block,
    export_shard,
    manifest,
    wanted,
)

PARTS: list[list[tuple[int, str | None]]] = [[(1, "a"), (2, None)], [], [(3, 'c"\n')]]
ROWS = [row for part in PARTS for row in part]
GZIP = CsvFormat(compression="gzip")


def export_parts(
    folder: LocalFolder,
    shard: Shard,
    parts: Sequence[Sequence[tuple[int, str | None]]] = PARTS,
    csv_format: CsvFormat = PLAIN,
) -> ShardManifest:
    """Write a shard's parts and the manifest of them."""
    records = []
    for number, part in enumerate(parts, 1):
        with folder.stage(csv_name(shard, csv_format, number)) as staged:
            names = [name for name, _ in COLUMNS]
            blocks = [block(csv_format, part)]
            written = write_records(staged, csv_format, names, blocks, lambda rows, size: None)
            staged.commit()
        records.append(
            {
                "file": staged.name,
                "rows": written.rows,
                "bytes": written.bytes,
                "sha256": written.sha256,
            }
        )
    rows = sum(map(len, parts))
    size = sum(int(str(record["bytes"])) for record in records)
    proof = manifest(
        shard, csv_format, file=None, sha256=None, rows=rows, source_rows=rows, bytes=size,
        parts=records,
    )  # fmt: skip
    folder.write_json(manifest_name(shard), proof.as_json())
    return proof


def complete(folder: LocalFolder) -> list[str]:
    """Prove the window, as the logical table's step does; gives what was removed before."""
    manifest = complete_window(folder, WANTED)
    removed = remove_gone(folder, KEY, SHARDS)
    folder.write_json(TABLE_MANIFEST, manifest.as_json())
    return removed


def findings(folder: LocalFolder) -> list[str]:
    """What `verify` says."""
    return list(verify_window(folder, WANTED))


@pytest.fixture
def folder(tmp_path: Path) -> LocalFolder:
    """A complete window whose second shard is in parts."""
    folder = LocalFolder(tmp_path)
    for shard in SHARDS:
        export_shard(folder, shard, ROWS)
    export_parts(folder, SHARDS[1])
    folder.remove(csv_name(SHARDS[1], PLAIN))
    complete(folder)
    return folder


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_window_of_whole_files_and_parts_is_proven_and_read(
    tmp_path: Path, compression: Compression
) -> None:
    folder, csv_format = LocalFolder(tmp_path), CsvFormat(compression=compression)
    for shard in SHARDS:
        export_shard(folder, shard, ROWS, csv_format)
    whole = complete_window(folder, wanted(csv_format))
    export_parts(folder, SHARDS[1], csv_format=csv_format)
    folder.remove(csv_name(SHARDS[1], csv_format))
    mixed = complete_window(folder, wanted(csv_format))
    folder.write_json(TABLE_MANIFEST, mixed.as_json())
    assert list(verify_window(folder, wanted(csv_format))) == []
    assert mixed.rows == whole.rows == 9
    frame = read_export(tmp_path)
    assert list(frame["id"]) == [1, 2, 3] * 3
    assert frame["name"].isna().sum() == 3
    pd.testing.assert_frame_equal(
        read_export(tmp_path / manifest_name(SHARDS[1])),
        read_export(tmp_path / csv_name(SHARDS[0], csv_format)),
    )


def test_the_merged_file_holds_the_records_of_the_parts_in_order(folder: LocalFolder) -> None:
    merging = wanted(merge=True)
    staged = stage_window(folder, merging)
    assert staged.merged is not None
    staged.merged.commit()
    merged = b"".join(decompressed(folder.blocks("orders.csv"), "none")).decode()
    lines = [f"{shard.shard_table},{row[0]}," for shard in SHARDS for row in ROWS]
    positions = [merged.index(line) for line in lines]
    assert positions == sorted(positions)
    path = Path(folder.location(csv_name(SHARDS[1], PLAIN, 3)))
    path.write_bytes(path.read_bytes().replace(b"c", b"d"))
    with pytest.raises(IncompleteError, match=r"orders_01\.part-3\.csv: its SHA-256"):
        stage_window(folder, merging)


def _flip(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"1,a", b"1,b"))


def _swap(path: Path) -> None:
    other = path.with_name(path.name.replace("part-1", "part-2"))
    path.write_bytes(other.read_bytes())


@pytest.mark.parametrize(
    ("corrupt", "cause"),
    [
        (_flip, "expected SHA-256"),
        (_swap, r"holds what the manifest of .*orders_01\.part-2\.csv says"),
        (Path.unlink, "missing, though its manifest is there"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, got"),
    ],
)
def test_what_befalls_a_part_is_found_by_its_name(
    folder: LocalFolder, corrupt: Callable[[Path], object], cause: str
) -> None:
    path = Path(folder.location(csv_name(SHARDS[1], PLAIN, 1)))
    corrupt(path)
    (finding,) = findings(folder)
    assert finding.startswith(f"{path}: ")
    with pytest.raises((CsvError, IncompleteError), match=r"orders_01\.part-1\.csv: "):
        read_export(folder.location(""))
    assert re.search(cause, finding)


def test_a_count_that_the_server_did_not_give_is_found(folder: LocalFolder) -> None:
    name = manifest_name(SHARDS[1])
    folder.write_json(name, folder.read_json(name) | {"source_rows": 4})
    assert any("the server counted 4 rows, not 3" in finding for finding in findings(folder))


def test_sums_that_are_not_those_of_the_parts_are_no_manifest(folder: LocalFolder) -> None:
    name = manifest_name(SHARDS[1])
    facts = folder.read_json(name)
    for changes in ({"rows": 4}, {"bytes": 1}, {"parts": facts["parts"][:2]}):
        with pytest.raises(ValidationError, match="expected the rows and bytes of its parts"):
            ShardManifest.model_validate(facts | changes)
    folder.write_json(name, facts | {"rows": 4})
    assert any(f"{name}: is not a shard's manifest" in finding for finding in findings(folder))


@pytest.mark.parametrize("parts", [None, []])
def test_a_manifest_without_files_proves_nothing(folder: LocalFolder, parts: object) -> None:
    name = manifest_name(SHARDS[1])
    facts = {"rows": 0, "bytes": 0, "source_rows": 0, "parts": parts}
    folder.write_json(name, folder.read_json(name) | facts)
    assert any(f"{name}: is not a shard's manifest" in finding for finding in findings(folder))
    with pytest.raises(IncompleteError, match="orders_01"):
        complete_window(folder, WANTED)


def test_files_of_other_names_prove_nothing(folder: LocalFolder) -> None:
    name = manifest_name(SHARDS[1])
    facts = folder.read_json(name)
    parts = facts["parts"]
    folder.write_json(name, facts | {"parts": [parts[1], parts[0], parts[2]]})
    with pytest.raises(CsvError, match="expected the manifest of the shard of its name"):
        proven_shard(folder, name)
    assert any("orders_01.csv or its parts, found" in finding for finding in findings(folder))


def test_a_part_alone_is_not_read(folder: LocalFolder) -> None:
    path = folder.location(csv_name(SHARDS[1], PLAIN, 2))
    with pytest.raises(UsageError, match=r"a part of a shard's rows.*read .*orders_01\.json"):
        read_export(path)


def test_parts_that_a_newer_export_does_not_have_are_replaced(folder: LocalFolder) -> None:
    older = ShardManifest.read(folder, manifest_name(SHARDS[1]))
    newer = export_parts(folder, SHARDS[1], PARTS[:2])
    left = csv_name(SHARDS[1], PLAIN, 3)
    assert replaced_files(folder, older, newer) == [left]
    assert any(
        f"{left}: beside {csv_name(SHARDS[1], PLAIN, 1)}, and no manifest names it" in finding
        for finding in findings(folder)
    )
    whole = export_shard(folder, SHARDS[1], ROWS)
    assert replaced_files(folder, newer, whole) == [csv_name(SHARDS[1], PLAIN, n) for n in (1, 2)]


def test_a_shard_that_is_gone_takes_its_parts_along(folder: LocalFolder) -> None:
    before = folder.names()
    export_parts(folder, Shard("orders", "shop-a", "shop_00", "orders_99"))
    complete(folder)
    assert folder.names() == before


def test_resume_keeps_parts_that_are_all_there(folder: LocalFolder) -> None:
    assert proven_manifest(folder, WANTED, SHARDS[1], None) is not None
    folder.remove(csv_name(SHARDS[1], PLAIN, 2))
    assert proven_manifest(folder, WANTED, SHARDS[1], None) is None
    with pytest.raises(IncompleteError, match="orders_01"):
        complete_window(folder, WANTED)


def test_a_table_that_is_called_like_a_part_is_another_one(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    shards = [Shard("orders", "h", "d", name) for name in ("t", "part-1", "t.part-1")]
    for shard in shards:
        export_parts(folder, shard)
    manifest = complete_window(folder, wanted(shards=shards))
    assert remove_gone(folder, KEY, shards) == []
    folder.write_json(TABLE_MANIFEST, manifest.as_json())
    assert list(verify_window(folder, wanted(shards=shards))) == []
    assert len(read_export(tmp_path)) == 9


@given(
    names=st.tuples(st.text(min_size=1), st.text(min_size=1)),
    part=st.none() | st.integers(1, 999),
    compression=st.sampled_from(["none", "gzip", "zstd"]),
)
def test_every_name_leads_back_to_its_shard(
    names: tuple[str, str], part: int | None, compression: Compression
) -> None:
    shard = Shard("orders", "h", *names)
    stems = stems_of(csv_name(shard, CsvFormat(compression=compression), part))
    assert shard.file_stem in stems
    assert stems_of(manifest_name(shard)) == ()
