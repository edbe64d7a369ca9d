"""What is used of Dagster beyond its public names.

`NAMES` says of each where it is, what it is for, and what to do when it moves. A name is imported
when it is used: storages, launchers and gRPC are heavy, and most processes need few of them. The
constants below are plain text that Dagster writes and reads; a test compares them with its own.
"""

from typing import TYPE_CHECKING

from etl_assets.private.fenced import Fenced, fetch

PRIORITY_TAG = "dagster/priority"
RESUME_RETRY_TAG = "dagster/is_resume_retry"
PARTITION_NAME_TAG = "dagster/partition"
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

_STORED = "compare Dagster's SQLite storage with instance/storage.py, which keeps connections open"
_ORIGIN = "see how the UI's launch makes its run's origin, and do so in cli/runs.py"
_SETTINGS = "see how `dg.validate_run_config` names its errors, and do so in steps/container_steps"
_FAILED = "see how Dagster's executors report a step that has failed, in steps/celery_tasks.py"
_TICKS = "see what `DagsterInstance.get_ticks` takes and gives, in defs/ticks.py"
_POOLS = "see what SqlEventLogStorage.claim_concurrency_slot gives, in steps/claims.py"
_LOGS = "compare Dagster's LocalComputeLogManager with instance/compute_logs.py"
_RUN = "see how `dagster api execute_run` does it, in cli/worker.py"

NAMES = {
    "process_config": Fenced(
        "dagster._config", "settings of an executor with the environment's values", _SETTINGS
    ),
    "validate_config": Fenced(
        "dagster._config", "errors in the configuration's `execution.k8s` and `docker`", _SETTINGS
    ),
    "DagsterEvaluationErrorReason": Fenced(
        "dagster._config.errors", "what is wrong with a setting", _SETTINGS
    ),
    "EvaluationError": Fenced("dagster._config.errors", "an error's type", _SETTINGS),
    "EvaluationStackListItemEntry": Fenced(
        "dagster._config.stack", "an item of a list on the way to a setting", _SETTINGS
    ),
    "EvaluationStackPathEntry": Fenced(
        "dagster._config.stack", "a key on the way to a setting", _SETTINGS
    ),
    "ReconstructableJob": Fenced(
        "dagster._core.definitions.reconstruct",
        "a job that another process can load, whose cache a Celery worker clears",
        "see what `dg.build_reconstructable_job` gives",
    ),
    "ReconstructableRepository": Fenced(
        "dagster._core.definitions.reconstruct",
        "finding a job of the code location by its name",
        "see what the `repository` of `dg.build_reconstructable_job` is",
    ),
    "InstigatorType": Fenced(
        "dagster._core.definitions.run_request", "asking for the states of schedules", _TICKS
    ),
    "EngineEventData": Fenced(
        "dagster._core.events",
        "metadata of events that the command line reads",
        "see what `DagsterInstance.report_engine_event` takes",
    ),
    "redirect_to_file": Fenced(
        "dagster._core.execution.compute_logs", "a step's streams in a file", _LOGS
    ),
    "execute_run_iterator": Fenced(
        "dagster._core.execution.api", "executing a run that is recorded already", _RUN
    ),
    "StepFailureData": Fenced(
        "dagster._core.execution.plan.objects", "the failure of a lost task", _FAILED
    ),
    "UserFailureData": Fenced(
        "dagster._core.execution.plan.objects", "what is said of a lost task", _FAILED
    ),
    "RetryMode": Fenced(
        "dagster._core.execution.retries",
        "letting the steps of Celery be retried",
        "see what `retries` dagster_celery's executor makes of its configuration",
    ),
    "InstanceRef": Fenced(
        "dagster._core.instance.ref", "an instance on its way to a worker: the type alone", _RUN
    ),
    "ManagedGrpcPythonEnvCodeLocationOrigin": Fenced(
        "dagster._core.remote_origin", "runs that the UI can execute again", _ORIGIN
    ),
    "RemoteJobOrigin": Fenced(
        "dagster._core.remote_origin", "runs that the UI can execute again", _ORIGIN
    ),
    "RemoteRepositoryOrigin": Fenced(
        "dagster._core.remote_origin", "runs that the UI can execute again", _ORIGIN
    ),
    "LoadableTargetOrigin": Fenced(
        "dagster._core.types.loadable_target_origin", "runs that the UI can execute again", _ORIGIN
    ),
    "InstigatorState": Fenced(
        "dagster._core.scheduler.instigation", "what is known of a schedule", _TICKS
    ),
    "ScheduleInstigatorData": Fenced(
        "dagster._core.scheduler.instigation", "since when a schedule is started", _TICKS
    ),
    "TickStatus": Fenced("dagster._core.scheduler.instigation", "which ticks ran", _TICKS),
    "CapturedLogContext": Fenced(
        "dagster._core.storage.compute_log_manager", "what `capture_logs` gives", _LOGS
    ),
    "LocalComputeLogManager": Fenced(
        "dagster._core.storage.local_compute_log_manager", "logs that are only redirected", _LOGS
    ),
    "SqlEventLogStorage": Fenced(
        "dagster._core.storage.event_log.sql_event_log", "knowing a storage that has pools", _POOLS
    ),
    "SqliteEventLogStorage": Fenced(
        "dagster._core.storage.event_log.sqlite.sqlite_event_log", "events in SQLite", _STORED
    ),
    "SqliteRunStorage": Fenced(
        "dagster._core.storage.runs.sqlite.sqlite_run_storage", "runs in SQLite", _STORED
    ),
    "SqliteScheduleStorage": Fenced(
        "dagster._core.storage.schedules.sqlite.sqlite_schedule_storage",
        "ticks in SQLite",
        _STORED,
    ),
    "create_db_conn_string": Fenced(
        "dagster._core.storage.sqlite", "the URL of one of its files", _STORED
    ),
    "DagsterSqliteStorage": Fenced(
        "dagster._core.storage.sqlite_storage", "the three in one folder", _STORED
    ),
    "ConfigurableClassData": Fenced(
        "dagster._serdes",
        "classes that dagster.yaml names: the type alone",
        "see what `ConfigurableClass.from_config_value` takes",
    ),
    "get_current_timestamp": Fenced(
        "dagster._time",
        "Dagster's clock, by which its partitions end",
        "see which clock `dg.TimeWindowPartitionsDefinition` reads",
    ),
    "ConcurrencyClaimStatus": Fenced(
        "dagster._utils.concurrency", "the answer to a claim on a pool", _POOLS
    ),
    "ConcurrencySlotStatus": Fenced(
        "dagster._utils.concurrency", "the answer to a claim on a pool", _POOLS
    ),
    "serializable_error_info_from_exc_info": Fenced(
        "dagster._utils.error", "the cause of a lost task", _FAILED
    ),
    "capture_interrupts": Fenced(
        "dagster._utils.interrupts", "interrupts that wait until a run can take them", _RUN
    ),
    "SerializableErrorInfo": Fenced("dagster_shared.error", "the cause of a lost task", _FAILED),
}

