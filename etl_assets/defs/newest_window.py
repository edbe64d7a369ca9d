"""The check `newest_window` of a logical table: is the newest window that should be there complete?

A sensor evaluates it without a run, from the files alone: the export of an older window changes
nothing in it. When a window is due, and when it is late, says `DESCRIPTION`.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_keys import job_name
from etl_assets.defs.asset_specs import AssetSpecs
from etl_assets.defs.causes import CAUSE
from etl_assets.defs.next_steps import catch_up_command, verify_command
from etl_assets.defs.partitions import newest_complete, window_of
from etl_assets.defs.past_windows import incomplete_windows, past_windows
from etl_assets.defs.run_facts import is_trial, key_in
from etl_assets.defs.schedules import schedule_name, ticks_around
from etl_assets.defs.ticks import complete_keys
from etl_assets.errors import StoreError
from etl_assets.private.dagster import (
    PARTITION_NAME_TAG,
    InstigatorStatus,
    InstigatorType,
    get_current_timestamp,
)
from etl_assets.steps.step_names import ascii_name
from etl_assets.tables.topology import LogicalTable

NEWEST_CHECK = "newest_window"
DESCRIPTION = (
    "The newest window that should be there is complete. A window is due with the first tick of "
    "the schedule after its end, and late ten minutes after that unless a run is exporting it. "
    "Where the schedule is stopped nothing is due."
)

_GRACE = timedelta(minutes=10)
_SECONDS = 60
_PATIENCE_SECONDS = 30.0
"""How long a look at many tables may take; those that are left come first in the next one."""
_FRESH_SECONDS = 3600.0
_LOOKED_BACK = 100
_SHOWN = 20
_RUNS = 200
_AUTOMATION_SENSOR = "default_automation_condition_sensor"
"""Dagster's own, which acts on the conditions of assets."""


@dataclass(frozen=True)
class Found:
    """What the check says at a moment.

    Attributes:
        due: the newest window that is due, if any.
        settled: whether that stays so until the next window is due.
        passed: whether the check passes.
        said: its description.
    """

    due: str | None
    settled: bool
    passed: bool
    said: str


def newest_check(
    config: ExportConfig, table: LogicalTable, specs: AssetSpecs
) -> dg.AssetChecksDefinition:
    """The check as it is executed by hand; it waits for no asset, as it is of no run."""
    key = specs.tables[table.name].key

    @dg.op(name=ascii_name(table.name, NEWEST_CHECK), out={"result": dg.Out(dg.Nothing)})
    def newest_window(context: dg.OpExecutionContext) -> Any:
        # As it is in this run: a project may have changed it.
        (asked,) = context.selected_asset_check_keys
        found = look(context.instance, config, table, asked.asset_key)
        yield dg.AssetCheckResult(
            passed=found.passed,
            check_name=NEWEST_CHECK,
            asset_key=asked.asset_key,
            description=found.said,
            metadata=_metadata(config, table, found),
        )

    made: dg.AssetChecksDefinition = dg.AssetChecksDefinition.create(
        keys_by_input_name={},
        node_def=newest_window,
        check_specs_by_output_name={
            "result": dg.AssetCheckSpec(NEWEST_CHECK, asset=key, description=DESCRIPTION)
        },
        can_subset=False,
    )
    return made


def newest_sensor(
    config: ExportConfig, tables: Sequence[LogicalTable], specs: AssetSpecs, name: str
) -> dg.SensorDefinition:
    """Evaluates the checks of all tables: when a result changes, and once an hour.

    It runs unless it is stopped: where no schedule is started it says that nothing is due.
    """

    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known: dict[str, Any] = json.loads(context.cursor) if context.cursor else {}
        events = []
        until = time.monotonic() + _PATIENCE_SECONDS
        for table in sorted(tables, key=lambda one: known.get(one.name, {}).get("at", 0.0)):
            if time.monotonic() > until:
                break
            now, last = get_current_timestamp(), known.get(table.name)
            if last is not None and now - last["at"] < _FRESH_SECONDS:
                if last["settled"] and last["due"] == _due(context.instance, config, table):
                    continue
            else:
                last = None
            key = _key(context.repository_def, table, specs)
            found = look(context.instance, config, table, key)
            if last is None or (last["passed"], last["said"]) != (found.passed, found.said):
                last = {"at": now}
                events.append(_evaluation(config, table, key, found))
            known[table.name] = {**asdict(found), "at": last["at"]}
        return dg.SensorResult(asset_events=events, cursor=json.dumps(known))

    return dg.SensorDefinition(
        name=name,
        evaluation_fn=tick,
        minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Says in the check {NEWEST_CHECK} of each table whether its newest window is "
        "there.",
    )


