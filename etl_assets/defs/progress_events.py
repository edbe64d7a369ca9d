"""Events by which a step says how far it is; the command line reads them."""

import time
from collections.abc import Sequence

import dagster as dg

from etl_assets.export.task import Progress
from etl_assets.steps.notices import report_event
from etl_assets.tables.topology import Shard

PROGRESS_EVENT = "etl_assets_progress"
PROGRESS_SECONDS = 10.0
ORDER_EVENT = "etl_assets_order"


def say_order(context: dg.OpExecutionContext, shards: Sequence[dg.AssetKey]) -> None:
    """In which order a lane exports its shards; its first event says so."""
    keys = [key.to_user_string() for key in shards]
    report_event(
        context.get_step_execution_context(),
        f"{len(keys)} shards, one by one, the largest of last time first",
        {ORDER_EVENT: dg.MetadataValue.json(keys)},
    )


class ProgressLog:
    """Tells the run how far a long shard is, every ten seconds or so."""

    def __init__(self, context: dg.OpExecutionContext, shard: Shard, key: dg.AssetKey) -> None:
        self._context = context
        self._shard = shard
        self._key = key.to_user_string()
        self._began = self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last < PROGRESS_SECONDS:
            return
        self._last = now
        megabytes = progress.bytes / 1e6
        of_all = f" of {progress.expected:,}" if progress.expected is not None else ""
        report_event(
            self._context.get_step_execution_context(),
            f"{self._shard}: {progress.rows:,}{of_all} rows, {megabytes:,.1f} MB, "
            f"{megabytes / (now - self._began):,.1f} MB/s",
            {
                PROGRESS_EVENT: self._key,
                "rows": progress.rows,
                "bytes": progress.bytes,
                "expected": progress.expected,
            },
        )
