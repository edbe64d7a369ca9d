"""Manifests: what was written, in JSON that does not change under its readers."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat
from etl_assets.source.moment import Position, SnapshotInfo
from etl_assets.store.compression import Compression
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import (
    ColumnRecord,
    ShardManifest,
    SnapshotRecord,
    TableManifest,
    WindowRecord,
    csv_name,
    folder_parts,
    manifest_name,
    stem_of,
)
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import Window
from etl_assets_tests.support.exported import BEGAN, SHARDS, facts, manifest

SHARD_FIELDS = [
    "table",
    "partition",
    "host",
    "database",
    "shard_table",
    "file",
    "rows",
    "bytes",
    "sha256",
    "source_rows",
    "columns",
    "window",
    "snapshot",
    "started_at",
    "seconds",
    "run_id",
    "csv",
]


def test_the_fields_stand_in_their_promised_order() -> None:
    written = manifest(SHARDS[0]).as_json()
    assert list(written)[: len(SHARD_FIELDS)] == SHARD_FIELDS
    assert list(written["columns"][0]) == ["name", "type"]
    assert list(written["window"]) == ["start", "end", "timezone"]
    assert list(written["snapshot"])[:5] == ["server", "version", "isolation", "position", "exact"]
    assert list(written["csv"]) == [
        "null",
        "delimiter",
        "quoting",
        "header",
        "compression",
        "binary",
        "zero_dates",
        "spreadsheet_safe",
    ]


def test_the_order_does_not_depend_on_the_order_of_the_facts() -> None:
    turned = dict(reversed(facts(SHARDS[0]).items()))
    written = ShardManifest.model_validate(turned).as_json()
    assert list(written)[: len(SHARD_FIELDS)] == SHARD_FIELDS


def test_a_logical_table_s_fields_stand_in_their_promised_order() -> None:
    written = TableManifest.of([manifest(shard) for shard in SHARDS]).as_json()
    promised = ["table", "partition", "rows", "bytes", "skew_seconds", "shards"]
    assert list(written) == [*promised, "consistent", "columns"]
    assert written["shards"] == [manifest(shard).as_json() for shard in SHARDS]


def test_timestamps_are_rfc_3339_in_utc() -> None:
    written = manifest(SHARDS[0]).as_json()
    assert written["started_at"] == "2026-11-02T00:10:00Z"
    assert written["snapshot"]["taken_at"] == "2026-11-02T00:10:01.500000Z"
    assert written["window"] == {
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-11-02T00:00:00Z",
        "timezone": "UTC",
    }


def test_an_instant_of_another_zone_is_written_in_utc() -> None:
    shanghai = datetime(2026, 11, 2, 8, 10, tzinfo=timezone(timedelta(hours=8)))
    assert manifest(SHARDS[0], started_at=shanghai).as_json()["started_at"] == (
        "2026-11-02T00:10:00Z"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"window": None, "source_rows": None},
        {"sample": 10},
        {"rows": 2**63, "bytes": 2**53 + 1, "seconds": 0.1 + 0.2},
        {"started_at": datetime(2026, 11, 2, 0, 10, 0, 123456, tzinfo=UTC)},
        {"columns": [{"name": '列 "a",\n', "type": "enum('a','b')"}]},
        {"csv": CsvFormat(null="\\N", delimiter="\t", header=False, compression="zstd")},
    ],
)
def test_what_was_written_is_read_back(tmp_path: Path, changes: dict[str, Any]) -> None:
    folder = LocalFolder(tmp_path)
    written = manifest(SHARDS[0], **changes)
    folder.write_json("m.json", written.as_json())
    read = ShardManifest.read(folder, "m.json")
    assert read == written
    assert read is not None
    assert read.as_json() == written.as_json()
    assert read.shard == SHARDS[0]


def test_conventions_that_were_used_are_written_the_same() -> None:
    used = CsvFormat(null="NULL")
    used.record(["a", None])
    assert (
        manifest(SHARDS[0], csv=used).as_json()
        == manifest(SHARDS[0], csv=CsvFormat(null="NULL")).as_json()
    )


def test_a_table_s_manifest_is_read_back(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    written = TableManifest.of([manifest(shard) for shard in SHARDS])
    folder.write_json("m.json", written.as_json())
    assert TableManifest.read(folder, "m.json") == written


def test_a_sample_is_named_only_where_it_is_one() -> None:
    assert "sample" not in manifest(SHARDS[0]).as_json()
    assert manifest(SHARDS[0], sample=10).as_json()["sample"] == 10


def test_a_manifest_of_a_later_version_may_say_more(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    folder.write_json("m.json", manifest(SHARDS[0]).as_json() | {"later": 1})
    assert ShardManifest.read(folder, "m.json") == manifest(SHARDS[0])


@pytest.mark.parametrize(
    "value",
    [None, [], "rows", {"table": "orders"}, {**manifest(SHARDS[0]).as_json(), "rows": "many"}],
)
def test_what_is_not_a_manifest_is_none(tmp_path: Path, value: object) -> None:
    folder = LocalFolder(tmp_path)
    folder.write_json("m.json", value)
    assert ShardManifest.read(folder, "m.json") is None
    assert ShardManifest.read(folder, "missing.json") is None


def test_a_table_s_manifest_sums_up_its_shards() -> None:
    def taken(seconds: float) -> dict[str, Any]:
        snapshot: dict[str, Any] = facts(SHARDS[0])["snapshot"]
        return snapshot | {"taken_at": BEGAN + timedelta(seconds=seconds)}

    of = TableManifest.of(
        [
            manifest(SHARDS[0], rows=1, bytes=10, snapshot=taken(2)),
            manifest(SHARDS[1], rows=0, bytes=5, snapshot=taken(0.25)),
            manifest(SHARDS[2], rows=7, bytes=2**40, snapshot=taken(1)),
        ]
    )
    assert (of.table, of.partition, of.rows, of.bytes) == ("orders", "2026-11-01", 8, 2**40 + 15)
    assert of.skew_seconds == 1.75
    assert [shard.shard for shard in of.shards] == list(SHARDS)


def test_one_shard_has_no_skew() -> None:
    assert TableManifest.of([manifest(SHARDS[0])]).skew_seconds == 0


def test_a_window_s_instants_are_in_utc() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    start, end = (datetime(2026, 11, day, tzinfo=zone) for day in (2, 3))
    assert WindowRecord.of(Window("2026-11-02", start, end, zone.key)).as_json() == {
        "start": "2026-11-01T16:00:00Z",
        "end": "2026-11-02T16:00:00Z",
        "timezone": "Asia/Shanghai",
    }


def test_a_snapshot_is_recorded_as_it_is_known() -> None:
    place = Position("binlog.7", 42, None, exact=True)
    info = SnapshotInfo("mysql", "9.7", "REPEATABLE READ", place, True, BEGAN)
    whole = SnapshotRecord.of(info).as_json()
    assert whole == {
        "server": "mysql",
        "version": "9.7",
        "isolation": "REPEATABLE READ",
        "position": {"file": "binlog.7", "offset": 42, "gtid": None, "exact": True},
        "exact": True,
        "taken_at": "2026-11-02T00:10:00Z",
    }
    several = SnapshotRecord.of(info.of_parts(3, locked=True)).as_json()
    assert several == whole | {"parts": 3, "locked": True}


def test_files_are_named_after_their_shard() -> None:
    shard = Shard("orders", "shop-a", "shop.00", "订单/..")
    assert csv_name(shard, CsvFormat()) == "shop-a.shop%2E00.订单%2F%2E%2E.csv"
    assert csv_name(shard, CsvFormat(compression="gzip")).endswith(".csv.gz")
    assert csv_name(shard, CsvFormat(compression="zstd")).endswith(".csv.zst")
    assert manifest_name(shard) == "shop-a.shop%2E00.订单%2F%2E%2E.json"


@given(
    names=st.tuples(st.text(min_size=1), st.text(min_size=1)),
    compression=st.sampled_from(["none", "gzip", "zstd"]),
)
def test_every_name_leads_back_to_its_shard(
    names: tuple[str, str], compression: Compression
) -> None:
    shard = Shard("orders", "h", *names)
    assert stem_of(csv_name(shard, CsvFormat(compression=compression))) == shard.file_stem
    assert stem_of(manifest_name(shard)) is None


def test_a_trial_has_a_folder_of_its_own() -> None:
    assert folder_parts("orders", "2026-11-02-13:00") == ("orders", "2026-11-02-13%3A00")
    assert folder_parts("orders", "2026-11-02", 0) == ("orders", "2026-11-02.sample")


def test_a_comment_is_there_where_the_server_has_one_and_sets_no_columns_apart() -> None:
    plain = ColumnRecord.of(Column("id", "int"))
    told = ColumnRecord.of(Column("id", "int", comment="who it is"))
    assert plain.as_json() == {"name": "id", "type": "int"}
    assert told.as_json() == {"name": "id", "type": "int", "comment": "who it is"}
    assert told.column == plain.column
    assert told.column.comment == "who it is"
