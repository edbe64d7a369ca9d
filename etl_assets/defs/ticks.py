"""Which windows a schedule's tick is for: those since the last tick that ran, each once.

What is remembered is the instance's: its ticks, its runs, and since when the schedule is started.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.partitions import window_of
from etl_assets.errors import StoreError
from etl_assets.private.dagster import (
    PARTITION_NAME_TAG,
    SCHEDULE_NAME_TAG,
    SCHEDULED_EXECUTION_TIME_TAG,
    InstigatorState,
    InstigatorType,
    ScheduleInstigatorData,
    TickStatus,
)
from etl_assets.store.complete import is_complete
from etl_assets.store.manifest import TABLE_MANIFEST, TableManifest, folder_parts
from etl_assets.store.open_folder import open_folder
from etl_assets.store.recipe import WindowRequest
from etl_assets.tables.topology import LogicalTable

_PATIENCE_SECONDS = 20.0
"""How long a tick looks at windows' files; Dagster gives it a minute in all."""

_AT_ONCE = 16
"""Windows that are looked at together: an object store answers from afar."""


@dataclass(frozen=True)
class History:
    """What an instance knows of a schedule at one of its ticks."""

    instance: dg.DagsterInstance
    state: InstigatorState
    now: datetime

    @classmethod
    def of(cls, context: dg.ScheduleEvaluationContext, name: str) -> "History | None":
        """That of a tick; None where there is no instance, or the tick is the UI's test of one."""
        if context.instance_ref is None or context.instance.schedule_storage is None:
            return None
        states = _states(context.instance, context.log_key, name)
        # Code locations may have schedules of one name, but only a real tick says whose it is.
        if len(states) != 1:
            return None
        return cls(context.instance, states[0], context.scheduled_execution_time)

    def since(self, before: datetime) -> datetime:
        """When the last tick ran, or if none did since then, when the schedule was started.

        A tick that is the first one stands for the time since the tick `before`, at least. A tick
        that failed did not run: its windows are those of the next one.
        """
        ran = self.instance.get_ticks(
            self.state.instigator_origin_id,
            self.state.selector_id,
            before=self.now.timestamp(),
            limit=1,
            statuses=[TickStatus.SUCCESS, TickStatus.SKIPPED],
        )
        last = ran[0].timestamp if ran else None
        data = self.state.instigator_data
        started = data.start_timestamp if isinstance(data, ScheduleInstigatorData) else None
        if started is None:
            return before if last is None else datetime.fromtimestamp(last, UTC)
        began = min(started, before.timestamp())
        return datetime.fromtimestamp(began if last is None else max(began, last), UTC)

    def requested(self, table: LogicalTable, keys: Sequence[str]) -> set[str]:
        """Those of some windows that another tick has requested: one that failed half way."""
        tags = {SCHEDULE_NAME_TAG: self.state.instigator_name, PARTITION_NAME_TAG: list(keys)}
        found: set[str] = set()
        for run in self.instance.get_runs(dg.RunsFilter(tags=tags)) if keys else ():
            key, tick = run.tags[PARTITION_NAME_TAG], run.tags.get(SCHEDULED_EXECUTION_TIME_TAG)
            # Dagster itself knows the runs of this very tick, and launches those that it has not.
            if tick is None or not self._is_of_this_schedule(run):
                continue
            moment = datetime.fromisoformat(tick).timestamp()
            # What was requested before the window's end was another cadence's of the same key.
            if window_of(table, key).end.timestamp() <= moment != self.now.timestamp():
                found.add(key)
        return found

    def _is_of_this_schedule(self, run: dg.DagsterRun) -> bool:
        origin = run.remote_job_origin
        own = self.state.origin.repository_origin.get_selector_id()
        return origin is None or origin.repository_origin.get_selector_id() == own


def complete_keys(config: ExportConfig, table: LogicalTable, keys: Sequence[str]) -> set[str]:
    """Those of some windows whose `_manifest.json` fits the present configuration.

    A folder that cannot be read holds nothing complete: an export will say what is wrong with it.
    Nor does one that does not answer in time: what is exported twice is better than a tick that
    never comes to its end.
    """
    until = time.monotonic() + _PATIENCE_SECONDS
    found: dict[str, bool] = {}

    def look(key: str) -> None:
        folder = open_folder(config.directory, *folder_parts(table.name, key))
        with suppress(StoreError, OSError):
            request = WindowRequest.of(table, window_of(table, key))
            manifest = TableManifest.read(folder, TABLE_MANIFEST)
            if manifest is not None and request.fits(manifest):
                # As far as is known, should there be no time for its shards.
                found[key] = True
                found[key] = is_complete(folder, request)

    threads = ThreadPoolExecutor(_AT_ONCE, "windows")
    looks = [threads.submit(look, key) for key in keys]
    try:
        for one in looks:
            one.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        # What was not looked at in time counts as not complete: the tick has to end.
        pass
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    return {key for key, complete in list(found.items()) if complete}


def _states(
    instance: dg.DagsterInstance, log_key: Sequence[str] | None, name: str
) -> list[InstigatorState]:
    if log_key is None:
        states = instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE)
        return [state for state in states if state.instigator_name == name]
    # The log of a real tick is called by the tick's number, that of a test by its time.
    storage = instance.schedule_storage
    if storage is None or not log_key[-1].isdecimal():
        return []
    found = []
    for tick in storage.get_ticks_by_ids([int(log_key[-1])]):
        data = tick.tick_data
        if data.instigator_name == name and data.selector_id is not None:
            found.append(instance.get_instigator_state(data.instigator_origin_id, data.selector_id))
    return [state for state in found if state is not None]
