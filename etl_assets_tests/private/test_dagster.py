"""What the package relies on of Dagster beyond its public names; each failure says what to do."""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions import data_version
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.storage import sqlite, tags
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION

from etl_assets.instance.storage import KeptSqliteStorage
from etl_assets.private import dagster
from etl_assets.private.fenced import advice, fetch
from etl_assets_tests.support.recorded import instance_of

TAKES = {
    "process_config": "config_type config_dict",
    "validate_config": "config_schema config_value",
    "ReconstructableRepository.for_module": "module fn_name working_directory",
    "ReconstructableRepository.get_reconstructable_job": "name",
    "EngineEventData": "metadata",
    "redirect_to_file": "stream filepath",
    "execute_run_iterator": "job dagster_run instance",
    "StepFailureData": "error user_failure_data",
    "UserFailureData": "label description",
    "ManagedGrpcPythonEnvCodeLocationOrigin": "loadable_target_origin location_name",
    "RemoteJobOrigin": "repository_origin job_name",
    "RemoteRepositoryOrigin": "code_location_origin repository_name",
    "LoadableTargetOrigin": "executable_path module_name attribute working_directory",
    "CapturedLogContext": "log_key",
    "LocalComputeLogManager": "base_dir inst_data",
    "LocalComputeLogManager.get_captured_local_path": "log_key extension",
    "SqlEventLogStorage.claim_concurrency_slot": "concurrency_key run_id step_key priority",
    "SqlEventLogStorage.free_concurrency_slot_for_step": "run_id step_key",
    "SqlEventLogStorage.add_pending_step":
        "concurrency_key run_id step_key priority should_assign",
    "SqlEventLogStorage.has_unassigned_slots": "concurrency_key",
    "SqlEventLogStorage.assign_pending_steps": "concurrency_keys",
    "SqliteEventLogStorage": "base_dir inst_data",
    "SqliteEventLogStorage.conn_string_for_shard": "shard_name",
    "SqliteEventLogStorage._connect": "shard",
    "SqliteEventLogStorage._initdb": "engine",
    "SqliteEventLogStorage._has_asset_key_col_on_connection": "conn column_name",
    "SqliteEventLogStorage._tags_for_asset_event": "event",
    "SqliteEventLogStorage.has_table": "table_name",
    "SqliteEventLogStorage.store_asset_check_event": "event event_id",
    "SqliteRunStorage": "conn_string inst_data",
    "SqliteRunStorage.from_local": "base_dir inst_data",
    "SqliteScheduleStorage.from_local": "base_dir inst_data",
    "create_db_conn_string": "base_dir db_name",
    "DagsterSqliteStorage.from_config_value": "inst_data config_value",
    "ConcurrencyClaimStatus": "concurrency_key slot_status sleep_interval",
    "serializable_error_info_from_exc_info": "exc_info",
    "SerializableErrorInfo": "message stack cls_name",
}  # fmt: skip
"""The parameters that are used of each; it may take more."""

HAS = {
    "EngineEventData": "engine_error",
    "EvaluationError": "error_data reason stack",
    "EvaluationStackListItemEntry": "list_index",
    "EvaluationStackPathEntry": "field_name",
    "DagsterEvaluationErrorReason": "FIELD_NOT_DEFINED FIELDS_NOT_DEFINED MISSING_REQUIRED_FIELD "
    "MISSING_REQUIRED_FIELDS",
    "InstigatorState": "instigator_origin_id selector_id instigator_data instigator_name origin",
    "InstigatorType": "SCHEDULE",
    "ReconstructableJob": "get_definition get_repository_definition get_python_origin",
    "RetryMode": "ENABLED",
    "ScheduleInstigatorData": "start_timestamp",
    "TickStatus": "SUCCESS SKIPPED",
    "ConcurrencySlotStatus": "BLOCKED",
}
"""The attributes that are used of each."""


def parameters(taker: Callable[..., object]) -> list[str]:
    """What something can be called with."""
    takes = list(inspect.signature(taker).parameters)
    # Dagster's records take whatever they have.
    return list(inspect.get_annotations(taker)) if takes == ["args", "kwargs"] else takes


