"""How the index is told of many shards: what a lane materializes and checks, in few statements.

Here belongs what is written into the index within one transaction. When that is, `storage` says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster import EventLogEntry
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from etl_assets.instance.light_events import CHECKS
from etl_assets.private.dagster import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    AssetKeyTable,
    SqlEventLogStorageTable,
)

GATHERED = {dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
"""What the index may be told later than the run's file: each shard of a lane has one of both."""

_EVENTS: Any = SqlEventLogStorageTable
_ASSETS: Any = AssetKeyTable
_CHECKS: Any = AssetCheckExecutionsTable
INSERT_EVENT = _EVENTS.insert()
_INSERT_TAG = AssetEventTagsTable.insert()
_INSERT_ASSET = sqlite.insert(_ASSETS)
_UPSERT_ASSET = _INSERT_ASSET.on_conflict_do_update(
    index_elements=[_ASSETS.c.asset_key],
    set_={
        name: _INSERT_ASSET.excluded[name]
        for name in ("last_materialization", "last_run_id", "last_materialization_timestamp")
    },
)
_UPSERT_PLANNED = _INSERT_ASSET.on_conflict_do_update(
    index_elements=[_ASSETS.c.asset_key],
    set_={
        name: _INSERT_ASSET.excluded[name]
        for name in ("last_run_id", "last_materialization_timestamp")
    },
)
_INSERT_CHECK = _CHECKS.insert()
_UPDATE_CHECK = _CHECKS.update().where(
    _CHECKS.c.asset_key == sa.bindparam("asset"),
    _CHECKS.c.check_name == sa.bindparam("check"),
    _CHECKS.c.run_id == sa.bindparam("run"),
    _CHECKS.c.partition == sa.bindparam("window"),
)
_PLACE = ("dagster_event_type", "step_key", "asset_key", "partition", "timestamp")


@dataclass(frozen=True)
class Written:
    """An event as it stands in the run's file.

    Attributes:
        entry: the event.
        row: its columns.
        short: what the index keeps of it; of a check it has a table of its own.
        tags: those of what is materialized that Dagster looks for.
    """

    entry: EventLogEntry
    row: dict[str, Any]
    short: str
    tags: Mapping[str, str]

    @property
    def is_check(self) -> bool:
        """Whether it is of a check: its plan or its result."""
        return self.entry.dagster_event_type in CHECKS

    @property
    def place(self) -> tuple[Any, ...]:
        """What no other event of its run has."""
        return tuple(self.row[name] for name in _PLACE)


def begin(index: Connection) -> None:
    """Let no other process write into the index until the transaction's end."""
    index.exec_driver_sql("BEGIN IMMEDIATE")


def places(
    file: Connection, run_id: str, step_key: str | None = None
) -> dict[tuple[Any, ...], int]:
    """Which events a file has of those that the index is told late, and their numbers in it.

    Of a run, or of one of its steps.
    """
    asked = sa.select(_EVENTS.c.id, *(_EVENTS.c[name] for name in _PLACE)).where(
        _EVENTS.c.run_id == run_id,
        _EVENTS.c.dagster_event_type.in_([kind.value for kind in GATHERED]),
    )
    if step_key is not None:
        asked = asked.where(_EVENTS.c.step_key == step_key)
    return {tuple(row[1:]): row[0] for row in file.execute(asked)}


def event_texts(run: Connection, numbers: Sequence[int]) -> list[str]:
    """Events of a run's file, as they stand there, in order."""
    asked = sa.select(_EVENTS.c.id, _EVENTS.c.event).where(_EVENTS.c.id >= min(numbers))
    wanted = set(numbers)
    return [text for number, text in run.execute(asked.order_by(_EVENTS.c.id)) if number in wanted]


def is_told(index: Connection, event: Written) -> bool:
    """Whether somebody has told the index of an event already."""
    its = [_EVENTS.c[name] == event.row[name] for name in ("run_id", *_PLACE)]
    return index.execute(sa.select(_EVENTS.c.id).where(*its).limit(1)).scalar() is not None


