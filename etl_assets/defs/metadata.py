"""What Dagster shows of a file: its rows, its size, its columns, its first records."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from etl_assets.csv_format import CsvFormat, RecordReader
from etl_assets.defs.readable import mb_per_second, sql_block, summary, table
from etl_assets.defs.window_metadata import window_metadata
from etl_assets.store.commit import CommittedShard
from etl_assets.store.folder import Folder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ColumnRecord,
    ShardManifest,
    TableManifest,
    manifest_name,
)

if TYPE_CHECKING:
    from etl_assets.store.frame_columns import FrameColumn
    from etl_assets.store.frame_files import FrameManifest

_PREVIEW_CELL = 60
_PREVIEW_TEXT = 4_000
"""How long the texts of a preview may be in all; one record is always shown."""
_LONGEST_COMMENT = 300
_MOST_LINEAGE = 20
"""Of so many columns it is said from which one each is: Dagster keeps 250 bytes for each."""


def shard_metadata(
    done: CommittedShard, folder: Folder, source: dg.AssetKey | None = None
) -> dict[str, Any]:
    """Of a shard; `source` is the asset that it is made of.

    Of one of many there are only the numbers to plot, and where the file is: Dagster keeps what is
    shown of each shard of each window for ever, and the manifest says the rest.
    """
    manifest = done.manifest
    numbers = {
        "dagster/partition_row_count": manifest.rows,
        "bytes": manifest.bytes,
        "seconds": manifest.seconds,
    }
    if done.is_one_of_many:
        return {**numbers, "path": dg.MetadataValue.path(folder.location(manifest.file))}
    speed = mb_per_second(manifest.bytes, manifest.seconds)
    return {
        "summary": summary(manifest.rows, manifest.bytes, manifest.seconds),
        **numbers,
        **({"mb_per_second": speed} if speed is not None else {}),
        **_file_metadata(manifest, folder),
        "manifest": dg.MetadataValue.path(folder.location(manifest_name(manifest.shard))),
        "source_rows": manifest.source_rows,
        "snapshot": dg.MetadataValue.json(manifest.as_json()["snapshot"]),
        **({"query": sql_block(done.query.text)} if done.query is not None else {}),
        **(_lineage(manifest.columns, source) if source is not None else {}),
    }


def table_metadata(manifest: TableManifest, folder: Folder) -> dict[str, Any]:
    """Of a logical table's window."""
    merged = manifest.merged
    return {
        **window_metadata(manifest),
        "dagster/uri": folder.uri(TABLE_MANIFEST),
        "dagster/column_schema": _schema(manifest.columns),
        "path": dg.MetadataValue.path(folder.location("")),
        **({"merged": dg.MetadataValue.path(folder.location(merged.file))} if merged else {}),
    }


def frame_metadata(manifest: "FrameManifest", folder: Folder) -> dict[str, Any]:
    """Of a frame that an asset of anybody's has given."""
    of = "row_count" if manifest.partition is None else "partition_row_count"
    return {f"dagster/{of}": manifest.rows, **_file_metadata(manifest, folder)}


def preview(
    manifest: "ShardManifest | FrameManifest", first: bytes, count: int
) -> Mapping[str, dg.MetadataValue[Any]]:
    """The first records as a table; long values are cut, and NULL is not the text NULL.

    Nothing where there are none, or none is asked for.
    """
    if not (count and manifest.rows and first):
        return {}
    names = [column.name for column in manifest.columns]
    return {"preview": table(_records(manifest.csv, names, first, count), names)}


def _file_metadata(manifest: "ShardManifest | FrameManifest", folder: Folder) -> dict[str, Any]:
    return {
        "dagster/uri": folder.uri(manifest.file),
        "dagster/column_schema": _schema(manifest.columns),
        "path": dg.MetadataValue.path(folder.location(manifest.file)),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
    }


def _schema(columns: "Iterable[ColumnRecord | FrameColumn]") -> dg.TableSchema:
    return dg.TableSchema(
        columns=[dg.TableColumn(c.name, c.type, _comment(c) or None) for c in columns]
    )


def _comment(column: "ColumnRecord | FrameColumn") -> str:
    """What a server says of a column of its own."""
    text = column.comment if isinstance(column, ColumnRecord) else ""
    return _cut(text, _LONGEST_COMMENT)


def _lineage(columns: Sequence[ColumnRecord], source: dg.AssetKey) -> Mapping[str, Any]:
    """From which column of the server's table each column is."""
    if len(columns) > _MOST_LINEAGE:
        return {}
    deps = {
        column.name: [dg.TableColumnDep(asset_key=source, column_name=column.name)]
        for column in columns
        if not column.missing
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


def _records(
    csv_format: CsvFormat, names: Sequence[str], first: bytes, count: int
) -> Iterable[Mapping[str, str]]:
    room = _PREVIEW_TEXT
    reader = RecordReader(csv_format, len(names))
    for _, record in zip(range(count), reader.records([first]), strict=False):
        if room < 0:
            return
        cells = dict(zip(names, map(_cell, record), strict=True))
        room -= sum(map(len, cells.values()))
        yield cells


def _cell(value: str | None) -> str:
    """A value as a table shows it: the empty text and the text NULL are in quotes."""
    if value is None:
        return "NULL"
    return f'"{value}"' if value in ("", "NULL") else _cut(value, _PREVIEW_CELL)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
