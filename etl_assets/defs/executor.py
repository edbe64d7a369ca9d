"""The executor: Dagster's own, warm, within every host's limit; it tags runs with their process."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import dagster as dg
from dagster import Executor

from etl_assets.config import ExportConfig
from etl_assets.defs.claims import RunLimits, claims_in_turn
from etl_assets.defs.lanes import lanes_of
from etl_assets.defs.liveness import ending_with_dagster_dev, owning
from etl_assets.defs.order import known_sizes, priorities_of, with_priorities
from etl_assets.defs.shard_assets import HOST_TAG
from etl_assets.defs.stale_plan import refuse_stale_plan
from etl_assets.topology import LogicalTable

_MULTIPROCESS: Any = dg.multiprocess_executor.executor_creation_fn
_IN_PROCESS: Any = dg.in_process_executor.executor_creation_fn
PRELOAD = ["etl_assets.defs.preload"]


def export_executor(
    config: ExportConfig, tables: Iterable[LogicalTable] = ()
) -> dg.ExecutorDefinition:
    """The executor of every run: the UI's Materialize button uses it too.

    Where a run has more steps than processes, those of the largest shards of `tables` go first.
    """
    limits = {name: host.max_connections for name, host in config.hosts.items()}
    match config.execution.executor:
        case "in_process":
            return _in_process(limits)
        case "celery":
            # Imported where it is used, as all that only one executor needs.
            from etl_assets.defs.celery_steps import celery_steps  # noqa: PLC0415

            return celery_steps(config, limits)
        case "k8s" | "docker":
            from etl_assets.defs.container_steps import container_steps  # noqa: PLC0415

            return container_steps(config, limits)

    @dg.executor(
        name="multiprocess",
        config_schema={
            "max_concurrent": dg.Field(
                int,
                default_value=config.execution.processes,
                description="How many shards are exported at the same time.",
            )
        },
        requirements=dg.multiple_process_executor_requirements(),
    )
    def multiprocess(context: dg.InitExecutorContext) -> Executor:
        set_pool_limits(context.instance, limits)
        settings = _settings(context.executor_config, limits)
        inner = _MULTIPROCESS(context._replace(executor_config=settings))
        processes = settings["max_concurrent"]
        in_order = partial(_in_order, config, tables, processes)
        return OwnedExecutor(
            inner, RunLimits(limits, parts_of_steps(config, tables), processes), in_order
        )

    return multiprocess


def _in_process(limits: Mapping[str, int]) -> dg.ExecutorDefinition:
    @dg.executor(name="in_process")
    def in_process(context: dg.InitExecutorContext) -> Executor:
        set_pool_limits(context.instance, limits)
        settings: dict[str, Any] = {"retries": {"enabled": {}}}
        inner = _IN_PROCESS(context._replace(executor_config=settings))
        return OwnedExecutor(inner, RunLimits(limits))

    return in_process


class OwnedExecutor(Executor):
    """Another executor, whose run is tagged with the process that executes it."""

    def __init__(
        self,
        inner: Executor,
        limits: RunLimits,
        in_order: Callable[[dg.DagsterInstance, Any], Any] | None = None,
    ) -> None:
        self._inner = inner
        self._limits = limits
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
        try:
            refuse_stale_plan(instance, run, plan_context.job.get_definition())
            with (
                owning(instance, run),
                ending_with_dagster_dev(),
                claims_in_turn(instance, run, self._limits),
            ):
                if self._in_order is not None:
                    execution_plan = self._in_order(instance, execution_plan)
                yield from self._inner.execute(plan_context, execution_plan)
        finally:
            # An interrupted run may leave slots claimed, for the daemon to find a minute later.
            storage = instance.event_log_storage
            if storage.supports_global_concurrency_limits:
                storage.free_concurrency_slots_for_run(plan_context.run_id)


def _in_order(
    config: ExportConfig,
    tables: Iterable[LogicalTable],
    processes: int,
    instance: dg.DagsterInstance,
    plan: Any,
) -> Any:
    """The plan with the priorities of its lanes, where some have to wait."""
    wanted = set(plan.step_keys_to_execute)
    lanes_by_table = {
        table.name: lanes
        for table in tables
        if (lanes := [lane for lane in lanes_of(config, table) if lane.name in wanted])
    }
    lanes = [lane for found in lanes_by_table.values() for lane in found]
    if len(lanes) <= processes:
        return plan
    sizes = known_sizes(instance, config, [t for t in tables if t.name in lanes_by_table])
    return with_priorities(plan, priorities_of(lanes, sizes))


def parts_of_steps(config: ExportConfig, tables: Iterable[LogicalTable]) -> dict[str, int]:
    """The connections of each step that reads its shard tables in parts."""
    return {
        lane.name: table.settings.split
        for table in tables
        if table.settings.split > 1
        for lane in lanes_of(config, table)
    }


def set_pool_limits(instance: dg.DagsterInstance, limits: Mapping[str, int]) -> None:
    """Give each host's pool its limit: a pool without one lets everything through."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    known = {pool.name: pool.limit for pool in storage.get_pool_limits()}
    for host, limit in limits.items():
        if known.get(host) != limit:
            storage.set_concurrency_slots(host, limit)


def _settings(given: Mapping[str, object], limits: Mapping[str, int]) -> dict[str, Any]:
    start_method: dict[str, Any] = (
        {"forkserver": {"preload_modules": PRELOAD}}
        if "forkserver" in multiprocessing.get_all_start_methods()
        else {"spawn": {}}
    )
    return {
        "max_concurrent": given["max_concurrent"],
        "retries": {"enabled": {}},
        "start_method": start_method,
        # Within a run this keeps the limits without polling for slots of the pool.
        "tag_concurrency_limits": limits_within_a_run(limits),
    }


def limits_within_a_run(limits: Mapping[str, int]) -> list[dict[str, Any]]:
    """Each host's limit in the words of Dagster's executors that know tags."""
    return [{"key": HOST_TAG, "value": host, "limit": limit} for host, limit in limits.items()]