def index_events(index: Connection, events: Sequence[Written]) -> list[tuple[Written, int]]:
    """Tell the index of events that it does not know, after `begin`.

    Gives the results of checks that nobody had planned, with their numbers: where these go is
    Dagster's to say.
    """
    assets, checks = _insert(index, events)
    if tags := [tag for event, number in assets for tag in _tags(event, number)]:
        index.execute(_INSERT_TAG, tags)
    if assets:
        index.execute(_UPSERT_ASSET, [_asset(event, number) for event, number in assets])
    if not checks:
        return []
    updated = index.execute(_UPDATE_CHECK, [_check(event, n) for event, n in checks]).rowcount
    return [] if updated == len(checks) else checks


def index_plan(index: Connection, events: Sequence[Written]) -> None:
    """Tell the index what a run is about to materialize and to check, after `begin`."""
    assets, checks = _insert(index, events)
    if assets:
        index.execute(_UPSERT_PLANNED, [_planned_asset(event) for event, _ in assets])
    if rows := [row for event, number in checks for row in _planned_checks(event, number)]:
        index.execute(_INSERT_CHECK, rows)


_Numbered = list[tuple[Written, int]]


def _insert(index: Connection, events: Sequence[Written]) -> tuple[_Numbered, _Numbered]:
    """Insert the events themselves; gives those of assets and of checks with their numbers."""
    last = index.execute(sa.select(sa.func.max(_EVENTS.c.id))).scalar() or 0
    numbered = [(event, last + count) for count, event in enumerate(events, start=1)]
    if events:
        rows = [{**event.row, "event": event.short, "id": number} for event, number in numbered]
        index.execute(INSERT_EVENT, rows)
    assets = [(event, number) for event, number in numbered if not event.is_check]
    return assets, [(event, number) for event, number in numbered if event.is_check]


def _planned_asset(event: Written) -> dict[str, Any]:
    return {
        "asset_key": event.row["asset_key"],
        "last_run_id": event.row["run_id"],
        "last_materialization_timestamp": event.row["timestamp"],
    }


def _planned_checks(event: Written, number: int) -> Iterable[dict[str, Any]]:
    planned: Any = event.entry.get_dagster_event().event_specific_data
    subset = planned.partitions_subset
    return (
        {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "partition": partition,
            "run_id": event.row["run_id"],
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": event.row["event"],
            "evaluation_event_timestamp": event.row["timestamp"],
            "evaluation_event_storage_id": number,
        }
        for partition in (subset.get_partition_keys() if subset else [None])
    )


def _tags(event: Written, number: int) -> Iterable[dict[str, Any]]:
    return (
        {
            "event_id": number,
            "asset_key": event.row["asset_key"],
            "key": key,
            "value": value,
            "event_timestamp": event.row["timestamp"],
        }
        for key, value in event.tags.items()
    )


def _asset(event: Written, number: int) -> dict[str, Any]:
    record = '{"__class__":"EventLogRecord","event_log_entry":%s,"storage_id":%d}'
    return {**_planned_asset(event), "last_materialization": record % (event.row["event"], number)}


def _check(event: Written, number: int) -> dict[str, Any]:
    evaluation: Any = event.entry.get_dagster_event().event_specific_data
    target = evaluation.target_materialization_data
    status = AssetCheckExecutionRecordStatus
    return {
        "asset": evaluation.asset_key.to_string(),
        "check": evaluation.check_name,
        "run": event.row["run_id"],
        "window": evaluation.partition,
        "execution_status": (status.SUCCEEDED if evaluation.passed else status.FAILED).value,
        "evaluation_event": event.row["event"],
        "evaluation_event_timestamp": event.row["timestamp"],
        "evaluation_event_storage_id": number,
        "materialization_event_storage_id": target and target.storage_id,
    }
