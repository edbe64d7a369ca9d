"""Connection slots: at most so many connections to a host from this machine, whatever runs.

Dagster's pools count steps, in a database that several processes may read before one of them
writes; a file lock cannot be taken twice, and goes with its process however that ends.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from filelock import FileLock, Timeout

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0


@contextmanager
def connection_slot(context: dg.OpExecutionContext, host: str, limit: int) -> Iterator[None]:
    """Hold one of a host's slots of this instance; waits until one is free."""
    locks = _locks(context.instance, host, limit)
    told = False
    began = time.monotonic()
    while (held := _free(locks)) is None:
        if not told and time.monotonic() - began > _PATIENCE_SECONDS:
            told = True
            context.log.info("waiting for one of the %s connections to %s", limit, host)
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        held.release()


@contextmanager
def free_slot(instance: dg.DagsterInstance, host: str, limit: int) -> Iterator[bool]:
    """Hold one of a host's slots if one is free, and say whether."""
    held = _free(_locks(instance, host, limit))
    try:
        yield held is not None
    finally:
        if held is not None:
            held.release()


def _locks(instance: dg.DagsterInstance, host: str, limit: int) -> list[FileLock]:
    folder = Path(instance.root_directory) / "slots"
    folder.mkdir(parents=True, exist_ok=True)
    return [FileLock(folder / f"{host}.{number}.lock") for number in range(limit)]


def _free(locks: list[FileLock]) -> FileLock | None:
    for lock in locks:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        return lock
    return None
