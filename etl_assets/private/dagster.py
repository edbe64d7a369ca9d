"""What is used of Dagster beyond its public names.

`NAMES` says what they are for, what to do when one moves, and where each is. A name is imported
when it is used: storages, launchers and gRPC are heavy, and most processes need few of them. The
constants below are plain text that Dagster writes and reads; a test compares them with its own.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from etl_assets.private.fenced import Use, fence, fetch

PRIORITY_TAG = "dagster/priority"
RESUME_RETRY_TAG = "dagster/is_resume_retry"
PARENT_RUN_ID_TAG = "dagster/parent_run_id"
ROOT_RUN_ID_TAG = "dagster/root_run_id"
RETRY_NUMBER_TAG = "dagster/retry_number"
PARTITION_NAME_TAG = "dagster/partition"
ASSET_PARTITION_RANGE_START_TAG = "dagster/asset_partition_range_start"
ASSET_PARTITION_RANGE_END_TAG = "dagster/asset_partition_range_end"
DATA_VERSION_TAG = "dagster/data_version"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
SCHEDULE_NAME_TAG = "dagster/schedule_name"
SCHEDULED_EXECUTION_TIME_TAG = ".dagster/scheduled_execution_time"
GRPC_INFO_TAG = ".dagster/grpc_info"
SINGLETON_REPOSITORY_NAME = "__repository__"
SQLITE_BUSY_TIMEOUT_SECONDS = 30
"""As long as Dagster's own connections wait for another's transaction."""

PRELOADED = (
    "dagster._core.executor.multiprocess",
    "dagster._core.instance.factory",
    "dagster._core.launcher.default_run_launcher",
    "dagster._core.run_coordinator.queued_run_coordinator",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.event_log",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.migration.utils",
    "dagster._core.storage.root",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.system_config.composite_descent",
    "dagster._core.workspace.autodiscovery",
    "dagster._utils.test.definitions",
)
"""What every step imports of Dagster by the way; the fork server has it ready."""

NAMES = fence(
    {
        Use(
            "checking the configuration's `execution.k8s` and `docker`",
            "see how `dg.validate_run_config` names errors, and do so in steps/container_steps.py",
        ): {
            "dagster._config": "process_config validate_config",
            "dagster._config.errors": "DagsterEvaluationErrorReason EvaluationError",
            "dagster._config.stack": "EvaluationStackListItemEntry EvaluationStackPathEntry",
        },
        Use(
            "a job that another process can load, and whose cache a Celery worker clears",
            "see what `dg.build_reconstructable_job` gives",
        ): {
            "dagster._core.definitions.reconstruct": "ReconstructableJob ReconstructableRepository",
        },
        Use(
            "metadata of events that the command line reads",
            "see what `DagsterInstance.report_engine_event` takes",
        ): {"dagster._core.events": "EngineEventData"},
        Use(
            "executing a run that is recorded already",
            "see how `dagster api execute_run` does it, in cli/worker.py",
        ): {
            "dagster._core.execution.api": "execute_run_iterator",
            "dagster._core.instance.ref": "InstanceRef",
            "dagster._utils.interrupts": "capture_interrupts",
        },
        Use(
            "the failure of a lost task",
            "see how Dagster's executors report a step that has failed, in steps/celery_tasks.py",
        ): {
            "dagster._core.execution.plan.objects": "StepFailureData UserFailureData",
            "dagster._utils.error": "serializable_error_info_from_exc_info",
            "dagster_shared.error": "SerializableErrorInfo",
        },
        Use(
            "letting the steps of Celery be retried",
            "see what `retries` dagster_celery's executor makes of its configuration",
        ): {"dagster._core.execution.retries": "RetryMode"},
        Use(
            "runs that the UI can execute again",
            "see how the UI's launch makes its run's origin, and do so in cli/runs.py",
        ): {
            "dagster._core.remote_origin": "ManagedGrpcPythonEnvCodeLocationOrigin "
            "RemoteJobOrigin RemoteRepositoryOrigin",
            "dagster._core.types.loadable_target_origin": "LoadableTargetOrigin",
        },
        Use(
            "which ticks of a schedule ran, and since when it is started",
            "see what `DagsterInstance.get_ticks` takes and gives, in defs/ticks.py",
        ): {
            "dagster._core.definitions.run_request": "InstigatorType",
            "dagster._core.scheduler.instigation": "InstigatorState InstigatorStatus "
            "ScheduleInstigatorData TickStatus",
        },
        Use(
            "a step's streams in files, only redirected",
            "compare Dagster's LocalComputeLogManager with instance/compute_logs.py",
        ): {
            "dagster._core.execution.compute_logs": "redirect_to_file",
            "dagster._core.storage.compute_log_manager": "CapturedLogContext",
            "dagster._core.storage.local_compute_log_manager": "LocalComputeLogManager",
        },
        Use(
            "claims on the slots of pools",
            "see what SqlEventLogStorage.claim_concurrency_slot gives, in steps/claims.py",
        ): {
            "dagster._core.storage.event_log.sql_event_log": "SqlEventLogStorage",
            "dagster._utils.concurrency": "ConcurrencyClaimStatus ConcurrencySlotStatus",
        },
        Use(
            "events, runs and ticks in SQLite, with connections that stay open",
            "compare Dagster's SQLite storage with instance/storage.py",
        ): {
            "dagster._core.storage.asset_check_execution_record": "AssetCheckExecutionRecordStatus",
            "dagster._core.storage.event_log.schema": "AssetCheckExecutionsTable "
            "AssetEventTagsTable AssetKeyTable SqlEventLogStorageTable",
            "dagster._core.storage.event_log.sqlite.sqlite_event_log": "SqliteEventLogStorage",
            "dagster._core.storage.runs.sqlite.sqlite_run_storage": "SqliteRunStorage",
            "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage": (
                "SqliteScheduleStorage"
            ),
            "dagster._core.storage.sqlite": "create_db_conn_string",
            "dagster._core.storage.sqlite_storage": "DagsterSqliteStorage",
        },
        Use(
            "a job's checks without one of them, whatever asset it is of",
            "see how AssetSelection resolves checks, in defs/jobs.py",
        ): {"dagster._core.definitions.asset_selection": "TagAssetSelection"},
        Use(
            "an error of a component that Dagster shows as it is",
            "see what ComponentTree makes of an exception in `build_defs`; its own will do",
        ): {"dagster.components.core.component_tree": "ComponentTreeException"},
        Use(
            "the type of what Dagster gives a class that dagster.yaml names",
            "see what `ConfigurableClass.from_config_value` takes",
        ): {"dagster._serdes": "ConfigurableClassData"},
        Use(
            "Dagster's clock, by which its partitions end",
            "see which clock `dg.TimeWindowPartitionsDefinition` reads",
        ): {"dagster._time": "get_current_timestamp"},
    }
)

if TYPE_CHECKING:
    from dagster._config import process_config, validate_config
    from dagster._config.errors import DagsterEvaluationErrorReason, EvaluationError
    from dagster._config.stack import EvaluationStackListItemEntry, EvaluationStackPathEntry
    from dagster._core.definitions.asset_selection import TagAssetSelection
    from dagster._core.definitions.reconstruct import (
        ReconstructableJob,
        ReconstructableRepository,
    )
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.events import EngineEventData
    from dagster._core.execution.api import execute_run_iterator
    from dagster._core.execution.compute_logs import redirect_to_file
    from dagster._core.execution.plan.objects import StepFailureData, UserFailureData
    from dagster._core.execution.retries import RetryMode
    from dagster._core.instance.ref import InstanceRef
    from dagster._core.remote_origin import (
        ManagedGrpcPythonEnvCodeLocationOrigin,
        RemoteJobOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        ScheduleInstigatorData,
        TickStatus,
    )
    from dagster._core.storage.asset_check_execution_record import (
        AssetCheckExecutionRecordStatus,
    )
    from dagster._core.storage.compute_log_manager import CapturedLogContext
    from dagster._core.storage.event_log.schema import (
        AssetCheckExecutionsTable,
        AssetEventTagsTable,
        AssetKeyTable,
        SqlEventLogStorageTable,
    )
    from dagster._core.storage.event_log.sql_event_log import (
        SqlEventLogStorage,
    )
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
        SqliteEventLogStorage,
    )
    from dagster._core.storage.local_compute_log_manager import (
        LocalComputeLogManager,
    )
    from dagster._core.storage.runs.sqlite.sqlite_run_storage import (
        SqliteRunStorage,
    )
    from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import (
        SqliteScheduleStorage,
    )
    from dagster._core.storage.sqlite import create_db_conn_string
    from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
    from dagster._core.types.loadable_target_origin import (
        LoadableTargetOrigin,
    )
    from dagster._serdes import ConfigurableClassData
    from dagster._time import get_current_timestamp
    from dagster._utils.concurrency import ConcurrencyClaimStatus, ConcurrencySlotStatus
    from dagster._utils.error import (
        serializable_error_info_from_exc_info,
    )
    from dagster._utils.interrupts import capture_interrupts
    from dagster.components.core.component_tree import ComponentTreeException
    from dagster_shared.error import SerializableErrorInfo
else:
    # Hidden from type checkers, which would take any name for one of the module.
    def __getattr__(name: str) -> object:
        return fetch(NAMES, name)


def take_hashes_anew() -> None:
    """Let jobs that come from another process be found in the caches of this one.

    Dagster keeps a job's hash in the job and sends it along, and to another interpreter it means
    nothing: every step would load the definitions again. Moved: read `__hash__` in
    dagster/_core/definitions/reconstruct.py; without it steps are slower, and not wrong.
    """
    kinds: list[Any] = [
        fetch(NAMES, name) for name in ("ReconstructableJob", "ReconstructableRepository")
    ]
    for kind in kinds:
        kind.__setstate__ = _without_hash


def _without_hash(job: object, state: Mapping[str, object]) -> None:
    vars(job).update((name, value) for name, value in state.items() if name != "_hash")


def remember_output_asset_keys(step: Any) -> None:
    """Let a step look through all of its outputs once, and not again for each of them.

    `step` is Dagster's context of it. Moved: see who asks `StepExecutionContext` for
    `get_output_asset_keys`; without it long lanes are slower, and not wrong.
    """
    keys = step.get_output_asset_keys()
    step.get_output_asset_keys = lambda: keys
