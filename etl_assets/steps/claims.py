"""Claims of a run's steps on the hosts' pools: asked again soon, and in turn between runs.

Dagster asks again after one second for a slot that it did not get, and then ever more seldom; with
nothing at work it asks without a pause. Meanwhile the slot is set aside and idle. And it serves the
steps with the highest priority of all runs, though ours say only what comes first within a run.
Here the pools keep the queue, and the connections' own locks say whether a step can work at all:
one that could only wait is not started, and takes no process from the shards of other hosts.
"""

import multiprocessing
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from etl_assets.private.dagster import (
    PRIORITY_TAG,
    ConcurrencyClaimStatus,
    ConcurrencySlotStatus,
    SqlEventLogStorage,
)
from etl_assets.steps.liveness import sweep_dead_runs
from etl_assets.steps.slots import Slots

_TICK_SECONDS = 0.02
"""As long as Dagster's loop waits for each of its steps."""
_SOONEST_SECONDS = 0.05
_LATEST_SECONDS = 1.0
_PART_OF_WAIT = 20
"""A slot is asked for again after this part of the time that it was waited for."""
_STUCK_SECONDS = 3.0
"""How long a free connection may stay without a slot of the pool, before somebody looks into it."""
_STARTED_SECONDS = 10.0
"""Long enough for the process of a step to be there, and for a step to be asked for again."""


@dataclass(frozen=True)
class RunLimits:
    """What a run's steps may take at the same time.

    Attributes:
        hosts: the connections of each host, which is also the limit of its pool.
        parts: the connections of each step that takes more than one.
        processes: how many steps there may be; None where the executor has no such number.
    """

    hosts: Mapping[str, int]
    parts: Mapping[str, int] = field(default_factory=dict)
    processes: int | None = None


@contextmanager
def claims_in_turn(
    instance: dg.DagsterInstance, run: dg.DagsterRun, limits: RunLimits
) -> Iterator[None]:
    """Let the steps of this run, which this process executes, claim their slots in this way."""
    storage: Any = instance.event_log_storage
    if (
        not isinstance(storage, SqlEventLogStorage)
        or not storage.supports_global_concurrency_limits
    ):
        yield
        return
    claims = _Claims(instance, run, limits)
    # Of this object alone, which this run's executor asks.
    storage.claim_concurrency_slot = claims.claim  # type: ignore[method-assign]
    storage.free_concurrency_slot_for_step = claims.free  # type: ignore[method-assign]
    try:
        yield
    finally:
        del storage.claim_concurrency_slot
        del storage.free_concurrency_slot_for_step


@dataclass
class _Waiting:
    """A step that has no slot yet."""

    pool: str
    began: float
    asked: float
    due: float = 0.0
    open_since: float | None = None


