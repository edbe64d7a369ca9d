"""The executor: Dagster's own, warm, within every host's limit; it tags runs with their process."""

import multiprocessing
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import dagster as dg
from dagster import Executor

from etl_assets.config import ExportConfig
from etl_assets.fork_server.server import STEPS, preload_job
from etl_assets.private.dagster import ReconstructableJob
from etl_assets.steps.claims import RunLimits
from etl_assets.steps.lanes import lanes_of
from etl_assets.steps.order import known_sizes, priorities_of, with_priorities
from etl_assets.steps.owned import OnFailure, OwnedExecutor, limits_within_a_run, set_pool_limits
from etl_assets.tables.topology import LogicalTable

_MULTIPROCESS: Any = dg.multiprocess_executor.executor_creation_fn
_IN_PROCESS: Any = dg.in_process_executor.executor_creation_fn


def export_executor(
    config: ExportConfig,
    tables: Iterable[LogicalTable] = (),
    on_failure: OnFailure = lambda instance, run, job: None,
) -> dg.ExecutorDefinition:
    """The executor of every run: the UI's Materialize button uses it too.

    Where a run has more steps than processes, those of the largest shards of `tables` go first.
    """
    limits = {name: host.max_connections for name, host in config.hosts.items()}
    match config.execution.executor:
        case "in_process":
            return _in_process(limits, on_failure)
        case "celery":
            # Imported where it is used, as all that only one executor needs.
            from etl_assets.steps.celery_steps import celery_steps  # noqa: PLC0415

            return celery_steps(config, limits, on_failure)
        case "k8s" | "docker":
            from etl_assets.steps.container_steps import container_steps  # noqa: PLC0415

            return container_steps(config, limits, on_failure)

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
        if isinstance(context.job, ReconstructableJob):
            preload_job(context.job.to_dict())
        settings = _settings(context.executor_config, limits)
        inner = _MULTIPROCESS(context._replace(executor_config=settings))
        processes = settings["max_concurrent"]
        in_order = partial(_in_order, config, tables, processes)
        run_limits = RunLimits(limits, parts_of_steps(config, tables), processes)
        return OwnedExecutor(inner, run_limits, on_failure, in_order)

    return multiprocess


def _in_process(limits: Mapping[str, int], on_failure: OnFailure) -> dg.ExecutorDefinition:
    @dg.executor(name="in_process")
    def in_process(context: dg.InitExecutorContext) -> Executor:
        set_pool_limits(context.instance, limits)
        settings: dict[str, Any] = {"retries": {"enabled": {}}}
        inner = _IN_PROCESS(context._replace(executor_config=settings))
        return OwnedExecutor(inner, RunLimits(limits), on_failure)

    return in_process


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


def _settings(given: Mapping[str, object], limits: Mapping[str, int]) -> dict[str, Any]:
    start_method: dict[str, Any] = (
        {"forkserver": {"preload_modules": STEPS}}
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
