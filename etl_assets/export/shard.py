"""One shard table to one staged file: the work of a step, whatever runs it."""

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from etl_assets.config import TableConfig
from etl_assets.errors import ConfigError, PartsMismatchError, ShardError, StoreError
from etl_assets.export.services import Services
from etl_assets.export.split.export import export_split
from etl_assets.export.task import ShardTask
from etl_assets.export.whole import export_whole
from etl_assets.source.mysql.failures import is_transient, pauses, shard_error
from etl_assets.source.query import ShardQuery
from etl_assets.store.asked import Asked, Wanted
from etl_assets.store.commit import StagedShard
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.manifest import QueryRecord, ShardManifest, WindowRecord, csv_name
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import LogicalTable
from etl_assets.tables.windows import Window

__all__ = [
    "query_record",
    "stage_shard",
    "wanted_window",
    "window_record",
]


def stage_shard(task: ShardTask, folder: Folder, services: Services) -> StagedShard:
    """Export a shard table into a staged file, from the start again after a transient error.

    Where its parts turn out not to be the whole, it is exported in one part instead: an index whose
    order is not that of comparisons leaves rows out of ranges.

    Raises:
        ShardError: with the shard's name, the server's number and text or what became of the
            file, and the next step.
        CountMismatchError: the file does not hold as many rows as the server counted.
    """
    try:
        return _staged(task, folder, services)
    except PartsMismatchError as error:
        services.on_note(f"{error}; it is exported in one part instead, as `split: 1` does")
        whole = task.table.model_copy(update={"split": 1})
        return _staged(replace(task, table=whole), folder, services)


def _staged(task: ShardTask, folder: Folder, services: Services) -> StagedShard:
    for pause in (*pauses(task.retries), None):
        try:
            return _attempt(task, folder, services)
        except (StoreError, ConfigError) as error:
            # They name a file or a key; which shard that is about has to be said too.
            raise ShardError(f"{task.shard}: {error}") from error
        except DBAPIError as error:
            failure = shard_error(task.shard, error, task.table.where)
            if pause is None or not is_transient(error):
                raise failure from error
            services.on_retry(f"{failure}; next attempt in {pause:.1f} s")
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def query_record(table: TableConfig) -> QueryRecord:
    """What a logical table's settings ask for, as a manifest records it."""
    selection = table.columns
    return QueryRecord(
        column=table.partition.column,
        column_timezone=table.partition.column_timezone
        or (table.partition.timezone if table.partition.column else None),
        unit=table.partition.unit,
        where=table.where,
        include=selection.include if selection else None,
        exclude=selection.exclude if selection else None,
    )


def window_record(table: TableConfig, window: Window) -> WindowRecord | None:
    """A window as a manifest records it; None for a snapshot, whose rows are of no window."""
    return None if table.is_snapshot else WindowRecord.model_validate(window.as_json())


def wanted_window(table: LogicalTable, window: Window) -> Wanted:
    """A logical table's window as its settings want it."""
    settings = table.settings
    asked = Asked(settings.csv, query_record(settings), window_record(settings, window))
    return Wanted(window.key, table.shards, asked, settings.on_drift, settings.merge)


def _attempt(task: ShardTask, folder: Folder, services: Services) -> StagedShard:
    started_at = datetime.now(UTC)
    clock = time.monotonic()
    united = services.united() if services.united is not None else None
    with ExitStack() as undo:

        def stage() -> StagedFile:
            file = folder.stage(csv_name(task.shard, task.csv))
            undo.callback(file.discard)
            return file

        if task.is_split:
            exported = export_split(task, united, folder, stage, services)
        else:
            exported = export_whole(task, united, stage, services)
        # Not before the connections are closed: that may fail too, and the file would stay.
        undo.pop_all()
    query = exported.query
    facts = {
        **_identity(task, started_at),
        "file": exported.file.name,
        "rows": exported.written.rows,
        "bytes": exported.written.bytes,
        "sha256": exported.written.sha256,
        "source_rows": exported.counts.rows,
        "rows_outside": exported.counts.outside,
        "columns": [_column_record(column, query) for column in query.columns],
        "snapshot": exported.info.as_json(),
        "seconds": round(time.monotonic() - clock, 3),
    }
    manifest = ShardManifest.model_validate(facts)
    return StagedShard(exported.file, manifest, exported.written.first)


def _column_record(column: Column, query: ShardQuery) -> dict[str, Any]:
    missing = {"missing": True} if column.key in query.missing else {}
    return {"name": column.name, "type": column.type, **missing}


def _identity(task: ShardTask, started_at: datetime) -> dict[str, Any]:
    """What a manifest says of a shard before anything was read."""
    return {
        "table": task.shard.table,
        "partition": task.window.key,
        "host": task.shard.host,
        "database": task.shard.database,
        "shard_table": task.shard.shard_table,
        "window": window_record(task.table, task.window),
        "started_at": started_at,
        "run_id": task.run_id,
        "csv": task.csv,
        "query": query_record(task.table),
        **({} if task.limit is None else {"sample": task.limit}),
    }
