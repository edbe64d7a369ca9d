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
) -> Iterator["Slots"]:
    """Hold so many of a host's slots of this instance; waits until they are free together.

    Where several are wanted, they come with a spare one if the limit allows for it.

    One step at a time gathers slots, and whoever comes later waits for it: so steps that want
    several neither block each other with what each has already, nor wait for ever behind steps
    that want one.
    """
    slots = Slots(context.instance, host, limit, wanted)
    needed = wanted if wanted == 1 else min(wanted + 1, limit)
    began = time.monotonic()
    has_said = False
    try:
        while not slots.gather(needed):
            if not has_said and time.monotonic() - began > _PATIENCE_SECONDS:
                has_said = True
                context.log.info("waiting for %s of the %s connections to %s", needed, limit, host)
            time.sleep(_POLL_SECONDS)
        yield slots
    finally:
        slots.release()


@contextmanager
def free_slot(instance: dg.DagsterInstance, host: str, limit: int) -> Iterator[bool]:
    """Hold one of a host's slots if one is free, and say whether."""
    slots = Slots(instance, host, limit)
    try:
        yield slots.take()
    finally:
        slots.release()


class Slots:
    """The slots of one host that somebody holds, as many as wanted and perhaps a spare one."""

    def __init__(
        self, instance: dg.DagsterInstance, host: str, limit: int, wanted: int = 1
    ) -> None:
        self._limit = limit
        self._wanted = wanted
        folder = Path(instance.root_directory) / "slots"
        folder.mkdir(parents=True, exist_ok=True)
        self._turn = FileLock(folder / f"{host}.turn.lock")
        self._free = [FileLock(folder / f"{host}.{number}.lock") for number in range(limit)]
        self._held: list[FileLock] = []

    def gather(self, wanted: int) -> bool:
        """Take so many, or none; nobody else gathers until all of them are there."""
        if not _took(self._turn):
            return False
        while len(self._held) < wanted and self.take():
            pass
        if len(self._held) < wanted:
            # One of them may be the spare one that others need to come to their end.
            while self._held:
                self._held.pop().release()
            return False
        self._turn.release()
        return True

    def is_open(self) -> bool:
        """Whether one is free that nobody gathers; it may be taken a moment later."""
        if self._held or not _took(self._turn):
            return False
        try:
            return self.take()
        finally:
            self.release()

    def take(self) -> bool:
        """Take one that is free."""
        for lock in self._free:
            if not lock.is_locked and _took(lock):
                self._held.append(lock)
                return True
        return False

    @contextmanager
    def spare(self) -> Iterator[bool]:
        """Hold one slot more than wanted for a moment; gives whether there is one.

        The first time it is there already, if the limit allows for it. Later it is waited for, but
        not for long: who holds slots must not wait without an end. And not behind those who gather,
        as it may be these very slots that they wait for.
        """
        give_up = time.monotonic() + _SPARE_SECONDS
        try:
            while not self._has_spare() and self._wanted < self._limit:
                if self.take() or time.monotonic() > give_up:
                    break
                time.sleep(_POLL_SECONDS)
            yield self._has_spare()
        finally:
            while self._has_spare():
                self._held.pop().release()

    def _has_spare(self) -> bool:
        return len(self._held) > self._wanted

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
