"""Charter: one case on a server, from CREATE TABLE to the differences."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql

from etl_assets_tests.fuzz.case import Case, TableSpec
from etl_assets_tests.fuzz.comparing import Difference, compare
from etl_assets_tests.fuzz.oracle import Expected, expected, real_columns, session, united
from etl_assets_tests.fuzz.product import Product
from etl_assets_tests.fuzz.writing import writing
from etl_assets_tests.support.servers import Server

_VARYING = re.compile(r"fuzz_\w+|'[^']*'|\d+")
_KIND_LENGTH = 90


class RefusedError(Exception):
    """The server does not take the case's table, or its `where`."""


@dataclass
class Place:
    """Where cases are tried: a server, a database and a folder of one's own."""

    server: Server
    database: str
    folder: Path
    connection: "pymysql.Connection[Any]"
    parts: int = 1
    """How many the last export was read in."""

    def differences(self, case: Case) -> list[Difference]:
        """Try a case.

        Raises:
            RefusedError: the server does not take its table or its `where`.
        """
        self.parts = 1
        try:
            for table in case.tables:
                self._make(table)
            return list(self._tried(case))
        finally:
            with self.connection.cursor() as cursor:
                for table in case.tables:
                    cursor.execute(f"DROP TABLE IF EXISTS {table.sql(self.database)}")

    def _make(self, table: TableSpec) -> None:
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(table.create(self.database))
                if table.rows:
                    self._insert(cursor, table)
            except pymysql.err.MySQLError as error:
                raise RefusedError(str(error)) from error

    def _insert(self, cursor: Any, table: TableSpec) -> None:
        with suppress(pymysql.err.MySQLError):
            cursor.execute(table.insert(self.database, table.rows))
            return
        # One that is not possible takes the others with it.
        for row in table.rows:
            with suppress(pymysql.err.MySQLError):
                cursor.execute(table.insert(self.database, (row,)))

    def _tried(self, case: Case) -> Iterator[Difference]:
        try:
            first = self._expected(case)
        except pymysql.err.MySQLError as error:
            # A condition that the server does not evaluate on this column.
            raise RefusedError(str(error)) from error
        refused = any(state.zero_dates for state in first)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            product = Product(self.server, Path(folder))
            try:
                with writing(self.server, self.database, case, first[0]) as history:
                    outcome = product.export(self.database, case)
            except Exception as error:  # whatever it is, it is a finding
                if "zero_dates: error" in str(error) and (refused or case.writes):
                    return
                yield Difference(_kind(error, case), str(error)[:600])
                return
            if refused and not case.writes and case.limit is None:
                yield Difference("zero_dates: error", "it is exported all the same")
            self.parts = max(shard.snapshot.parts or 1 for shard in outcome.shards)
            states = [history.possible() if case.writes else [state] for state in first]
            yield from compare(case, outcome, states)

    def _expected(self, case: Case) -> list[Expected]:
        columns = [real_columns(self.connection, self.database, table) for table in case.tables]
        together = united(columns) if case.settings.get("on_drift") == "union" else None
        return [
            expected(self.connection, self.database, table, case, together) for table in case.tables
        ]


def _kind(error: BaseException, case: Case) -> str:
    """An error's class and what it says, without what is of this case alone."""
    text = str(error)
    for table in case.tables:
        text = text.replace(table.name, "…") if len(table.name) > 1 else text
    return f"error {type(error).__name__} {re.sub(_VARYING, '#', text)[:_KIND_LENGTH]}"


@contextmanager
def place(server: Server) -> Iterator[Place]:
    """A place for cases; its reader may lock tables."""
    server.execute(f"GRANT LOCK TABLES ON *.* TO '{server.reader}'@'%'")
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        with server.database("fuzz") as database, session(server) as connection:
            yield Place(server, database, folder, connection)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
