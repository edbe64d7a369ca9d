"""Dagster's SQLite storage, with connections that stay open.

Dagster's own makes an engine and a connection for each event and waits for the disk after it, and
each process asks Alembic whether the schema is there: together more than half of what a small
shard costs. The files are the same, and either storage can be used on them; but this one leaves
out what Dagster's writes several times (`light_events`).
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Condition, Lock, get_ident
from typing import Any, Self
from weakref import WeakSet

import sqlalchemy as sa
from dagster import EventLogEntry, serialize_value
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from etl_assets.instance.light_events import (
    CHECKS,
    PLANNED,
    lightened,
    numbered,
    repeats_another,
    written_shortly,
)
from etl_assets.instance.schema_copy import copied_schema
from etl_assets.private.dagster import (
    SQLITE_BUSY_TIMEOUT_SECONDS,
    ConfigurableClassData,
    DagsterSqliteStorage,
    SqliteEventLogStorage,
    SqliteRunStorage,
    SqliteScheduleStorage,
    create_db_conn_string,
)

_ENGINES = 4
"""How many files are kept open at most: the index and the runs that were asked for last."""
_PAGE_BYTES = 8192
"""Of the files that are made here: an event and its row take more than half of SQLite's 4,096."""
_PLANNED_TWICE = 140
"""Up to so many events of its plan, those of 64 shards, a run's file has too; nobody asks it."""
_LOG_PAGES = 128
"""The size of a file's write-ahead log, of which SQLite keeps a thousand: each run's stays."""
_FORK_SECONDS = 5.0
"""How long a fork waits for the transactions of other threads."""


class _Engines:
    """Engines by their URL, each with at most one idle connection; the least recent one goes.

    From SQLite's manual: an open connection must not be carried into a forked process. So a fork
    waits until other threads have given theirs back, and none is opened meanwhile.
    """

    def __init__(self) -> None:
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


_ALL: "WeakSet[_Engines]" = WeakSet()
_EVENTS: "WeakSet[KeptEventLogStorage]" = WeakSet()
_one_fork = Lock()
_forking: list[_Engines] = []


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
    for storage in list(_EVENTS):
        storage.forget_threads()


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


def _with_large_pages(connection: sqlite3.Connection, record: object) -> None:
    del record
    connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")


def _has_schema(base_dir: str, name: str) -> bool:
    """Whether Dagster has made and stamped a file; it asks no more than this itself."""
    path = Path(base_dir, f"{name}.db")
    if path.exists():
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("SELECT version_num FROM alembic_version").fetchone())
    return False


