"""What every executor of a run adds: an owner, claims in turn, pool limits, a plan that fits."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import dagster as dg
from dagster import Executor

from etl_assets.steps.claims import RunLimits, claims_in_turn
from etl_assets.steps.ended import telling_what_ended
from etl_assets.steps.lanes import HOST_TAG
from etl_assets.steps.liveness import ending_with_dagster_dev, owning
from etl_assets.steps.run_tags import missing_tags
from etl_assets.steps.stale_plan import refuse_stale_plan, tables_of

OnFailure = Callable[[dg.DagsterInstance, dg.DagsterRun, dg.JobDefinition], object]
"""What is done at the end of a run that failed; not of one that was canceled."""


class OwnedExecutor(Executor):
    """Another executor, whose run is tagged with the process that executes it."""

    def __init__(
        self,
        inner: Executor,
        limits: RunLimits,
        on_failure: OnFailure,
        in_order: Callable[[dg.DagsterInstance, Any], Any] | None = None,
    ) -> None:
        self._inner = inner
        self._limits = limits
        self._on_failure = on_failure
        self._in_order = in_order

    @property
    def retries(self) -> Any:
        """Whether steps may be retried."""
        return self._inner.retries

    @property
    def step_dependency_config(self) -> Any:
        """When a step may start."""
        return self._inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute the plan."""
        instance, run = plan_context.instance, plan_context.dagster_run
        failed = False
        try:
            refuse_stale_plan(instance, run, plan_context.job.get_definition())
            with (
                owning(instance, run, missing_tags(run, tables_of(execution_plan))),
                ending_with_dagster_dev(),
                claims_in_turn(instance, run, self._limits),
                telling_what_ended(self._inner),
            ):
                if self._in_order is not None:
                    execution_plan = self._in_order(instance, execution_plan)
                for event in self._inner.execute(plan_context, execution_plan):
                    failed = failed or event.is_step_failure
                    yield event
            if failed:
                self._explain(plan_context)
        except Exception:
            self._explain(plan_context)
            raise
        finally:
            # An interrupted run may leave slots claimed, for the daemon to find a minute later.
            storage = instance.event_log_storage
            if storage.supports_global_concurrency_limits:
                storage.free_concurrency_slots_for_run(plan_context.run_id)

    def _explain(self, plan_context: Any) -> None:
        job = plan_context.job.get_definition()
        try:
            self._on_failure(plan_context.instance, plan_context.dagster_run, job)
        except Exception:
            # The run's end stays what it is.
            plan_context.log.exception("The checks could not be told how this run failed.")


def set_pool_limits(instance: dg.DagsterInstance, limits: Mapping[str, int]) -> None:
    """Give each host's pool its limit: a pool without one lets everything through."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    known = {pool.name: pool.limit for pool in storage.get_pool_limits()}
    for host, limit in limits.items():
        if known.get(host) != limit:
            storage.set_concurrency_slots(host, limit)


def limits_within_a_run(limits: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each host's limit in the words of Dagster's executors that know tags."""
    return [{"key": HOST_TAG, "value": host, "limit": limit} for host, limit in limits.items()]
