"""What a run's events say of its shards: the state behind the live display and the summary."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, EventLogEntry

from etl_assets.defs.asset_keys import shard_key
from etl_assets.defs.causes import cause_of_check, cause_of_step
from etl_assets.defs.completeness import COMPLETE_CHECK
from etl_assets.defs.newest_window import NEWEST_CHECK
from etl_assets.defs.progress_events import ORDER_EVENT, PROGRESS_EVENT
from etl_assets.defs.shard_step import CHECK_NAME
from etl_assets.printable import printable
from etl_assets.steps.lanes import Lane
from etl_assets.steps.notices import NOTICE_EVENT
from etl_assets.tables.topology import Shard


class State(Enum):
    """Where a shard is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass
class ShardProgress:
    """One shard of a run; `place` is its number in a lane of several: `17 of 128`."""

    shard: Shard
    place: str = ""
    state: State = State.WAITING
    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0
    expected: int | None = None
    cause: str = ""


@dataclass
class RunProgress:
    """All shards of a run, in the configuration's order, as far as the events tell.

    Attributes:
        shards: the shards that the run exports.
        refusal: why the logical table refused to be complete.
        warnings: why checks of the logical table did not pass.
        changed: the shards that the last `take` finished.
        notices: what the user should know while the run goes on.
    """

    shards: dict[Shard, ShardProgress]
    lanes: Mapping[str, Lane]
    refusal: str = ""
    failure: str = ""
    warnings: list[str] = field(default_factory=list)
    changed: list[ShardProgress] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, shards: Sequence[Shard], lanes: Iterable[Lane]) -> "RunProgress":
        """A run that is about to export these shards."""
        return cls(
            {shard: ShardProgress(shard) for shard in shards}, {lane.name: lane for lane in lanes}
        )

    def __post_init__(self) -> None:
        self._queues: dict[str, list[ShardProgress]] = {}
        self._by_key = {shard_key(shard): progress for shard, progress in self.shards.items()}

    def count(self, state: State) -> int:
        """How many shards are in a state."""
        return sum(progress.state is state for progress in self.shards.values())

    @property
    def running(self) -> list[ShardProgress]:
        """The shards being exported now."""
        return [p for p in self.shards.values() if p.state is State.RUNNING]

    @property
    def failed(self) -> list[ShardProgress]:
        """The shards that failed."""
        return [p for p in self.shards.values() if p.state is State.FAILED]

    @property
    def rows(self) -> int:
        """Rows so far."""
        return sum(progress.rows for progress in self.shards.values())

    @property
    def bytes(self) -> int:
        """Stored bytes so far."""
        return sum(progress.bytes for progress in self.shards.values())

    def take(self, entries: Iterable[EventLogEntry]) -> None:
        """Follow the run's events."""
        self.changed = []
        for entry in entries:
            if entry.dagster_event is not None:
                self._event(entry.dagster_event)

    def _event(self, event: DagsterEvent) -> None:
        match event.event_type:
            case DagsterEventType.STEP_START:
                self._started(event.step_key or "")
            case DagsterEventType.ASSET_MATERIALIZATION | DagsterEventType.ASSET_OBSERVATION:
                self._written(event)
            case DagsterEventType.ASSET_CHECK_EVALUATION:
                self._checked(event)
            case DagsterEventType.ENGINE_EVENT:
                self._engine(event)
            case DagsterEventType.STEP_FAILURE:
                self._step_failed(event)
            case DagsterEventType.RUN_FAILURE:
                self.failure = printable(event.message or "")

    def _started(self, step_key: str) -> None:
        lane = self.lanes.get(step_key)
        if lane is not None:
            self._queues[step_key] = [self.shards[s] for s in lane.shards if s in self.shards]
            # A lane of several says in which order.
            if len(lane.shards) == 1:
                self._next_of_lane(step_key)

    def _written(self, event: DagsterEvent) -> None:
        data: Any = event.event_specific_data
        record = getattr(data, "materialization", None) or data.asset_observation
        progress = self._by_key.get(record.asset_key)
        if progress is None:
            return
        progress.state = State.DONE
        progress.rows = _number(record.metadata, "dagster/partition_row_count")
        progress.bytes = _number(record.metadata, "bytes")
        progress.seconds = float(record.metadata["seconds"].value)
        self.changed.append(progress)
        self._next_of_lane(event.step_key or "")

    def _checked(self, event: DagsterEvent) -> None:
        evaluation = event.asset_check_evaluation_data
        # What is evaluated after the steps, or of the whole window, their failures have told; the
        # newest window is not this run's matter.
        is_told = event.step_key is None or evaluation.check_name in (COMPLETE_CHECK, NEWEST_CHECK)
        if evaluation.passed or is_told:
            return
        progress = self._by_key.get(evaluation.asset_key)
        cause = printable(cause_of_check(evaluation))
        if evaluation.check_name != CHECK_NAME or progress is None:
            self.warnings.append(cause)
            return
        self._fail(progress, cause)
        self._next_of_lane(event.step_key or "")

    def _engine(self, event: DagsterEvent) -> None:
        metadata = event.engine_event_data.metadata
        if ORDER_EVENT in metadata:
            keys: Any = metadata[ORDER_EVENT].value
            ordered = map(self._by_key.get, map(dg.AssetKey.from_user_string, keys))
            self._queues[event.step_key or ""] = [one for one in ordered if one is not None]
            self._next_of_lane(event.step_key or "")
        if NOTICE_EVENT in metadata:
            self.notices.append(printable(metadata[NOTICE_EVENT].value))
        if PROGRESS_EVENT not in metadata:
            return
        progress = self._by_key.get(
            dg.AssetKey.from_user_string(str(metadata[PROGRESS_EVENT].value))
        )
        if progress is not None and progress.state is not State.DONE:
            progress.state = State.RUNNING
            progress.rows = _number(metadata, "rows")
            progress.bytes = _number(metadata, "bytes")
            progress.expected = _number(metadata, "expected") or None
            progress.seconds = float(str(metadata["seconds"].value))

    def _step_failed(self, event: DagsterEvent) -> None:
        found = cause_of_step(event)
        if found is None:
            return
        cause = printable(found)
        lane = self.lanes.get(event.step_key or "")
        if lane is None:
            self.refusal = cause
            return
        for shard in lane.shards:
            progress = self.shards.get(shard)
            if progress is not None and progress.state in (State.WAITING, State.RUNNING):
                name = printable(shard)
                self._fail(progress, f"{name}: {cause}" if name not in cause else cause)

    def _fail(self, progress: ShardProgress, cause: str) -> None:
        progress.state = State.FAILED
        progress.cause = cause
        self.changed.append(progress)

    def _next_of_lane(self, step_key: str) -> None:
        queue = self._queues.get(step_key, [])
        for number, progress in enumerate(queue, start=1):
            if progress.state is State.WAITING:
                progress.state = State.RUNNING
                progress.place = f"{number} of {len(queue)}" if len(queue) > 1 else ""
                return


def _number(metadata: Mapping[str, Any], name: str) -> int:
    value = metadata.get(name)
    return int(value.value) if value is not None and value.value is not None else 0
