"""Whether the plan of a run was made for the configuration that the run is executed with.

The UI plans with the definitions that it has loaded, and the run loads the configuration anew: it
would export the old shards, and the new ones would be missing. Each step bears a fingerprint of
what a plan depends on, so that old plans differ from new ones.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from etl_assets.errors import UsageError
from etl_assets.steps.lanes import Lane
from etl_assets.tables.topology import LogicalTable

PLAN_TAG = "etl_assets/plan"


def plan_tag(table: LogicalTable, lanes: Sequence[Lane]) -> dict[str, str]:
    """The tag of a logical table's steps: its name, and a hash of its shards, steps and windows."""
    partition = table.settings.partition
    steps = [(lane.name, *map(str, lane.shards)) for lane in lanes]
    shards = [str(shard) for shard in table.shards]
    windows = (partition.every, partition.timezone, table.settings.is_snapshot)
    digest = hashlib.sha256(repr((windows, shards, steps)).encode()).hexdigest()[:16]
    return {PLAN_TAG: f"{table.name}:{digest}"}


def tables_of(plan: Any) -> Iterator[str]:
    """The logical tables that the steps of an execution plan are of, each as often as it occurs."""
    for key in plan.step_keys_to_execute:
        tag = (plan.get_step_by_key(key).tags or {}).get(PLAN_TAG)
        if tag is not None:
            yield tag.partition(":")[0]


def refuse_stale_plan(
    instance: dg.DagsterInstance, run: dg.DagsterRun, job: dg.JobDefinition
) -> None:
    """Refuse a run that was planned with steps that its job, as it is defined now, has not.

    Dagster itself refuses a plan with steps that are gone, before any executor starts. A step is
    known by its tag; one without is not this product's, or was planned by an earlier version.

    Raises:
        UsageError: it says how to make a new plan.
    """
    if run.execution_plan_snapshot_id is None:
        return
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    present = {node.tags.get(PLAN_TAG) for node in job.all_node_defs}
    tags: list[Mapping[str, str]] = [step.tags or {} for step in plan.steps]
    planned = {step[PLAN_TAG] for step in tags if PLAN_TAG in step}
    stale = sorted(tag.partition(":")[0] for tag in planned - present)
    if stale:
        raise UsageError(
            f"{', '.join(stale)}: the configuration has changed since this run was planned",
            expected="the shards and windows that it has now",
            got="others",
            next_step="nothing was touched; press Reload at the code location (Deployment) and "
            "launch the run anew",
        )
