"""What Dagster shows of a file: its rows, its size, its columns, its first records."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from etl_assets.csv_format import CsvFormat, RecordReader
from etl_assets.store.folder import Folder
from etl_assets.store.manifest import TABLE_MANIFEST, ColumnRecord, ShardManifest, TableManifest

if TYPE_CHECKING:
    from etl_assets.store.frame_columns import FrameColumn
    from etl_assets.store.frame_files import FrameManifest

_PREVIEW_CELL = 60


def shard_metadata(manifest: ShardManifest, folder: Folder) -> dict[str, Any]:
    """Of a shard."""
    return {
        "dagster/partition_row_count": manifest.rows,
        **_file_metadata(manifest, folder),
        "seconds": manifest.seconds,
        "rows_per_second": round(manifest.rows / manifest.seconds) if manifest.seconds else None,
        "source_rows": manifest.source_rows,
        "snapshot": dg.MetadataValue.json(manifest.as_json()["snapshot"]),
    }


def table_metadata(manifest: TableManifest, folder: Folder) -> dict[str, Any]:
    """Of a logical table's window."""
    merged = manifest.merged
    return {
        "dagster/partition_row_count": manifest.rows,
        "dagster/uri": folder.uri(TABLE_MANIFEST),
        "dagster/column_schema": _schema(manifest.columns),
        "path": dg.MetadataValue.path(folder.location("")),
        "shards": len(manifest.shards),
        "bytes": manifest.bytes,
        "skew_seconds": manifest.skew_seconds,
        **({"merged": dg.MetadataValue.path(folder.location(merged.file))} if merged else {}),
    }


def frame_metadata(manifest: "FrameManifest", folder: Folder) -> dict[str, Any]:
    """Of a frame that an asset of anybody's has given."""
    of = "row_count" if manifest.partition is None else "partition_row_count"
    return {f"dagster/{of}": manifest.rows, **_file_metadata(manifest, folder)}


def preview(
    manifest: "ShardManifest | FrameManifest", first: bytes, count: int
) -> Mapping[str, dg.MetadataValue[Any]]:
    """The first records as a Markdown table; long values are cut, NULL is shown as such.

    Nothing where there are none, or none is asked for.
    """
    if not (count and manifest.rows and first):
        return {}
    names = [column.name for column in manifest.columns]
    return {"preview": dg.MetadataValue.md(_table(manifest.csv, names, first, count))}


def _file_metadata(manifest: "ShardManifest | FrameManifest", folder: Folder) -> dict[str, Any]:
    return {
        "dagster/uri": folder.uri(manifest.file),
        "dagster/column_schema": _schema(manifest.columns),
        "path": dg.MetadataValue.path(folder.location(manifest.file)),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
    }


def _schema(columns: "Iterable[ColumnRecord | FrameColumn]") -> dg.TableSchema:
    return dg.TableSchema(columns=[dg.TableColumn(column.name, column.type) for column in columns])


def _table(csv_format: CsvFormat, names: Sequence[str], first: bytes, count: int) -> str:
    reader = RecordReader(csv_format, len(names))
    lines = ["| " + " | ".join(map(_cell, names)) + " |", "|" + " --- |" * len(names)]
    for _, record in zip(range(count), reader.records([first]), strict=False):
        lines.append("| " + " | ".join(map(_cell, record)) + " |")
    return "\n".join(lines)


def _cell(value: str | None) -> str:
    if value is None:
        return "*NULL*"
    shown = value if len(value) <= _PREVIEW_CELL else value[: _PREVIEW_CELL - 1] + "…"
    escaped = "".join(f"&#{ord(char)};" if char in "|*_`<>[]\\&#~" else char for char in shown)
    return " ".join(escaped.split())
