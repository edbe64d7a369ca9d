"""An exported window, written as an export writes it, without a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from etl_assets.csv_format import CsvFormat, Value
from etl_assets.extract.block import Block
from etl_assets.store.complete import complete_window
from etl_assets.store.folder import Folder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    QueryRecord,
    ShardManifest,
    WindowRecord,
    csv_name,
    manifest_name,
)
from etl_assets.store.recipe import Recipe, WindowRequest
from etl_assets.store.writer import write_records
from etl_assets.tables.topology import Shard

PLAIN = CsvFormat()
KEY = "2026-11-01"
SHARDS = tuple(Shard("orders", "shop-a", "shop_00", f"orders_{number:02}") for number in range(3))
COLUMNS = (("id", "bigint(20)"), ("name", "varchar(50)"))
BEGAN = datetime(2026, 11, 2, 0, 10, tzinfo=UTC)
WINDOW = WindowRecord.model_validate(
    {
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-11-02T00:00:00Z",
        "timezone": "UTC",
    }
)
QUERY = QueryRecord(
    column="created_at", column_timezone="UTC", unit=None, where=None, include=None, exclude=None
)


def window_request(
    csv_format: CsvFormat = PLAIN, shards: Sequence[Shard] = SHARDS, **how: Any
) -> WindowRequest:
    """The window as a configuration of these conventions asks for it."""
    return WindowRequest(KEY, tuple(shards), Recipe(csv_format, QUERY, WINDOW), **how)


REQUEST = window_request()


def block(csv_format: CsvFormat, records: Sequence[Sequence[Value]]) -> Block:
    """Records as an extractor gives them."""
    return Block("".join(map(csv_format.record, records)).encode(), len(records))


def facts(shard: Shard, csv_format: CsvFormat = PLAIN, **changes: Any) -> dict[str, Any]:
    """What a manifest says, with some facts changed."""
    return {
        "table": shard.table,
        "partition": KEY,
        "host": shard.host,
        "database": shard.database,
        "shard_table": shard.shard_table,
        "file": csv_name(shard, csv_format),
        "rows": 2,
        "bytes": 20,
        "sha256": "00" * 32,
        "source_rows": 2,
        "columns": [{"name": name, "type": kind} for name, kind in COLUMNS],
        "window": WINDOW.model_dump(mode="json"),
        "snapshot": {
            "server": "mariadb",
            "version": "11.8.3",
            "isolation": "REPEATABLE READ",
            "position": None,
            "exact": True,
            "taken_at": BEGAN + timedelta(seconds=1.5),
        },
        "started_at": BEGAN,
        "seconds": 0.25,
        "run_id": "3f1c",
        "csv": csv_format,
        "query": QUERY,
    } | changes


def manifest(shard: Shard, csv_format: CsvFormat = PLAIN, **changes: Any) -> ShardManifest:
    """A manifest, with some facts changed."""
    return ShardManifest.model_validate(facts(shard, csv_format, **changes))


def export_shard(
    folder: Folder,
    shard: Shard,
    records: Sequence[Sequence[Value]],
    csv_format: CsvFormat = PLAIN,
    **changes: Any,
) -> ShardManifest:
    """Write a shard's file and its manifest."""
    columns: Sequence[tuple[str, str]] = changes.pop("columns", COLUMNS)
    with folder.stage(csv_name(shard, csv_format)) as staged:
        written = write_records(
            staged,
            csv_format,
            [name for name, _ in columns],
            [block(csv_format, records)],
            lambda rows, size: None,
        )
        staged.commit()
    proof = manifest(
        shard,
        csv_format,
        **{
            "rows": written.rows,
            "bytes": written.bytes,
            "sha256": written.sha256,
            "source_rows": written.rows,
            "columns": [{"name": name, "type": kind} for name, kind in columns],
        }
        | changes,
    )
    folder.write_json(manifest_name(shard), proof.as_json())
    return proof


def export_window(folder: Folder, csv_format: CsvFormat = PLAIN) -> None:
    """Write every shard of a window, and its manifest last of all."""
    for number, shard in enumerate(SHARDS):
        export_shard(folder, shard, [(number, f"name {number}"), (number + 10, None)], csv_format)
    folder.write_json(TABLE_MANIFEST, complete_window(folder, window_request(csv_format)).as_json())
