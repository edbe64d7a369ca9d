"""Dagster's SQLite storage, with connections that stay open.

Dagster's own makes an engine and a connection for each event and waits for the disk after it, and
each process asks Alembic whether the schema is there: together more than half of what a small
shard costs. The files are the same, and either storage can be used on them; but this one leaves
out what Dagster's writes several times (`light_events`).
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Event, Lock, Thread, get_ident
from typing import Any, Self

import dagster as dg
import sqlalchemy as sa
from dagster import EventLogEntry, deserialize_value, serialize_value
from sqlalchemy.engine import Connection

from etl_assets.instance.asset_index import (
    GATHERED,
    INSERT_EVENT,
    Written,
    begin,
    event_texts,
    index_events,
    index_plan,
    is_told,
    places,
)
from etl_assets.instance.engines import Engines
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

_PAGE_BYTES = 8192
"""Of the files that are made here: an event and its row take more than half of SQLite's 4,096."""
_PLANNED_TWICE = 140
"""Up to so many events of its plan, those of 64 shards, a run's file has too; nobody asks it."""
_GATHERING_SECONDS = 0.5
"""How much later than the run's file the index may be told of a lane's shards."""
_ENDS = {
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
}
"""What is told of a step or a run that may have been killed."""


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

    The index is told of what a lane materializes a little later, many shards at once (`gathering`).
    What a process that is killed has not told it, it is told with the end of the step or the run.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = Engines(self._forget_threads)
        self._joined: dict[tuple[int, str], Connection] = {}
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self._gathers: str | None = None
        self._held: list[Written] = []
        self._gathered: list[Written] = []
        self._telling = Lock()
        super().__init__(base_dir, inst_data)

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
        plan = [self._written(lightened(event)) for event in events]
        if len(plan) <= _PLANNED_TWICE:
            with self.run_connection(events[0].run_id) as run:
                run.execute(INSERT_EVENT, [event.row for event in plan])
        with self.index_connection() as index:
            begin(index)
            index_plan(index, plan)

    def store_event(self, event: EventLogEntry) -> None:
        """Write an event."""
        if repeats_another(event):
            return
        light = lightened(event)
        if self._gathers == event.run_id:
            if event.dagster_event_type in GATHERED:
                self._gather(light)
                return
            with self._telling:
                self._write_held()
        if event.dagster_event_type in _ENDS:
            self._tell_what_is_missing(event)
        if event.dagster_event_type not in CHECKS:
            super().store_event(light)
            return
        with self.run_connection(event.run_id) as run:
            run.execute(self.prepare_insert_event(light))
        self._index(light)

    @contextmanager
    def gathering(self, run_id: str) -> Iterator[None]:
        """Tell the index at times, and at the end, of what a run materializes and checks meanwhile.

        The run's file has it at once. One run at a time.
        """
        if self._gathers is not None:
            yield
            return
        self._gathers = run_id
        done = Event()
        thread = Thread(target=self._tell_at_times, args=(done,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._gathers = None
            self._tell_gathered()

    def _gather(self, event: EventLogEntry) -> None:
        with self._telling:
            self._held.append(self._written(event))
            # The result of its check comes at once, and goes along.
            if event.dagster_event_type in CHECKS:
                self._write_held()

    def _write_held(self) -> None:
        """Write what is held into the run's file."""
        if self._held:
            with self.run_connection(self._held[0].row["run_id"]) as run:
                run.execute(INSERT_EVENT, [event.row for event in self._held])
            self._gathered += self._held
            self._held = []

    def _tell_at_times(self, done: Event) -> None:
        while not done.wait(_GATHERING_SECONDS):
            # What fails is tried again, at last by `gathering` itself.
            with suppress(sa.exc.SQLAlchemyError):
                self._tell_gathered()

    def _tell_gathered(self) -> None:
        with self._telling:
            self._write_held()
            if self._gathered:
                self._tell(self._gathered)
                self._gathered = []

    def _tell_what_is_missing(self, end: EventLogEntry) -> None:
        """Tell the index what a step that has failed, or any of a run's, could not tell it."""
        self._tell_gathered()
        with self.run_connection(end.run_id) as run:
            there = places(run, end.run_id, end.step_key)
        with self.index_connection() as index:
            known = places(index, end.run_id, end.step_key)
        missing = [number for place, number in there.items() if place not in known]
        if missing:
            with self.run_connection(end.run_id) as run:
                texts = event_texts(run, missing)
            self._tell([self._written(deserialize_value(text, EventLogEntry)) for text in texts])

    def _tell(self, events: Sequence[Written]) -> None:
        """Tell the index of events of one run, but for those that somebody has told it already."""
        with self._one_transaction("index") as index:
            begin(index)
            if is_told(index, events[0]) or is_told(index, events[-1]):
                known = places(index, events[0].row["run_id"])
                events = [event for event in events if event.place not in known]
            for event, number in index_events(index, events):
                self.store_asset_check_event(event.entry, number)

    def _written(self, event: EventLogEntry) -> Written:
        row = self._event_to_row(event)
        # What is asked of a check is in a table of its own.
        is_check = event.dagster_event_type in CHECKS
        short = serialize_value(numbered(event)) if is_check else row["event"]
        return Written(event, row, short, self._tags_for_asset_event(event))

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

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; asked once, as none ever goes."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._columns:
            found: bool = super()._has_asset_key_col_on_connection(conn, column_name)
            if not found:
                return False
            self._columns.add(column_name)
        return True

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

    def _forget_threads(self) -> None:
        """In a forked process: no thread of the other one lets go of its lock here."""
        self._db_lock, self._telling = Lock(), Lock()
        self._gathers, self._held, self._gathered = None, [], []
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


def gathering_events(context: dg.OpExecutionContext) -> AbstractContextManager[None]:
    """Let this step's events be stored many at once, where the instance's storage can."""
    storage = context.instance.event_log_storage
    if isinstance(storage, KeptEventLogStorage):
        return storage.gathering(context.run_id)
    return nullcontext()


class KeptRunStorage(SqliteRunStorage):
    """Runs in one file."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines = Engines()
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