def found(name: str) -> tuple[Any, str]:
    """A name of the fence, or an attribute of one, and what to do when it moves."""
    name, _, attribute = name.partition(".")
    told = advice(name, dagster.NAMES[name])
    thing = fetch(dagster.NAMES, name)
    assert not attribute or hasattr(thing, attribute), f"{attribute}: {told}"
    return getattr(thing, attribute) if attribute else thing, told


@pytest.mark.parametrize("name", sorted(dagster.NAMES))
def test_a_name_is_where_it_was(name: str) -> None:
    thing, told = found(name)
    assert hasattr(thing, "__module__"), told
    lacks = [one for one in HAS.get(name, "").split() if not _has(thing, one)]
    assert lacks == [], told


def _has(thing: Any, attribute: str) -> bool:
    if hasattr(thing, attribute):
        return True
    return attribute in parameters(thing)


@pytest.mark.parametrize("name", TAKES)
def test_a_name_takes_what_it_is_given(name: str) -> None:
    thing, told = found(name)
    takes = parameters(thing)
    assert [one for one in TAKES[name].split() if one not in takes] == [], f"{takes}: {told}"


def test_dagster_has_a_public_name_for_none_of_them() -> None:
    public = [name for name in dagster.NAMES if hasattr(dg, name)]
    assert public == [], "import these from `dagster` and take them out of etl_assets/private"


def test_what_is_preloaded_is_there() -> None:
    for name in dagster.PRELOADED:
        import_module(name)


def test_the_words_are_dagsters_own() -> None:
    told = "write Dagster's word into etl_assets/private/dagster.py"
    for name in dir(dagster):
        if name.endswith("_TAG"):
            home = tags if hasattr(tags, name) else data_version
            assert getattr(dagster, name) == getattr(home, name), f"{name}: {told}"
    repository = dg.Definitions().get_repository_def().name
    assert repository == dagster.SINGLETON_REPOSITORY_NAME, told
    assert sqlite.SQLITE_BUSY_TIMEOUT_SECONDS == dagster.SQLITE_BUSY_TIMEOUT_SECONDS, told
    assert sorted(IO_TYPE_EXTENSION.values()) == ["err", "out"], "instance/compute_logs.py"


def test_a_plan_and_its_steps_can_be_changed_by_copies() -> None:
    told = "steps/order.py gives steps priorities: see how Dagster changes a plan's steps now"
    assert {"step_dict", "step_dict_by_key"} <= set(parameters(ExecutionPlan)), told
    assert "tags" in parameters(ExecutionStep), told
    for kind in (ExecutionPlan, ExecutionStep, dg.InitExecutorContext):
        assert hasattr(kind, "_replace"), f"{kind.__name__}: {told}"


def test_a_step_is_asked_for_the_assets_of_its_outputs() -> None:
    told = "see remember_output_asset_keys in etl_assets/private/dagster.py"
    source = inspect.getsource(import_module("dagster._core.execution.plan.execute_step"))
    assert "step_context.get_output_asset_keys()" in source, told


def test_a_storage_has_what_the_kept_one_changes(tmp_path: Path) -> None:
    told = dagster.NAMES["DagsterSqliteStorage"].use.moved
    with instance_of(tmp_path) as instance:
        theirs: Any = fetch(dagster.NAMES, "DagsterSqliteStorage")(str(tmp_path / "theirs"))
        try:
            ours = KeptSqliteStorage(str(tmp_path / "ours"))
            # Not one attribute less than Dagster's own makes.
            assert vars(theirs).keys() <= vars(ours).keys() | {"_instance_weakref"}, told
            events = vars(theirs.event_log_storage).keys()
            assert {"_base_dir", "_db_lock", "_initialized_dbs"} <= events, told
            assert "_conn_string" in vars(theirs.run_storage), told
        finally:
            theirs.dispose()
            ours.dispose()
        launcher = instance.run_launcher
        assert launcher._instance is instance, "see what a launcher calls its instance"
