"""What was written, as JSON: one manifest per shard, and one per logical table and window."""

from collections.abc import Sequence
from datetime import UTC
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from etl_assets.csv_format import CsvFormat
from etl_assets.store.compression import SUFFIXES
from etl_assets.store.files import Folder
from etl_assets.topology import Shard, safe_name

TABLE_MANIFEST = "_manifest.json"
SAMPLE_SUFFIX = ".sample"

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

    def as_json(self) -> dict[str, Any]:
        """The manifest as it is written."""
        return self.model_dump(mode="json", exclude_unset=True)


class ColumnRecord(_Record):
    """A column of the file, with the server's type for it."""

    name: str
    type: str


class WindowRecord(_Record):
    """The window's instants, in UTC."""

    start: Instant
    end: Instant
    timezone: str


class SnapshotRecord(_Record):
    """The moment that the rows are from."""

    server: str
    version: str
    isolation: str
    position: str | None
    exact: bool
    taken_at: Instant


class QueryRecord(_Record):
    """What was asked for, in the configuration's words."""

    column: str | None
    column_timezone: str | None
    unit: str | None
    where: str | None
    include: tuple[str, ...] | None
    exclude: tuple[str, ...] | None


class ShardManifest(_Record):
    """What one shard's file holds.

    `bytes` and `sha256` are of the stored file, `seconds` is the time from the connection to the
    staged file, `source_rows` is the server's count in the same snapshot (null: not asked for),
    and `sample` is there only for a trial of at most so many rows.
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
    sample: int | None = None

    @property
    def shard(self) -> Shard:
        """The shard table that the file is from."""
        return Shard(self.table, self.host, self.database, self.shard_table)


class TableManifest(_Record):
    """All shards of a logical table's window, in the configuration's order.

    `skew_seconds` is the time between the first and the last shard's snapshot.
    """

    table: str
    partition: str
    rows: int
    bytes: int
    skew_seconds: float
    shards: tuple[ShardManifest, ...]

    @classmethod
    def of(cls, shards: Sequence[ShardManifest]) -> "TableManifest":
        """The manifest that sums up its shards' manifests."""
        moments = [shard.snapshot.taken_at for shard in shards]
        return cls(
            table=shards[0].table,
            partition=shards[0].partition,
            rows=sum(shard.rows for shard in shards),
            bytes=sum(shard.bytes for shard in shards),
            skew_seconds=round((max(moments) - min(moments)).total_seconds(), 6),
            shards=tuple(shards),
        )


def csv_name(shard: Shard, csv_format: CsvFormat) -> str:
    """The name of a shard's file."""
    return f"{shard.file_stem}.csv{SUFFIXES[csv_format.compression]}"


def manifest_name(shard: Shard) -> str:
    """The name of a shard's manifest."""
    return f"{shard.file_stem}.json"


def folder_parts(table: str, partition: str, sample: int | None = None) -> tuple[str, str]:
    """The folders of a logical table's window below the output folder."""
    return table, safe_name(partition) + (SAMPLE_SUFFIX if sample is not None else "")
