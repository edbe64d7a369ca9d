"""The files of all shards as one."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_assets import read_export
from etl_assets.csv_format import CsvFormat, RecordReader
from etl_assets.errors import IncompleteError, UsageError
from etl_assets.store.complete import complete_window, is_complete, stage_window
from etl_assets.store.compression import decompressed
from etl_assets.store.folder import Folder
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import TABLE_MANIFEST, FileRecord, csv_name, merged_name
from etl_assets.store.merge import _prefixed, shard_prefix
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import PLAIN, REQUEST, SHARDS, export_shard, window_request

MERGING = replace(REQUEST, merge=True)
FORMATS = [
    PLAIN,
    CsvFormat(null="NULL", delimiter="\t", quoting="all"),
    CsvFormat(header=False, compression="gzip"),
    CsvFormat(spreadsheet_safe=True, compression="zstd"),
]
VALUES = st.none() | st.sampled_from(["", '"', "\n", "a\nb", '"\n"', ",", "汉", "\r\n", "a,b\n"])


def merged(folder: Folder, csv_format: CsvFormat) -> FileRecord:
    """Merge the window and prove it, as the logical table's step does."""
    staged = stage_window(folder, window_request(csv_format, merge=True))
    assert staged.merged is not None
    staged.merged.commit()
    folder.write_json(TABLE_MANIFEST, staged.manifest.as_json())
    record = staged.manifest.merged
    assert record is not None
    assert record.file == merged_name("orders", csv_format)
    return record


@pytest.mark.parametrize("csv_format", FORMATS)
@given(
    tables=st.lists(st.lists(st.tuples(VALUES, VALUES), max_size=4), min_size=3, max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_the_merged_file_has_the_records_of_all_shards_prefixed_their_names(
    tmp_path: Path, csv_format: CsvFormat, tables: list[list[tuple[str | None, str | None]]]
) -> None:
    folder = LocalFolder(tmp_path)
    for shard, records in zip(SHARDS, tables, strict=True):
        export_shard(folder, shard, records, csv_format)

    record = merged(folder, csv_format)

    assert record.rows == sum(map(len, tables))
    assert record.bytes == folder.size(record.file)
    plain = decompressed(folder.blocks(record.file), csv_format.compression)
    found = list(RecordReader(csv_format, 5).records(csv_format.without_mark(plain)))
    header = [["_host", "_database", "_table", "id", "name"]] if csv_format.header else []
    assert found == [
        *header,
        *(
            [shard.host, shard.database, shard.shard_table, *record]
            for shard, records in zip(SHARDS, tables, strict=True)
            for record in records
        ),
    ]


@given(
    st.lists(st.lists(VALUES, min_size=2, max_size=2), max_size=6),
    st.integers(1, 9),
    st.sampled_from(["orders_00", 'o"r,d\ners', "汉"]),
)
def test_blocks_may_be_cut_anywhere(
    records: list[list[str | None]], size: int, shard_table: str
) -> None:
    shard = Shard("orders", "shop-a", "shop", shard_table)
    plain = "".join(map(PLAIN.record, records)).encode()
    cut = [plain[start : start + size] for start in range(0, len(plain), size)]
    blocks = list(_prefixed(shard_prefix(shard, PLAIN), cut))
    found = csv.reader(io.StringIO(b"".join(b.data for b in blocks).decode(), newline=""))
    assert [row[:3] for row in found] == [["shop-a", "shop", shard_table]] * len(records)
    assert sum(block.rows for block in blocks) == len(records)


def export_all(folder: Folder, **changes: Any) -> None:
    """Two records a shard."""
    for shard in SHARDS:
        export_shard(folder, shard, [(1, "a"), (2, "b")], **changes)


def test_a_window_is_complete_with_its_merged_file_alone(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    export_all(folder)
    folder.write_json(TABLE_MANIFEST, complete_window(folder, REQUEST).as_json())
    assert is_complete(folder, REQUEST)
    assert not is_complete(folder, MERGING)

    record = merged(folder, PLAIN)
    assert is_complete(folder, MERGING)
    assert not is_complete(folder, REQUEST)

    (tmp_path / record.file).write_bytes(b"")
    assert not is_complete(folder, MERGING)
    (tmp_path / record.file).unlink()
    assert not is_complete(folder, MERGING)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"2,b", b"2,c", "its SHA-256: expected "),
        (b"2,b", b'"\n"', "its records: expected 2, got 3"),
        (b"id,", b"ix,", "byte 0: expected the header of its columns"),
    ],
)
def test_a_file_that_is_not_what_its_manifest_says_is_not_merged(
    tmp_path: Path, old: bytes, new: bytes, told: str
) -> None:
    folder = LocalFolder(tmp_path)
    export_all(folder)
    path = tmp_path / csv_name(SHARDS[1], PLAIN)
    path.write_bytes(path.read_bytes().replace(old, new))
    if told.startswith("its records"):
        path.write_bytes(path.read_bytes().replace(b'"\n"', b"x\ny"))
    with pytest.raises(IncompleteError, match=f"orders_01.csv: {told}"):
        stage_window(folder, MERGING)
    assert not [name for name in tmp_path.iterdir() if name.name.startswith((".", "orders."))]


def test_a_column_that_is_named_like_one_in_front_is_refused(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    export_all(folder, columns=(("id", "int"), ("_Table", "int")))
    with pytest.raises(IncompleteError, match="a column _table; leave it out with `columns`"):
        stage_window(folder, MERGING)


def test_the_merged_file_is_read_as_its_window(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    export_all(folder)
    record = merged(folder, PLAIN)
    with pytest.raises(UsageError, match=f"read {tmp_path}.*, which gives the same rows"):
        read_export(tmp_path / record.file)
    assert len(read_export(tmp_path)) == record.rows
