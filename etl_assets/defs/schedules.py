"""One schedule per logical table, stopped until the user starts it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_keys import job_name
from etl_assets.defs.cron_words import cron_in_words
from etl_assets.defs.partitions import completed_between, default_cron, newest_complete
from etl_assets.defs.ticks import History, complete_keys
from etl_assets.steps.run_tags import WINDOW_TAG
from etl_assets.tables.topology import LogicalTable

_END = {
    "hour": "on the hour",
    "day": "at midnight",
    "week": "on Monday at midnight",
    "month": "at midnight of the first",
}
"""When a window of each cadence ends."""


def export_schedule(config: ExportConfig, table: LogicalTable) -> dg.ScheduleDefinition:
    """Requests every window that was completed since the last tick that ran, one run each.

    What is complete already is not requested. For a snapshot table it requests the newest complete
    window: the table as it is now cannot stand for older ones.

    Raises:
        ConfigError: the cron expression is not one.
    """
    partition = table.settings.partition
    cron = cron_of(config, table)

    name = schedule_name(table)

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[Any]:
        now = context.scheduled_execution_time
        history = History.of(context, name)
        completed = _completed(table, cron, now, history)
        keys = completed
        if history is not None:
            done = history.requested(table, keys) | complete_keys(config, table, keys)
            keys = [key for key in keys if key not in done]
        if not completed:
            yield dg.SkipReason(f"No window of {table.name} was completed since the tick before.")
        elif not keys:
            yield dg.SkipReason(f"Complete already, or requested: {', '.join(completed)}.")
        for key in keys:
            yield dg.RunRequest(run_key=key, partition_key=key, tags={WINDOW_TAG: key})

    return dg.ScheduleDefinition(
        name=name,
        job_name=job_name(table),
        cron_schedule=cron,
        execution_timezone=partition.timezone,
        execution_fn=tick,
        default_status=dg.DefaultScheduleStatus.STOPPED,
        description=_described(table, cron),
    )


def _described(table: LogicalTable, cron: str) -> str:
    """When it ticks and what a tick requests, in words that stay true."""
    partition = table.settings.partition
    every, ended = partition.every, _END[partition.every]
    ticks = f"Ticks {cron_in_words(cron)}, by the clock of {partition.timezone}."
    if table.settings.is_snapshot:
        return (
            f"{ticks} A tick requests the {every} of {table.name} that ended {ended} last, unless "
            "it is complete: the whole table, as it is when it is read."
        )
    return (
        f"{ticks} A tick requests each {every} of {table.name} that ended {ended} since the last "
        "tick that ran, unless it is complete: one run for each."
    )


def schedule_name(table: LogicalTable) -> str:
    """What a logical table's schedule is called."""
    return f"{job_name(table)}_schedule"


def _completed(table: LogicalTable, cron: str, now: datetime, history: History | None) -> list[str]:
    """The windows that a tick is for."""
    if table.settings.is_snapshot:
        newest = newest_complete(table, now)
        return [newest] if newest is not None else []
    timezone = table.settings.partition.timezone
    ticks = _ticks(cron, timezone).get_prev_partition_window(now, respect_bounds=False)
    if ticks is None:
        return []
    since = ticks.start if history is None else history.since(ticks.start)
    return completed_between(table, since, now)


def ticks_around(
    config: ExportConfig, table: LogicalTable, now: datetime
) -> tuple[datetime, datetime]:
    """When a window is due: the last tick of whatever starts a table's exports, and the next one.

    A table that Dagster exports by `on_missing` has the ticks of the schedule that it might have.
    """
    automation = table.settings.automation
    cron = automation if automation and ever_ticks(automation) else cron_of(config, table)
    ticks = _ticks(cron, table.settings.partition.timezone)
    last = ticks.get_prev_partition_window(now, respect_bounds=False)
    following = ticks.get_next_partition_window(now, respect_bounds=False)
    assert last is not None
    assert following is not None
    return last.end, following.start


def cron_of(config: ExportConfig, table: LogicalTable) -> str:
    """When a logical table's schedule ticks.

    Raises:
        ConfigError: what the configuration says is not a cron expression.
    """
    cron = table.settings.schedule
    if cron is None:
        return default_cron(table.settings.partition.every)
    if not ever_ticks(cron):
        raise config.error(
            ("tables", table.name, "schedule"),
            f"expected a cron expression such as 0 2 * * *, got {cron!r}",
        )
    return cron


def ever_ticks(cron: str) -> bool:
    """Whether it is a cron expression with a tick: on the 31st of April there is none."""
    try:
        ticks = _ticks(cron, "UTC")
        return ticks.get_next_partition_window(ticks.start, respect_bounds=False) is not None
    except (dg.DagsterInvalidDefinitionError, ValueError):
        return False


def _ticks(cron: str, timezone: str) -> dg.TimeWindowPartitionsDefinition:
    """The schedule's ticks as the edges of windows: Dagster's own reading of cron and clocks."""
    return dg.TimeWindowPartitionsDefinition(
        start="2000-01-01", fmt="%Y-%m-%d", cron_schedule=cron, timezone=timezone
    )
