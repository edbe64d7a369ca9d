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
    """Tells the run how far a long shard is, every ten seconds or so.

    `place` is the shard's in its lane: `17 of 128`, or nothing where it is alone.
    """

    def __init__(
        self, context: dg.OpExecutionContext, shard: Shard, key: dg.AssetKey, place: str
    ) -> None:
        self._context = context
        self._shard = shard
        self._key = key.to_user_string()
        self._place = place
        self._began = self._last = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last < PROGRESS_SECONDS:
            return
        self._last = now
        seconds = now - self._began
        report_event(
            self._context.get_step_execution_context(),
            f"{at_place(self._shard, self._place)}: {how_far(progress, seconds)}",
            {
                PROGRESS_EVENT: self._key,
                "rows": progress.rows,
                "bytes": progress.bytes,
                "expected": progress.expected,
                "seconds": seconds,
            },
        )


def at_place(shard: Shard, place: str) -> str:
    """A shard, and where in its lane it is."""
    return f"{shard} ({place})" if place else str(shard)


def how_far(progress: Progress, seconds: float) -> str:
    """How far a shard is after so many seconds, and how long the rest will take."""
    rows, expected, megabytes = progress.rows, progress.expected or 0, progress.bytes / 1e6
    of_all = f" of {expected:,}" if expected else ""
    said = f"{rows:,}{of_all} rows, {megabytes:,.1f} MB, {megabytes / max(seconds, 1e-9):,.1f} MB/s"
    if not 0 < rows < expected:
        return said
    return f"{said}, about {duration(seconds * (expected - rows) / rows)} left"


def duration(seconds: float) -> str:
    """Seconds, in the words of people."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
