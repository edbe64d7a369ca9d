"""Steps in containers of their own: Dagster's executors for Kubernetes and Docker.

Their settings are the configuration's `execution.k8s` and `execution.docker`, as Dagster's own
schemas have them; they are not in the run's configuration, which Dagster stores and shows.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import dagster as dg
from dagster import Executor

from etl_assets.config import ExportConfig
from etl_assets.config.yaml_lines import Location
from etl_assets.private.dagster import (
    DagsterEvaluationErrorReason as Reason,
)
from etl_assets.private.dagster import (
    EvaluationError,
    EvaluationStackListItemEntry,
    EvaluationStackPathEntry,
    process_config,
    validate_config,
)
from etl_assets.steps.claims import RunLimits
from etl_assets.steps.owned import OnFailure, OwnedExecutor, limits_within_a_run, set_pool_limits

_EXECUTORS = {
    "k8s": ("dagster_k8s", "k8s_job_executor"),
    "docker": ("dagster_docker", "docker_executor"),
}


def container_steps(
    config: ExportConfig, limits: Mapping[str, int], on_failure: OnFailure
) -> dg.ExecutorDefinition:
    """The executor `k8s` or `docker`.

    Raises:
        ConfigError: a setting is none of Dagster's, or has a value that Dagster does not take.
    """
    name = config.execution.executor
    module, attribute = _EXECUTORS[name]
    inner: Any = getattr(import_module(module), attribute)
    schema = inner.config_schema.config_type
    given: dict[str, Any] = getattr(config.execution, name)
    _refuse_unfit(config, name, schema, given)

    @dg.executor(
        name=name,
        config_schema={
            "max_concurrent": dg.Field(
                dg.Noneable(int),
                default_value=_most(config, given),
                description="How many shards of a run are exported at the same time.",
            )
        },
        requirements=dg.multiple_process_executor_requirements(),
    )
    def containers(context: dg.InitExecutorContext) -> Executor:
        set_pool_limits(context.instance, limits)
        most = context.executor_config["max_concurrent"]
        settings = {
            # Within a run this keeps the limits without polling for slots of the pool.
            "tag_concurrency_limits": limits_within_a_run(limits),
            **given,
            **({} if most is None else {"max_concurrent": most}),
        }
        # Here, and not where definitions are loaded, the environment's values come in.
        processed: Any = process_config(schema, settings).value
        steps = inner.executor_creation_fn(context._replace(executor_config=processed))
        return OwnedExecutor(steps, RunLimits(limits), on_failure)

    return containers


def _most(config: ExportConfig, given: Mapping[str, Any]) -> int | None:
    """A run's containers: as the settings say; this machine's processors mean nothing there."""
    execution = config.execution
    own = execution.processes if "processes" in execution.model_fields_set else None
    most = given.get("max_concurrent", own)
    return most if isinstance(most, int) else None


def _refuse_unfit(
    config: ExportConfig, name: str, schema: Any, given: Mapping[str, object]
) -> None:
    """Refuse the first setting that Dagster would refuse when the run starts."""
    for error in validate_config(schema, given).errors or ():
        data: Any = error.error_data
        location: Location = ("execution", name, *_place(error))
        match error.reason:
            case Reason.FIELD_NOT_DEFINED | Reason.FIELDS_NOT_DEFINED:
                key = _first_field(data)
                raise config.error((*location, key), _unknown(key, schema, len(location) == 2))
            case Reason.MISSING_REQUIRED_FIELD | Reason.MISSING_REQUIRED_FIELDS:
                raise config.error((*location, _first_field(data)), "expected this key, got none")
            case _:
                # Without what was found: it may be a secret in a wrong place.
                expected = getattr(getattr(data, "config_type_snap", None), "given_name", None)
                problem = f"expected {expected or 'what Dagster takes there'}, got something else"
                raise config.error(location, problem)


def _first_field(data: Any) -> str:
    names = getattr(data, "field_names", None) or [data.field_name]
    return str(names[0])


def _place(error: EvaluationError) -> Iterator[str | int]:
    for entry in error.stack.entries:
        match entry:
            case EvaluationStackPathEntry():
                yield entry.field_name
            case EvaluationStackListItemEntry():
                yield entry.list_index


def _unknown(key: str, schema: Any, is_top: bool) -> str:
    known = sorted(schema.fields) if is_top else []
    close = get_close_matches(key, known, 1)
    some = ", ".join(known) if known else "a key that Dagster knows there"
    return f"expected {close[0] if close else some}, got {key}"
