"""One shard table through the product's own path, into a folder of the test's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from etl_assets.config import HostConfig, TableConfig
from etl_assets.csv_format import CsvFormat, RecordReader
from etl_assets.export.services import Services
from etl_assets.export.shard import stage_shard
from etl_assets.export.task import Progress, ShardTask
from etl_assets.source.engines import Engines
from etl_assets.store.commit import StagedShard
from etl_assets.store.compression import decompressed
from etl_assets.store.manifest import ShardManifest
from etl_assets.store.open_folder import open_folder
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import Window
from etl_assets_tests.support.servers import Server

HOST = "shop-a"
DIGITS = " UNION ALL ".join(f"SELECT {i} AS n" for i in range(10))
"""Ten rows to multiply with, as a subquery."""


def day(key: str = "2026-11-02", timezone: str = "UTC", start: datetime | None = None) -> Window:
    """The window of a day; its first instant is midnight in UTC unless given."""
    first = start or datetime.fromisoformat(key).replace(tzinfo=UTC)
    return Window(key, first, first + timedelta(days=1), timezone)


def table_config(column: str | None = None, **settings: Any) -> TableConfig:
    """A logical table cut by days, as etl_assets.yaml would give it."""
    partition = {"every": "day", "start": "2026-11-01", **settings.pop("partition", {})}
    if column is not None:
        partition["column"] = column
    return TableConfig.model_validate(
        {"shards": [{"host": HOST, "tables": "a.b"}], "partition": partition, **settings}
    )


@dataclass
class Export:
    """What came of it.

    Attributes:
        names: the header's column names.
        rows: the records, None for NULL.
        manifest: the shard's manifest.
        retries: what was said of further attempts.
    """

    names: list[str | None]
    rows: list[list[str | None]]
    manifest: ShardManifest
    retries: list[str]

    def column(self, name: str) -> list[str | None]:
        """The values of one column."""
        position = self.names.index(name)
        return [row[position] for row in self.rows]


@dataclass
class Exporter:
    """Exports shard tables of one server and remembers what it was told on the way."""

    server: Server
    folder: Path
    csv: CsvFormat = field(default_factory=lambda: CsvFormat(null="NULL"))
    connect: Mapping[str, Any] = field(default_factory=dict)
    progress: list[Progress] = field(default_factory=list)
    retries: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def engines(self, **connect: Any) -> Engines:
        """Engines for the server's reader."""
        host = HostConfig.model_validate(
            {**self.server.host_config(), "connect": {**self.connect, **connect}}
        )
        return Engines({HOST: host}, self.folder)

    def export(
        self,
        database: str,
        table: str,
        settings: TableConfig | None = None,
        window: Window | None = None,
        **options: Any,
    ) -> Export:
        """Stage, commit and read back one shard table."""
        staged = self.stage(database, table, settings, window, **options)
        staged.file.commit()
        folder = open_folder(str(self.folder))
        manifest = staged.manifest
        reader = RecordReader(manifest.csv, len(manifest.columns))
        blocks = decompressed(folder.blocks(manifest.file), manifest.csv.compression)
        names, *rows = reader.records(blocks)
        assert len(rows) == manifest.rows
        return Export(names, rows, manifest, self.retries)

    def stage(
        self,
        database: str,
        table: str,
        settings: TableConfig | None = None,
        window: Window | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        **options: Any,
    ) -> StagedShard:
        """Stage one shard table.

        `spare` and `engines` are services, the other options are the task's. Engines that are not
        given are closed at the end.
        """
        given: Engines | None = options.pop("engines", None)
        spare = {"spare": options.pop("spare")} if "spare" in options else {}
        task = ShardTask(
            shard=Shard("orders", HOST, database, table),
            table=(settings or table_config()).model_copy(update={"csv": self.csv}),
            window=window or day(),
            **{
                "limit": None,
                "count": True,
                "retries": 0,
                "run_id": "run",
                **options,
            },
        )
        engines = self.engines() if given is None else given
        try:
            services = Services(
                engines,
                on_progress=on_progress or self.progress.append,
                on_retry=self.retries.append,
                on_note=self.notes.append,
                **spare,
            )
            return stage_shard(task, open_folder(str(self.folder)), services)
        finally:
            if given is None:
                engines.dispose()

    def files(self) -> Sequence[str]:
        """Everything in the folder, temporary files too."""
        return sorted(path.name for path in self.folder.iterdir())
