"""Somebody who writes while others read."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from etl_assets_tests.support.servers import Server

ACCOUNTS = 10_000
TOTAL = 1_000 * ACCOUNTS


@contextmanager
def writing(server: Server, table: str) -> Iterator[list[int]]:
    """Money moves, accounts come and go, all in transactions that keep the sum; gives their count.

    A row says in which transaction it was last written, its `pair` too.
    """
    ended = threading.Event()
    done = [0]

    def write() -> None:
        with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
            while not ended.is_set():
                number = done[0] + 1
                first, second = number * 7919 % ACCOUNTS, (number * 104_729 + 1) % ACCOUNTS
                if first == second:
                    second = (second + 1) % ACCOUNTS
                cursor.execute(f"UPDATE {table} SET money = money - 7 WHERE id = {first}")
                cursor.execute(f"UPDATE {table} SET money = money + 7 WHERE id = {second}")
                cursor.execute(f"DELETE FROM {table} WHERE id >= {ACCOUNTS} LIMIT 2")
                new = ACCOUNTS + 2 * number
                cursor.execute(
                    f"INSERT INTO {table} VALUES ({new}, 0, {number}, REPEAT('x', 300)), "
                    f"({new + 1}, 0, {number}, REPEAT('y', 300))"
                )
                connection.commit()
                done[0] = number

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()
