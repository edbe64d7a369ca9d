"""What was written, as JSON: one manifest per shard, and one per logical table and window."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    ValidationError,
)

from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.source.moment import Position, SnapshotInfo
from etl_assets.store.compression import SUFFIXES
from etl_assets.store.folder import Folder
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard, safe_name
from etl_assets.tables.windows import Window

TABLE_MANIFEST = "_manifest.json"
EXPORT_RECORD = "_export.json"
SAMPLE_SUFFIX = ".sample"
SHARD_COLUMNS = ("_host", "_database", "_table")
"""The columns in front of the file of all shards: the shard that a record is from."""

_CSV_NAME = re.compile(
    rf"(?P<stem>.+?)\.csv(?:{'|'.join(map(re.escape, SUFFIXES.values()))})", re.DOTALL
)

Instant = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
"""A moment, in UTC; written as RFC 3339."""


class _Record(BaseModel):
    # A manifest of a later version may say more than this one knows.
    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def read(cls, folder: Folder, name: str) -> Self | None:
        """The manifest in a folder; None where it is missing or is not one."""
        try:
            return cls.model_validate(folder.read_json(name))
        except ValidationError:
            return None

    @classmethod
    def found(cls, folder: Folder, name: str) -> Self | None:
        """As `read`; None also where it cannot be read, such as a folder: that proves nothing."""
        try:
            return cls.read(folder, name)
        except OSError:
            return None

    def as_json(self) -> dict[str, Any]:
        """The manifest as it is written."""
        return self.model_dump(mode="json", exclude_unset=True)


class ColumnRecord(_Record):
    """A column of the file, with the server's type for it.

    `missing` is there only where the shard table has no such column and others do, and `comment`
    only where the server has one.
    """

    name: str
    type: str
    missing: bool = False
    comment: str = ""

    @classmethod
    def of(cls, column: Column, *, missing: bool = False) -> Self:
        """As a shard's file has the column."""
        told: dict[str, Any] = {"name": column.name, "type": column.type}
        if missing:
            told["missing"] = True
        if column.comment:
            told["comment"] = column.comment
        return cls(**told)

    @property
    def column(self) -> Column:
        """The column that it records."""
        return Column(self.name, self.type, comment=self.comment)


class WindowRecord(_Record):
    """The window's instants, in UTC."""

    start: Instant
    end: Instant
    timezone: str

    @classmethod
    def of(cls, window: Window) -> Self:
        """A window's."""
        return cls(start=window.start, end=window.end, timezone=window.timezone)


class SnapshotRecord(_Record):
    """The moment that the rows are from.

    `parts` and `locked` are there only for a shard table that was read in several transactions, and
    say how many they were and whether nobody could write while they began.
    """

    server: str
    version: str
    isolation: str
    position: Position | None
    exact: bool
    taken_at: Instant
    parts: int | None = None
    locked: bool | None = None

    @classmethod
    def of(cls, info: SnapshotInfo) -> Self:
        """Of a shard's rows."""
        known = dict(vars(info))
        if info.parts is None:
            del known["parts"], known["locked"]
        return cls.model_validate(known)


class QueryRecord(_Record):
    """What was asked for, in the configuration's words."""

    column: str | None
    column_timezone: str | None
    unit: str | None
    where: str | None
    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None

    @classmethod
    def of(cls, table: TableConfig) -> Self:
        """What a logical table's settings ask for."""
        partition, selection = table.partition, table.columns
        return cls(
            column=partition.column,
            column_timezone=partition.column_timezone
            or (partition.timezone if partition.column else None),
            unit=partition.unit,
            where=table.where,
            include=selection.include if selection else None,
            exclude=selection.exclude if selection else None,
        )


class FileRecord(_Record):
    """A CSV file; `bytes` and `sha256` are of the stored file."""

    file: str
    rows: int
    bytes: int
    sha256: str


