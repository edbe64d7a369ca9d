"""What checks say of a run that failed before it came to them.

Dagster calls a check that a failed run did not come to "execution failed", without a cause. So
whoever sees a run's end gives each of them a result: the run's own executor, the command line for
a run whose process was killed, and a sensor for those of other executors. What has a result
already keeps it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from etl_assets.defs.asset_specs import shard_of, table_of
from etl_assets.defs.causes import CAUSE, cause_of_check, cause_of_step
from etl_assets.defs.checks import DRIFT_CHECK, ROWS_CHECK
from etl_assets.defs.completeness import COMPLETE_CHECK, Attempt, found_incomplete
from etl_assets.defs.run_facts import is_trial
from etl_assets.defs.shard_step import CHECK_NAME
from etl_assets.defs.usual_rows import USUAL_CHECK
from etl_assets.private.dagster import PARTITION_NAME_TAG
from etl_assets.tables.topology import Shard

_KINDS = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
}
_OF_TABLES = (COMPLETE_CHECK, ROWS_CHECK, USUAL_CHECK, DRIFT_CHECK)
_LOOKED_BACK = 100
_NOT_TRIED = "the run ended before it came to it"


def explain_failed_run(instance: dg.DagsterInstance, run: dg.DagsterRun, graph: Any) -> None:
    """Give a result to each check of the product's that a failed run did not come to.

    `graph` is the asset graph of the run's job, or of its code location.
    """
    window = run.tags.get(PARTITION_NAME_TAG)
    if window is None or run.execution_plan_snapshot_id is None:
        return
    failed = _FailedRun.of(instance, run, window)
    for found in failed.evaluations(_Names.of(graph)):
        evaluation = (failed.is_trial and _before(instance, found)) or found
        what = f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}"
        event = dg.DagsterEvent(
            event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
            job_name=run.job_name,
            event_specific_data=evaluation,
            message=f"{what}: {evaluation.description}",
        )
        instance.report_dagster_event(event, run.run_id)


def explain_end(instance: dg.DagsterInstance, run: dg.DagsterRun, job: dg.JobDefinition) -> None:
    """As `explain_failed_run`, for the process that executes the run and has its job."""
    explain_failed_run(instance, run, job.asset_layer.asset_graph)


@dataclass(frozen=True)
class _Names:
    """What the assets of a code location stand for; a project may have changed their keys."""

    tables: Mapping[str, dg.AssetKey]
    shards: Mapping[dg.AssetKey, Shard]

    @classmethod
    def of(cls, graph: Any) -> "_Names":
        # That of a job knows the one of all assets.
        nodes = getattr(graph, "source_asset_graph", graph).asset_nodes
        tables = {table_of(node.metadata): node.key for node in nodes}
        shards = {node.key: shard_of(node.metadata) for node in nodes}
        return cls(
            {name: key for name, key in tables.items() if name is not None},
            {key: shard for key, shard in shards.items() if shard is not None},
        )


@dataclass(frozen=True)
class _FailedRun:
    """A run as far as it came.

    Attributes:
        run_id: its id.
        window: the key of its window.
        is_trial: whether it was to export some rows only.
        checks: the checks that it was to come to.
        evaluated: those that it has come to.
        causes: why, by the assets that it was to write and did not.
    """

    run_id: str
    window: str
    is_trial: bool
    checks: Collection[dg.AssetCheckKey]
    evaluated: Collection[dg.AssetCheckKey]
    causes: Mapping[dg.AssetKey, str]

    @classmethod
    def of(cls, instance: dg.DagsterInstance, run: dg.DagsterRun, window: str) -> "_FailedRun":
        """The run, from its plan and its events."""
        plan = instance.get_execution_plan_snapshot(str(run.execution_plan_snapshot_id))
        planned = {step.key: step.entity_keys for step in plan.steps}
        planned = {step: planned[step] for step in plan.step_keys_to_execute}
        steps: dict[str, str] = {}
        assets: dict[dg.AssetKey, str] = {}
        written = instance.get_asset_keys_for_run(
            run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        evaluated: set[dg.AssetCheckKey] = set()
        why = _NOT_TRIED
        for entry in instance.all_logs(run.run_id, of_type=_KINDS):
            event = entry.get_dagster_event()
            match event.event_type:
                case dg.DagsterEventType.STEP_FAILURE:
                    # Of a step that was interrupted the run's end says why.
                    steps[str(event.step_key)] = cause_of_step(event) or ""
                case dg.DagsterEventType.ASSET_CHECK_EVALUATION:
                    evaluation = event.asset_check_evaluation_data
                    evaluated.add(evaluation.asset_check_key)
                    if evaluation.check_name == CHECK_NAME and not evaluation.passed:
                        assets[evaluation.asset_key] = cause_of_check(evaluation)
                case dg.DagsterEventType.RUN_FAILURE:
                    why = event.message or why
        return cls(
            run.run_id,
            window,
            is_trial(run.run_config),
            [key for keys in planned.values() for key in keys if isinstance(key, dg.AssetCheckKey)],
            evaluated,
            {
                key: assets.get(key) or steps.get(step) or why
                for step, keys in planned.items()
                for key in keys
                if isinstance(key, dg.AssetKey) and key not in written
            },
        )

    def evaluations(self, names: _Names) -> Iterator[dg.AssetCheckEvaluation]:
        """The results that are missing."""
        told = set(self.evaluated)
        for table, key in names.tables.items():
            complete = dg.AssetCheckKey(key, COMPLETE_CHECK)
            causes = self._causes(names, table)
            if causes and complete not in told and not self.is_trial:
                told.add(complete)
                shards = sum(shard.table == table for shard in names.shards.values())
                attempt = Attempt(table, shards, self.window, self.run_id)
                yield found_incomplete(key, attempt, causes)
        tables = set(names.tables.values())
        for check in self.checks:
            if check in told:
                continue
            if self.is_trial and check.asset_key in {*tables, *names.shards}:
                yield self._not_looked_at(check, "was a trial that failed.")
            elif check.name == CHECK_NAME and check.asset_key in names.shards:
                yield self._failed_shard(check)
            elif check.name in _OF_TABLES and check.asset_key in tables:
                why = f"failed before. `{COMPLETE_CHECK}` says why."
                yield self._not_looked_at(check, why)

    def _causes(self, names: _Names, table: str) -> Mapping[str, str]:
        """Why a logical table's window is not complete; nothing where the run was not to blame."""
        found = {
            str(shard): self.causes[key]
            for key, shard in sorted(names.shards.items(), key=lambda item: str(item[1]))
            if shard.table == table and key in self.causes
        }
        own = self.causes.get(names.tables[table])
        return found or ({table: own} if own is not None else {})

    def _failed_shard(self, check: dg.AssetCheckKey) -> dg.AssetCheckEvaluation:
        cause = self.causes.get(check.asset_key, _NOT_TRIED)
        return dg.AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=False,
            description=cause,
            metadata={CAUSE: cause},
            blocking=True,
            partition=self.window,
        )

    def _not_looked_at(self, check: dg.AssetCheckKey, why: str) -> dg.AssetCheckEvaluation:
        return dg.AssetCheckEvaluation(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Not looked at: run {self.run_id[:8]} {why}",
            partition=None if check.name == DRIFT_CHECK else self.window,
        )


def _before(
    instance: dg.DagsterInstance, found: dg.AssetCheckEvaluation
) -> dg.AssetCheckEvaluation | None:
    """What a check of a logical table said before: a trial leaves the window as it was."""
    if found.check_name not in _OF_TABLES:
        return None
    history = instance.event_log_storage.get_asset_check_execution_history(
        found.asset_check_key, _LOOKED_BACK
    )
    for record in history:
        # What is planned only has no result.
        said = record.evaluation
        if isinstance(said, dg.AssetCheckEvaluation) and said.partition == found.partition:
            return said
    return None
