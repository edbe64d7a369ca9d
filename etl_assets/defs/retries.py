"""Retries of failed shards: a sensor of each logical table whose configuration asks for them.

It looks at runs that have failed, and requests the shards that are missing after them. What heals
within minutes is tried again by the shard's own step: that does not belong here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from etl_assets.config import RetryConfig
from etl_assets.defs.asset_keys import job_name
from etl_assets.defs.asset_specs import AssetSpecs
from etl_assets.defs.partitions import refuse_old_snapshot, window_of
from etl_assets.defs.readable import counted
from etl_assets.defs.run_facts import is_trial
from etl_assets.errors import UsageError
from etl_assets.private.dagster import (
    PARENT_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    PRIORITY_TAG,
    RESUME_RETRY_TAG,
    RETRY_NUMBER_TAG,
    ROOT_RUN_ID_TAG,
    get_current_timestamp,
)
from etl_assets.tables.topology import LogicalTable

_SECONDS = 30
_MEMORY = timedelta(days=1)
"""How long after its time a retry is made up for: by then another schedule's tick has come."""


def retry_sensor(table: LogicalTable, retry: RetryConfig, specs: AssetSpecs) -> dg.SensorDefinition:
    """Requests the failed shards of a run again, some time after its end, some times.

    It runs unless it is stopped: the configuration asks for it.
    """
    retries = _Retries(
        table,
        retry,
        frozenset(
            [specs.tables[table.name].key, *(specs.shards[shard].key for shard in table.shards)]
        ),
    )

    def tick(context: dg.SensorEvaluationContext) -> Iterator[Any]:
        now = datetime.fromtimestamp(get_current_timestamp(), UTC)
        requests, waiting = 0, []
        for record in retries.failed(context, now):
            request = retries.request(context, record)
            if request is None:
                continue
            due = datetime.fromtimestamp(record.end_time or now.timestamp(), UTC) + retry.after
            if due <= now:
                requests += 1
                yield request
            else:
                waiting.append(f"{request.partition_key} at {due:%H:%M} UTC")
        if not requests:
            later = f"To be exported again: {', '.join(waiting)}." if waiting else ""
            yield dg.SkipReason(later or "Nothing has failed that is to be exported again.")

    return dg.SensorDefinition(
        name=f"{job_name(table)}_retry",
        job_name=job_name(table),
        evaluation_fn=tick,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Exports the shards of {table.name} that a run has failed to export again, "
        f"{retry.after.total_seconds() / 60:g} minutes after its end, "
        f"at most {counted(retry.times, 'time')}.",
    )


@dataclass(frozen=True)
class _Retries:
    """What is to be retried of one logical table, whose assets have these keys."""

    table: LogicalTable
    retry: RetryConfig
    keys: frozenset[dg.AssetKey]

    def failed(self, context: dg.SensorEvaluationContext, now: datetime) -> Iterator[dg.RunRecord]:
        """Of each window that may be exported the newest run that has failed."""
        since = now - self.retry.after - _MEMORY
        failures = dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since)
        seen: set[str] = set()
        for record in context.instance.get_run_records(failures):
            window = record.dagster_run.tags.get(PARTITION_NAME_TAG)
            if window is None or window in seen or not self._exported(context, record.dagster_run):
                continue
            seen.add(window)
            if self._may_be_exported(window, now):
                yield record

    def request(
        self, context: dg.SensorEvaluationContext, record: dg.RunRecord
    ) -> dg.RunRequest | None:
        """The request of what such a run has not exported; None where it is not to be retried."""
        run, instance = record.dagster_run, context.instance
        number = int(run.tags.get(RETRY_NUMBER_TAG, 0)) + 1
        if number > self.retry.times or self._is_followed(context, record):
            return None
        if not _was_launched(instance, run):
            return None
        missing = self._exported(context, run) - _materialized(instance, run)
        if not missing:
            return None
        tags = {
            # By these the UI shows both as one chain.
            PARENT_RUN_ID_TAG: run.run_id,
            ROOT_RUN_ID_TAG: run.tags.get(ROOT_RUN_ID_TAG, run.run_id),
            RETRY_NUMBER_TAG: str(number),
        }
        return dg.RunRequest(
            # Dagster makes one run of it, however often it is asked for.
            run_key=run.run_id,
            partition_key=run.tags[PARTITION_NAME_TAG],
            asset_selection=sorted(missing),
            # That of another job may not fit this one.
            run_config=run.run_config if run.job_name == job_name(self.table) else None,
            tags={**{tag: run.tags[tag] for tag in (PRIORITY_TAG,) if tag in run.tags}, **tags},
        )

    def _exported(
        self, context: dg.SensorEvaluationContext, run: dg.DagsterRun
    ) -> frozenset[dg.AssetKey]:
        """What of the logical table a run was to export; nothing where it was a trial."""
        if not _is_of_this_location(context, run) or is_trial(run.run_config):
            return frozenset()
        # Dagster calls no selection None or an empty one.
        if run.asset_selection:
            return self.keys & run.asset_selection
        is_whole = run.job_name == job_name(self.table) and not run.asset_check_selection
        return self.keys if is_whole else frozenset()

    def _is_followed(self, context: dg.SensorEvaluationContext, record: dg.RunRecord) -> bool:
        """Whether another run of the window is going on, or began later: it stands in its place."""
        window = record.dagster_run.tags[PARTITION_NAME_TAG]
        others = context.instance.get_run_records(dg.RunsFilter(tags={PARTITION_NAME_TAG: window}))
        return any(
            other.storage_id > record.storage_id or not other.dagster_run.is_finished
            for other in others
            if other.storage_id != record.storage_id and self._exported(context, other.dagster_run)
        )

    def _may_be_exported(self, key: str, now: datetime) -> bool:
        """Whether the configuration has the window, and a snapshot may still stand for it."""
        try:
            refuse_old_snapshot(self.table, window_of(self.table, key), now)
        except UsageError:
            return False
        return True


def _was_launched(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether Dagster started a run; what a command line executes is at its user's hand."""
    return bool(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_STARTING))


def _materialized(instance: dg.DagsterInstance, run: dg.DagsterRun) -> set[dg.AssetKey]:
    """What a run has exported; where it went on from the failure of another, what that has too."""
    found: set[dg.AssetKey] = set()
    current: dg.DagsterRun | None = run
    while current is not None:
        of_type = dg.DagsterEventType.ASSET_MATERIALIZATION
        found.update(instance.get_asset_keys_for_run(current.run_id, of_type))
        went_on = current.tags.get(RESUME_RETRY_TAG) == "true" and current.parent_run_id
        current = instance.get_run_by_id(went_on) if went_on else None
    return found


def _is_of_this_location(context: dg.SensorEvaluationContext, run: dg.DagsterRun) -> bool:
    """Code locations may have jobs of one name."""
    here, origin = context.code_location_origin, run.remote_job_origin
    if here is None or origin is None:
        return True
    of_run = origin.repository_origin
    return (
        of_run.code_location_origin.location_name == here.location_name
        and of_run.repository_name == context.repository_name
    )
