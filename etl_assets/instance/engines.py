"""Connections to SQLite files that stay open, but not over a fork."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock, get_ident
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from etl_assets.private.dagster import SQLITE_BUSY_TIMEOUT_SECONDS

_ENGINES = 4
"""How many files are kept open at most: the index and the runs that were asked for last."""
_LOG_PAGES = 128
"""The size of a file's write-ahead log, of which SQLite keeps a thousand: each run's stays."""
_FORK_SECONDS = 5.0
"""How long a fork waits for the transactions of other threads."""


class Engines:
    """Engines by their URL, each with at most one idle connection; the least recent one goes.

    From SQLite's manual: an open connection must not be carried into a forked process. So a fork
    waits until other threads have given theirs back, and none is opened meanwhile. `in_child` is
    called in a forked process.
    """

    def __init__(self, in_child: Callable[[], object] = lambda: None) -> None:
        self._in_child = in_child
        self._engines: dict[str, Engine] = {}
        self._renew()
        _ALL.add(self)

    def _renew(self) -> None:
        self._changed = Condition(Lock())
        self._users: Counter[int] = Counter()

    @contextmanager
    def begin(self, url: str) -> Iterator[Connection]:
        """A connection to a file, in a transaction."""
        user = get_ident()
        with self._changed:
            engine = self._engines.pop(url, None) or _engine(url)
            self._engines[url] = engine
            while len(self._engines) > _ENGINES:
                self._engines.pop(next(iter(self._engines))).dispose()
            self._users[user] += 1
        try:
            with engine.begin() as connection:
                yield connection
        finally:
            with self._changed:
                self._users[user] -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Close all idle connections."""
        with self._changed:
            self._close()

    def _close(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()

    def before_fork(self) -> None:
        """Close all connections, and let nobody have one until the fork is done."""
        self._changed.acquire()
        # Not for ever: a thread may hold one while it waits for what the forking thread holds.
        self._changed.wait_for(self._is_unused, _FORK_SECONDS)
        self._close()

    def _is_unused(self) -> bool:
        return not any(n for user, n in self._users.items() if user != get_ident())

    def after_fork_in_parent(self) -> None:
        """Let threads go on."""
        self._changed.release()

    def after_fork_in_child(self) -> None:
        """Begin anew: the threads that waited are not here."""
        self._renew()
        self._in_child()


_ALL: "WeakSet[Engines]" = WeakSet()
_one_fork = Lock()
_forking: list[Engines] = []


def _before_fork() -> None:
    _one_fork.acquire()
    for engines in list(_ALL):
        engines.before_fork()
        _forking.append(engines)


def _after_fork_in_parent() -> None:
    while _forking:
        _forking.pop().after_fork_in_parent()
    _one_fork.release()


def _after_fork_in_child() -> None:
    while _forking:
        _forking.pop().after_fork_in_child()
    _one_fork.release()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)


def _engine(url: str) -> Engine:
    engine: Engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
    )

    @sa.event.listens_for(engine, "connect")
    def relax(connection: sqlite3.Connection, record: object) -> None:
        del record
        # From SQLite's manual: with a write-ahead log this is safe from corruption; a power cut
        # may take the last events, and a run that it ended is failed by the next start.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")

    return engine
