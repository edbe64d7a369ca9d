"""What of a run's events is worth writing: a shard costs several, and a run may have thousands.

Here belongs what is left out or written more shortly, so that Dagster reads it all the same. Where
it is written does not: see `storage`.
"""

import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster import EventLogEntry

_Type = dg.DagsterEventType
CHECKS = {_Type.ASSET_CHECK_EVALUATION_PLANNED, _Type.ASSET_CHECK_EVALUATION}
PLANNED = {_Type.ASSET_MATERIALIZATION_PLANNED, _Type.ASSET_CHECK_EVALUATION_PLANNED}
_OF_ASSETS = {*CHECKS, _Type.ASSET_MATERIALIZATION, _Type.ASSET_OBSERVATION}
# Their fields all have None as the default but for those that never are None.
_MAY_LACK = {"DagsterEvent", "EventMetadataEntry", "AssetMaterialization", "AssetCheckEvaluation"}
_left_out: set[str] = set()


@contextmanager
def leaving_out(outputs: set[str]) -> Iterator[None]:
    """That this step has yielded and stored these outputs is not written meanwhile.

    Other events say it: the result of a check, and what is materialized.
    """
    _left_out.update(outputs)
    try:
        yield
    finally:
        _left_out.difference_update(outputs)


def is_followed() -> bool:
    """Whether the run's own process hears of each event of this step, and need not read it.

    Celery's workers and those of containers read whether a step has yielded what the next one
    waits for.
    """
    return multiprocessing.parent_process() is not None


def repeats_another(entry: EventLogEntry) -> bool:
    """Whether other events of the run say all that this one says."""
    event = entry.dagster_event
    if event is None:
        return False
    data: Any = event.event_specific_data
    match event.event_type:
        case _Type.STEP_OUTPUT:
            return data.step_output_handle.output_name in _left_out and data.type_check_data.success
        case _Type.HANDLED_OUTPUT:
            return data.output_name in _left_out and not data.metadata
    return False


def lightened(entry: EventLogEntry) -> EventLogEntry:
    """The same event without what Dagster writes into it twice, or reads of other types alone."""
    event = entry.dagster_event
    if event is None:
        return entry
    lighter = event._replace(logging_tags=None, node_handle=None)
    if event.event_type in _OF_ASSETS:
        lighter = lighter._replace(step_handle=None, pid=None)
    said = "" if entry.user_message == event.message else entry.user_message
    return entry._replace(dagster_event=lighter, user_message=said)


def numbered(entry: EventLogEntry) -> EventLogEntry:
    """An event of which a number is needed and nothing else."""
    return entry._replace(dagster_event=None, user_message="")


def written_shortly(text: str) -> str:
    """An event's JSON without spaces, and without what is None anyway."""
    return json.dumps(json.loads(text, object_hook=_without_none), separators=(",", ":"))


def _without_none(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("__class__") not in _MAY_LACK:
        return value
    return {key: item for key, item in value.items() if item is not None}