class ShardManifest(_Record):
    """What one shard's file holds.

    `bytes` and `sha256` are of the stored file, `seconds` is the time from the connection to the
    staged file, `source_rows` is the server's count in the same snapshot (null: not asked for),
    `rows_outside` its count of the rows that are in no window at all (null for a snapshot table),
    `writer` the version that wrote it and what encoded its rows (empty in older ones), and `sample`
    is there only for a trial of at most so many rows.
    """

    table: str
    partition: str
    host: str
    database: str
    shard_table: str
    file: str
    rows: int
    bytes: int
    sha256: str
    source_rows: int | None
    columns: tuple[ColumnRecord, ...]
    window: WindowRecord | None
    snapshot: SnapshotRecord
    started_at: Instant
    seconds: float
    run_id: str
    csv: CsvFormat
    query: QueryRecord
    rows_outside: int | None = None
    writer: str = ""
    sample: int | None = None

    @property
    def shard(self) -> Shard:
        """The shard table that the file is from."""
        return Shard(self.table, self.host, self.database, self.shard_table)

    @property
    def has_its_name(self) -> bool:
        """Whether the file is called what this shard's is called."""
        return self.file == csv_name(self.shard, self.csv)


class ExportRecord(_Record):
    """The export that a window is in the midst of: it is there from its first commit to its end.

    `since` is when that export was asked for, `run_ids` are its runs and those that have gone on
    with it, `replaces` the runs that are known to have been asked for before it, `shards` the
    file stems of the shards that they are to export (null: all of the window's), and `merged` the
    file of all shards that was there before.
    """

    table: str
    partition: str
    since: Instant
    run_ids: tuple[str, ...]
    replaces: tuple[str, ...] = ()
    shards: tuple[str, ...] | None = None
    merged: FileRecord | None = None

    def is_older(self, manifest: ShardManifest) -> bool:
        """Whether a shard was exported before this export, which is to export it too.

        Its runs and those that it replaces are known by their ids, whatever their clocks say; no
        file of others is from the future.
        """
        if self._stems is not None and manifest.shard.file_stem not in self._stems:
            return False
        if manifest.run_id in self.run_ids:
            return False
        if manifest.run_id in self.replaces:
            return True
        return not self.since <= manifest.started_at <= datetime.now(UTC)

    @cached_property
    def _stems(self) -> frozenset[str] | None:
        return None if self.shards is None else frozenset(self.shards)


class TableManifest(_Record):
    """All shards of a logical table's window, in the configuration's order.

    Each shard's rows are from one moment of its server; `skew_seconds` is the time between the
    first and the last of these moments. `columns` are those of every shard's file, and `merged` is
    there where all shards were also written as one file.
    """

    table: str
    partition: str
    rows: int
    bytes: int
    skew_seconds: float
    shards: tuple[ShardManifest, ...]
    consistent: Literal["per shard"] = "per shard"
    columns: tuple[ColumnRecord, ...] = ()
    merged: FileRecord | None = None

    @classmethod
    def of(cls, shards: Sequence[ShardManifest]) -> "TableManifest":
        """The manifest that sums up its shards' manifests, nothing merged."""
        moments = [shard.snapshot.taken_at for shard in shards]
        return cls(
            table=shards[0].table,
            partition=shards[0].partition,
            rows=sum(shard.rows for shard in shards),
            bytes=sum(shard.bytes for shard in shards),
            skew_seconds=round((max(moments) - min(moments)).total_seconds(), 6),
            consistent="per shard",
            columns=tuple(ColumnRecord.of(record.column) for record in shards[0].columns),
            shards=tuple(shards),
        )


def csv_name(shard: Shard, csv_format: CsvFormat) -> str:
    """The name of a shard's file."""
    return f"{shard.file_stem}.csv{SUFFIXES[csv_format.compression]}"


def stem_of(name: str) -> str | None:
    """The file stem of the shard that a CSV's name may be of; None for other files."""
    found = _CSV_NAME.fullmatch(name)
    return found["stem"] if found else None


def merged_name(table: str, csv_format: CsvFormat) -> str:
    """The name of the one file of all shards: it has no dot where a shard's has two."""
    return f"{table}.csv{SUFFIXES[csv_format.compression]}"


def manifest_name(shard: Shard) -> str:
    """The name of a shard's manifest."""
    return f"{shard.file_stem}.json"


def folder_parts(table: str, partition: str, sample: int | None = None) -> tuple[str, str]:
    """The folders of a logical table's window below the output folder."""
    return table, safe_name(partition) + (SAMPLE_SUFFIX if sample is not None else "")
