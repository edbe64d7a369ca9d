"""One shard table to one staged file: the work of a step, whatever runs it."""

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError

from etl_assets.errors import ConfigError, PartsMismatchError, ShardError, StoreError
from etl_assets.export.services import Services
from etl_assets.export.split.export import export_split
from etl_assets.export.task import Exported, ShardTask
from etl_assets.export.whole import export_whole
from etl_assets.extract import writer_of
from etl_assets.source.failures import is_transient, pauses, shard_error
from etl_assets.store.commit import StagedShard
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.manifest import ColumnRecord, ShardManifest, SnapshotRecord, csv_name
from etl_assets.store.recipe import Recipe


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
    seconds = round(time.monotonic() - clock, 3)
    manifest = _manifest(task, exported, started_at, seconds)
    return StagedShard(exported.file, manifest, exported.written.first, exported.query)


def _manifest(
    task: ShardTask, exported: Exported, started_at: datetime, seconds: float
) -> ShardManifest:
    shard, written, query = task.shard, exported.written, exported.query
    recipe = Recipe.of(task.table, task.window)
    manifest = ShardManifest(
        table=shard.table,
        partition=task.window.key,
        host=shard.host,
        database=shard.database,
        shard_table=shard.shard_table,
        file=exported.file.name,
        rows=written.rows,
        bytes=written.bytes,
        sha256=written.sha256,
        source_rows=exported.counts.rows,
        columns=tuple(
            ColumnRecord.of(column, missing=column.key in query.missing) for column in query.columns
        ),
        window=recipe.window,
        snapshot=SnapshotRecord.of(exported.info),
        started_at=started_at,
        seconds=seconds,
        run_id=task.run_id,
        csv=recipe.csv,
        query=recipe.query,
        rows_outside=exported.counts.outside,
        writer=writer_of(query),
    )
    return manifest if task.limit is None else manifest.model_copy(update={"sample": task.limit})
