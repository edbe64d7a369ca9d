"""Connection slots: at most so many connections to a host from this machine, whatever runs.

Dagster's pools count steps, in a database that several processes may read before one of them
writes; a file lock cannot be taken twice, and goes with its process however that ends. A step whose
shard tables are read in parts takes a slot for each part: to the pool it is one step all the same.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0
_SPARE_SECONDS = 2.0


@contextmanager
def connection_slots(
    context: dg.OpExecutionContext, host: str, limit: int, wanted: int = 1
) -> Iterator[None]:
    """Hold so many of a host's slots of this instance; waits until they are free together.

    One step at a time gathers slots, and whoever comes later waits for it: so steps that want
    several neither block each other with what each has already, nor wait for ever behind steps
    that want one.
    """
    slots = _Slots(context.instance, host, limit)
    began = time.monotonic()
    told = False
    try:
        while not slots.gather(wanted):
            if not told and time.monotonic() - began > _PATIENCE_SECONDS:
                told = True
                context.log.info("waiting for %s of the %s connections to %s", wanted, limit, host)
            time.sleep(_POLL_SECONDS)
        yield
    finally:
        slots.release()


@contextmanager
def free_slot(instance: dg.DagsterInstance, host: str, limit: int) -> Iterator[bool]:
    """Hold one of a host's slots if one is free, and say whether."""
    slots = _Slots(instance, host, limit)
    try:
        yield slots.take()
    finally:
        slots.release()


@contextmanager
def spare_slot(context: dg.OpExecutionContext, host: str, limit: int, held: int) -> Iterator[bool]:
    """Hold one slot beside those that this step holds, for a moment; gives whether there is one.

    Others are waited for, but not for long: who holds slots must not wait without an end. And not
    behind those who gather, as it may be the slots of this very step that they wait for.
    """
    slots = _Slots(context.instance, host, limit)
    give_up = time.monotonic() + _SPARE_SECONDS
    try:
        found = held < limit and slots.take()
        while not found and held < limit and time.monotonic() < give_up:
            time.sleep(_POLL_SECONDS)
            found = slots.take()
        yield found
    finally:
        slots.release()


class _Slots:
    """The slots of one host that somebody holds."""

    def __init__(self, instance: dg.DagsterInstance, host: str, limit: int) -> None:
        folder = Path(instance.root_directory) / "slots"
        folder.mkdir(parents=True, exist_ok=True)
        self._turn = FileLock(folder / f"{host}.turn.lock")
        self._free = [FileLock(folder / f"{host}.{number}.lock") for number in range(limit)]
        self._held: list[FileLock] = []

    def gather(self, wanted: int) -> bool:
        """Take what is free, up to so many; nobody else gathers until all of them are there."""
        if not _took(self._turn):
            return False
        while len(self._held) < wanted and self.take():
            pass
        if len(self._held) < wanted:
            return False
        self._turn.release()
        return True

    def take(self) -> bool:
        """Take one that is free."""
        for lock in self._free:
            if not lock.is_locked and _took(lock):
                self._held.append(lock)
                return True
        return False

    def release(self) -> None:
        """Let go of all."""
        for lock in (*self._held, self._turn):
            lock.release()
        self._held.clear()


def _took(lock: FileLock) -> bool:
    if lock.is_locked:
        return True
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True