class KeptEventLogStorage(SqliteEventLogStorage):
    """Events in one file a run and an index.

    A run's file has what happened, the index what is asked of assets. What is asked of checks is in
    a table of its own, so that the index has no more of them than the event's number.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = _Engines()
        self._joined: dict[tuple[int, str], Connection] = {}
        super().__init__(base_dir, inst_data)
        _EVENTS.add(self)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        if joined := self._joined.get((get_ident(), shard)):
            yield joined
            return
        with self._db_lock:
            if shard not in self._initialized_dbs:
                self._make(shard)
                self._initialized_dbs.add(shard)
            with self._engines.begin(self.conn_string_for_shard(shard)) as connection:
                yield connection

    @contextmanager
    def _one_transaction(self, shard: str) -> Iterator[Connection]:
        """What this thread writes to a file is one transaction meanwhile; it uses no other file."""
        place = get_ident(), shard
        with self._connect(shard) as connection:
            outermost = place not in self._joined
            self._joined[place] = connection
            try:
                yield connection
            finally:
                if outermost:
                    del self._joined[place]

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Write several events; what a run plans in one transaction for each file."""
        if not all(event.dagster_event_type in PLANNED for event in events):
            super().store_event_batch(events)
            return
        light = [lightened(event) for event in events]
        if len(light) <= _PLANNED_TWICE:
            with self._one_transaction(events[0].run_id) as run:
                for event in light:
                    run.execute(self.prepare_insert_event(event))
        with self._one_transaction("index"):
            for event in light:
                self._index(event)

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event."""
        if repeats_another(event):
            return
        light = lightened(event)
        if event.dagster_event_type not in CHECKS:
            super().store_event(light)
            return
        with self.run_connection(event.run_id) as run:
            run.execute(self.prepare_insert_event(light))
        self._index(light)

    def _index(self, event: EventLogEntry) -> None:
        is_check = event.dagster_event_type in CHECKS
        with self._one_transaction("index") as index:
            insert = self.prepare_insert_event(event)
            if is_check:
                insert = insert.values(event=serialize_value(numbered(event)))
            stored: Any = index.execute(insert)
            number = stored.inserted_primary_key[0]
            if is_check:
                self.store_asset_check_event(event, number)
            else:
                self._store_asset_event(index, event, number)

    def _event_to_row(self, event: EventLogEntry) -> dict[str, Any]:
        row: dict[str, Any] = super()._event_to_row(event)
        return {**row, "event": written_shortly(row["event"])}

    def _get_asset_entry_values(
        self, event: EventLogEntry, event_id: int, has_asset_key_index_cols: bool
    ) -> dict[str, Any]:
        values: dict[str, Any] = super()._get_asset_entry_values(
            event, event_id, has_asset_key_index_cols
        )
        last = values.get("last_materialization")
        return {**values, "last_materialization": written_shortly(last)} if last else values

    def forget_threads(self) -> None:
        """In a forked process: no thread of the other one lets go of its lock here."""
        self._db_lock = Lock()
        self._joined.clear()

    def _make(self, shard: str) -> None:
        index, made = (Path(self.path_for_shard(name)) for name in ("index", shard))
        if not _has_schema(self._base_dir, shard) and not copied_schema(index, made, _PAGE_BYTES):
            # Dagster uses several connections at once for it.
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=sa.NullPool,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
            )
            sa.event.listen(engine, "connect", _with_large_pages)
            self._initdb(engine)

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        self._engines.close()


class KeptRunStorage(SqliteRunStorage):
    """Runs in one file."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = _Engines()
        super().__init__(conn_string, inst_data)

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> Self:
        """The storage in a folder."""
        if _has_schema(base_dir, "runs"):
            return cls(create_db_conn_string(base_dir, "runs"), inst_data)
        return super().from_local(base_dir, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection, in a transaction."""
        with self._engines.begin(self._conn_string) as connection:
            yield connection

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        self._engines.close()


class KeptScheduleStorage(SqliteScheduleStorage):
    """Ticks of schedules and sensors in one file, which runs do not touch."""

    @classmethod
    def from_local(
        cls, base_dir: str, inst_data: ConfigurableClassData | None = None
    ) -> "KeptScheduleStorage | SqliteScheduleStorage":
        """The storage in a folder."""
        if _has_schema(base_dir, "schedules"):
            return cls(create_db_conn_string(base_dir, "schedules"), inst_data)
        return super().from_local(base_dir, inst_data)


class KeptSqliteStorage(DagsterSqliteStorage):
    """Runs, events and ticks in SQLite files below a folder."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Dagster's own would make its own three.
        storage: Any = super(DagsterSqliteStorage, self)
        storage.__init__()
        self.base_dir = base_dir
        self._inst_data = inst_data
        history = os.path.join(base_dir, "history")  # noqa: PTH118
        self._run_storage = KeptRunStorage.from_local(history)
        self._event_log_storage = KeptEventLogStorage(os.path.join(history, "runs"))  # noqa: PTH118
        schedules = os.path.join(base_dir, "schedules")  # noqa: PTH118
        self._schedule_storage = KeptScheduleStorage.from_local(schedules)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Any) -> Self:
        """Made by the instance."""
        return cls(config_value["base_dir"], inst_data)
