"""What to export of one shard table, how far that is, and what came of it: facts alone."""

from dataclasses import dataclass

from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.export.counting import Counts
from etl_assets.source.moment import SnapshotInfo
from etl_assets.source.query import ShardQuery
from etl_assets.store.folder import StagedFile
from etl_assets.store.writer import Written
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import Window


@dataclass(frozen=True)
class ShardTask:
    """What to export, and how. It travels to other processes as it is.

    Attributes:
        shard: the shard table.
        table: the logical table's settings.
        window: the window of the run.
        limit: at most so many rows (a trial); None for all of them.
        count: whether the server counts the rows in the same snapshot.
        retries: further attempts after a transient error.
        run_id: the run that the manifest names.
        first: the table's first window: rows before it are in no window. None for a snapshot table.
    """

    shard: Shard
    table: TableConfig
    window: Window
    limit: int | None
    count: bool
    retries: int
    run_id: str
    first: Window | None = None

    @property
    def csv(self) -> CsvFormat:
        """The conventions of the file."""
        return self.table.csv

    @property
    def is_counted(self) -> bool:
        """Whether the server's count proves the file: not a trial's, which is not the table."""
        return self.count and self.limit is None

    @property
    def is_split(self) -> bool:
        """Whether it is to be exported in several ranges of its key, if that is possible."""
        return self.table.split > 1 and self.limit is None


@dataclass(frozen=True)
class Progress:
    """How far a shard is: rows and stored bytes so far, and the server's count where known."""

    rows: int
    bytes: int
    expected: int | None


@dataclass(frozen=True)
class Exported:
    """A shard table's file, complete, and what a manifest says of it.

    Attributes:
        file: the staged file.
        written: what went into it.
        query: what was asked for; of the first part, where there are several.
        counts: what the server counted, of all parts together.
        info: the moment that the rows are from.
    """

    file: StagedFile
    written: Written
    query: ShardQuery
    counts: Counts
    info: SnapshotInfo
