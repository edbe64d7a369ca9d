"""Charter: others who write while a table is exported, so that what comes of it can be checked.

One connection alone writes, one transaction after the other. Before each commit it reads, with the
oracle's own query and inside that very transaction, what the table then holds. So every state that
the table is ever in is known, and an export of one moment has to be exactly one of the states from
its beginning to its end.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pymysql

from etl_assets_tests.fuzz.case import Case
from etl_assets_tests.fuzz.oracle import Expected, expected, session
from etl_assets_tests.support.servers import Server

_PAUSE_SECONDS = 0.001


@dataclass
class History:
    """Every state of a table, and which one was the last before the export began."""

    states: list[Expected]
    problems: list[BaseException] = field(default_factory=list)
    began: int = 0

    def possible(self) -> list[Expected]:
        """The states that an export may have seen."""
        return self.states[self.began :]


@contextmanager
def writing(server: Server, database: str, case: Case, first: Expected) -> Iterator[History]:
    """Let others write until the end of the block; `first` is what the table holds now."""
    history = History([first])
    if not case.writes:
        yield history
        return
    ended = threading.Event()
    thread = threading.Thread(target=_write, args=(server, database, case, history, ended.is_set))
    thread.start()
    try:
        # The first transactions are over before the export begins.
        _wait_for(lambda: len(history.states) > 2 or not thread.is_alive())
        # The last state that is known may not be committed yet.
        history.began = max(0, len(history.states) - 2)
        yield history
    finally:
        ended.set()
        thread.join()
    if history.problems:
        raise history.problems[0]


def _wait_for(is_so: Callable[[], bool], seconds: float = 5.0) -> None:
    give_up = time.monotonic() + seconds
    while not is_so() and time.monotonic() < give_up:
        time.sleep(_PAUSE_SECONDS)


def _write(
    server: Server, database: str, case: Case, history: History, is_over: Callable[[], bool]
) -> None:
    table = case.tables[0]
    try:
        with session(server, autocommit=False) as connection, connection.cursor() as cursor:
            while True:
                for statements in case.writes:
                    if is_over():
                        return
                    for statement in statements:
                        # What a key, a type or the memory for sorting forbids is not written.
                        with suppress(pymysql.err.MySQLError):
                            cursor.execute(statement.replace("{t}", table.sql(database)))
                    state = expected(connection, database, table, case)
                    # Known before it can be seen: an export may see it at once.
                    history.states.append(state)
                    connection.commit()
                    time.sleep(_PAUSE_SECONDS)
    except BaseException as error:  # told by the thread that waits
        history.problems.append(error)