class _Claims:
    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun, limits: RunLimits) -> None:
        self._instance = instance
        self._storage: Any = instance.event_log_storage
        self._claim = self._storage.claim_concurrency_slot
        self._free = self._storage.free_concurrency_slot_for_step
        self._run_id = run.run_id
        self._priority = 0
        with suppress(ValueError):
            self._priority = int(run.tags.get(PRIORITY_TAG, "0"))
        self._limits = limits
        self._slots = {host: Slots(instance, host, limit) for host, limit in limits.hosts.items()}
        self._waiting: dict[str, _Waiting] = {}
        self._queued: dict[str, str] = {}
        self._asked: set[str] = set()
        self._held: dict[str, tuple[str, float]] = {}
        self._looked: dict[str, float] = {}

    def claim(
        self, concurrency_key: str, run_id: str, step_key: str, priority: int | None = None
    ) -> ConcurrencyClaimStatus:
        """Claim a slot, as Dagster's storage does; a priority counts within the run alone."""
        del priority, run_id
        now = time.monotonic()
        waiting = self._waiting.setdefault(step_key, _Waiting(concurrency_key, now, now))
        waiting.asked = now
        if now >= waiting.due and (step_key in self._queued or self._has_room(concurrency_key)):
            if self._ask(waiting, step_key):
                self._has(step_key, concurrency_key)
                return _status(concurrency_key, ConcurrencySlotStatus.CLAIMED)
            pause = (now - waiting.began) / _PART_OF_WAIT
            waiting.due = now + min(max(pause, _SOONEST_SECONDS), _LATEST_SECONDS)
        if self._held:
            return _status(concurrency_key, sleep_interval=waiting.due - now)
        # Nothing else gives Dagster's loop a pause: one, however many steps it asks for.
        if step_key in self._asked:
            self._asked.clear()
            time.sleep(_TICK_SECONDS)
        self._asked.add(step_key)
        return _status(concurrency_key, sleep_interval=0.0)

    def free(self, run_id: str, step_key: str) -> None:
        """Free a step's slot or its place in the queue."""
        self._held.pop(step_key, None)
        self._waiting.pop(step_key, None)
        self._queued.pop(step_key, None)
        self._free(run_id, step_key)

    def _has(self, step_key: str, pool: str) -> None:
        del self._waiting[step_key]
        self._queued.pop(step_key, None)
        self._held[step_key] = (pool, time.monotonic())
        if self._limits.processes is not None and len(self._held) >= self._limits.processes:
            # Without a process to spare, a slot that is set aside for this run would be idle.
            for waits in self._queued:
                self._free(self._run_id, waits)
            self._queued.clear()
            self._waiting.clear()

    def _has_room(self, pool: str) -> bool:
        """Whether this run may queue another step: no more than the pool could serve at once.

        Others would wait behind all of the run, and not every executor asks for few steps.
        """
        now = time.monotonic()
        for step in list(self._queued):
            # Dagster has put others before it, which wait for the slot that is set aside for it.
            if now - self._waiting[step].asked > _STARTED_SECONDS:
                self.free(self._run_id, step)
        queued = list(self._queued.values()).count(pool)
        return pool not in self._limits.hosts or queued < self._limits.hosts[pool]

    def _ask(self, waiting: _Waiting, step_key: str) -> bool:
        pool = waiting.pool
        is_open = pool not in self._slots or self._slots[pool].is_open()
        if is_open and self._fits(pool, step_key):
            self._queued[step_key] = pool
            if self._claim(pool, self._run_id, step_key, self._priority).is_claimed:
                return True
        elif step_key not in self._queued:
            # The queue is of all who wait, whatever they wait for.
            unassigned = self._storage.has_unassigned_slots(pool)
            self._storage.add_pending_step(
                pool, self._run_id, step_key, self._priority, should_assign=unassigned
            )
            self._queued[step_key] = pool
        if is_open:
            self._look_into(waiting)
        else:
            waiting.open_since = None
        return False

    def _fits(self, pool: str, step_key: str) -> bool:
        """Whether this run's steps, of which some have just begun, leave a step its connections."""
        own = [step for step, (of, _) in self._held.items() if of == pool]
        parts = [self._limits.parts.get(step, 1) for step in (*own, step_key)]
        return not own or pool not in self._slots or sum(parts) <= self._limits.hosts[pool]

    def _look_into(self, waiting: _Waiting) -> None:
        """Free the slot of the pool that is missing to a connection which is free for a while."""
        now = time.monotonic()
        waiting.open_since = waiting.open_since or now
        if now - max(waiting.open_since, self._looked.get(waiting.pool, 0.0)) < _STUCK_SECONDS:
            return
        self._looked[waiting.pool] = now
        # Of runs that were killed.
        sweep_dead_runs(self._instance)
        # Of own steps that ended without a word, for which Dagster frees nothing. Only of those
        # that are processes of this one.
        if self._limits.processes is not None and not multiprocessing.active_children():
            for step, (_, since) in list(self._held.items()):
                if now - since > _STARTED_SECONDS:
                    self.free(self._run_id, step)
        # One that was freed just before this step came into the queue.
        if self._storage.has_unassigned_slots(waiting.pool):
            self._storage.assign_pending_steps([waiting.pool])


def _status(
    pool: str,
    status: ConcurrencySlotStatus = ConcurrencySlotStatus.BLOCKED,
    sleep_interval: float | None = None,
) -> ConcurrencyClaimStatus:
    return ConcurrencyClaimStatus(
        concurrency_key=pool, slot_status=status, sleep_interval=sleep_interval
    )