if TYPE_CHECKING:
    from dagster._config import process_config as process_config
    from dagster._config import validate_config as validate_config
    from dagster._config.errors import DagsterEvaluationErrorReason as DagsterEvaluationErrorReason
    from dagster._config.errors import EvaluationError as EvaluationError
    from dagster._config.stack import EvaluationStackListItemEntry as EvaluationStackListItemEntry
    from dagster._config.stack import EvaluationStackPathEntry as EvaluationStackPathEntry
    from dagster._core.definitions.reconstruct import ReconstructableJob as ReconstructableJob
    from dagster._core.definitions.reconstruct import (
        ReconstructableRepository as ReconstructableRepository,
    )
    from dagster._core.definitions.run_request import InstigatorType as InstigatorType
    from dagster._core.events import EngineEventData as EngineEventData
    from dagster._core.execution.api import execute_run_iterator as execute_run_iterator
    from dagster._core.execution.compute_logs import redirect_to_file as redirect_to_file
    from dagster._core.execution.plan.objects import StepFailureData as StepFailureData
    from dagster._core.execution.plan.objects import UserFailureData as UserFailureData
    from dagster._core.execution.retries import RetryMode as RetryMode
    from dagster._core.instance.ref import InstanceRef as InstanceRef
    from dagster._core.remote_origin import (
        ManagedGrpcPythonEnvCodeLocationOrigin as ManagedGrpcPythonEnvCodeLocationOrigin,
    )
    from dagster._core.remote_origin import RemoteJobOrigin as RemoteJobOrigin
    from dagster._core.remote_origin import RemoteRepositoryOrigin as RemoteRepositoryOrigin
    from dagster._core.scheduler.instigation import InstigatorState as InstigatorState
    from dagster._core.scheduler.instigation import ScheduleInstigatorData as ScheduleInstigatorData
    from dagster._core.scheduler.instigation import TickStatus as TickStatus
    from dagster._core.storage.compute_log_manager import CapturedLogContext as CapturedLogContext
    from dagster._core.storage.event_log.sql_event_log import (
        SqlEventLogStorage as SqlEventLogStorage,
    )
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
        SqliteEventLogStorage as SqliteEventLogStorage,
    )
    from dagster._core.storage.local_compute_log_manager import (
        LocalComputeLogManager as LocalComputeLogManager,
    )
    from dagster._core.storage.runs.sqlite.sqlite_run_storage import (
        SqliteRunStorage as SqliteRunStorage,
    )
    from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import (
        SqliteScheduleStorage as SqliteScheduleStorage,
    )
    from dagster._core.storage.sqlite import create_db_conn_string as create_db_conn_string
    from dagster._core.storage.sqlite_storage import DagsterSqliteStorage as DagsterSqliteStorage
    from dagster._core.types.loadable_target_origin import (
        LoadableTargetOrigin as LoadableTargetOrigin,
    )
    from dagster._serdes import ConfigurableClassData as ConfigurableClassData
    from dagster._time import get_current_timestamp as get_current_timestamp
    from dagster._utils.concurrency import ConcurrencyClaimStatus as ConcurrencyClaimStatus
    from dagster._utils.concurrency import ConcurrencySlotStatus as ConcurrencySlotStatus
    from dagster._utils.error import (
        serializable_error_info_from_exc_info as serializable_error_info_from_exc_info,
    )
    from dagster._utils.interrupts import capture_interrupts as capture_interrupts
    from dagster_shared.error import SerializableErrorInfo as SerializableErrorInfo
else:
    # Hidden from type checkers, which would take any name for one of the module.
    def __getattr__(name: str) -> object:
        return fetch(NAMES, name)