def look(
    instance: dg.DagsterInstance, config: ExportConfig, table: LogicalTable, key: dg.AssetKey
) -> Found:
    """What the check of a logical table, whose asset has this key, says now."""
    due = _due(instance, config, table)
    if due is None:
        if _started(instance, table) is None:
            starts = (table.settings.automation and _AUTOMATION_SENSOR) or schedule_name(table)
            return Found(None, True, True, f"Nothing is due: {starts} is stopped (Automation).")
        return Found(None, True, True, "Nothing is due before the schedule's first tick.")
    if complete_keys(config, table, [due]):
        return Found(due, True, True, f"{due} is complete.")
    since = _due_since(config, table, due)
    runs = _runs_of(instance, table, key, due)
    going_on = [run for run in runs if not run.is_finished]
    was_due = f"{due} was due at {since:%Y-%m-%d %H:%M} {table.settings.partition.timezone}"
    if going_on:
        return Found(due, False, True, f"{was_due} and is being exported.")
    if get_current_timestamp() < (since + _GRACE).timestamp():
        return Found(due, False, True, f"{was_due}; a run has ten minutes to begin.")
    why = _why(table.name, due, runs)
    do = f"Materialize {due}, or run: {catch_up_command(table.name, [due])}"
    return Found(due, False, False, f"{was_due} and is missing. {why}\n\n{do}")


def _due(instance: dg.DagsterInstance, config: ExportConfig, table: LogicalTable) -> str | None:
    """The newest window that a tick since the start of the schedule was for."""
    started = _started(instance, table)
    tick, _ = ticks_around(config, table, _now())
    if started is None or tick.timestamp() < started:
        return None
    return newest_complete(table, tick)


def _started(instance: dg.DagsterInstance, table: LogicalTable) -> float | None:
    """Since when what starts the exports is started; None where it is stopped."""
    if instance.schedule_storage is None:
        return None
    kind, name = InstigatorType.SCHEDULE, schedule_name(table)
    if table.settings.automation is not None:
        kind, name = InstigatorType.SENSOR, _AUTOMATION_SENSOR
    found = [
        getattr(state.instigator_data, "start_timestamp", None) or 0.0
        for state in instance.all_instigator_state(instigator_type=kind)
        if state.instigator_name == name and state.status is InstigatorStatus.RUNNING
    ]
    return min(found, default=None)


def _due_since(config: ExportConfig, table: LogicalTable, key: str) -> datetime:
    _, tick = ticks_around(config, table, window_of(table, key).end)
    return tick.astimezone(ZoneInfo(table.settings.partition.timezone))


def _runs_of(
    instance: dg.DagsterInstance, table: LogicalTable, key: dg.AssetKey, window: str
) -> Sequence[dg.DagsterRun]:
    """The runs that were to export a window, the newest first."""
    # Other jobs of a project may have windows of the same key.
    runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_NAME_TAG: window}), limit=_RUNS)
    job = job_name(table)
    return [
        run
        for run in runs
        if (run.job_name == job or key in (run.asset_selection or ()))
        and not is_trial(run.run_config)
    ]


def _why(table: str, window: str, runs: Sequence[dg.DagsterRun]) -> str:
    """Why a window is missing, as its newest run tells it."""
    if not runs:
        return "No run has exported it: see that the daemon and the schedule run."
    run = f"run {runs[0].run_id[:8]}"
    match runs[0].status:
        case dg.DagsterRunStatus.SUCCESS:
            says = f"`{verify_command(table, window)}` says what is not there now"
            return f"The newest, {run}, succeeded: {says}."
        case dg.DagsterRunStatus.CANCELED:
            return f"The newest, {run}, was canceled."
        case _:
            return f"The check `complete` says why {run} did not complete it."


def _metadata(config: ExportConfig, table: LogicalTable, found: Found) -> dict[str, Any]:
    """The cause in one line, and the windows before that are missing."""
    metadata: dict[str, Any] = {} if found.passed else {CAUSE: found.said.partition("\n")[0]}
    if found.due is None:
        return metadata
    try:
        past = past_windows(table, window_of(table, found.due).end, _LOOKED_BACK)
        missing = [k for k in incomplete_windows(config, table, past) if k != found.due]
    except (StoreError, OSError) as error:
        return {**metadata, "older_windows": f"cannot be told: {error}"}
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        metadata["missing_older"] = len(missing)
        metadata["missing_windows"] = ", ".join(missing[-_SHOWN:]) + more
        metadata["catch_up"] = catch_up_command(table.name, missing)
    return metadata


def _evaluation(
    config: ExportConfig, table: LogicalTable, key: dg.AssetKey, found: Found
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=NEWEST_CHECK,
        passed=found.passed,
        description=found.said,
        metadata=_metadata(config, table, found),
    )


def _key(
    repository: dg.RepositoryDefinition | None, table: LogicalTable, specs: AssetSpecs
) -> dg.AssetKey:
    """As it is in this code location: a project may have changed it."""
    if repository is None:
        return specs.tables[table.name].key
    return key_in(repository.asset_graph, table)


def _now() -> datetime:
    return datetime.fromtimestamp(get_current_timestamp(), UTC)
