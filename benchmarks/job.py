"""What a way is asked to do, as it goes to the process that does it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.tables import DATABASE, as_text
from etl_assets.store.compression import Compression

PASSWORD_VARIABLE = "BENCH_PASSWORD"
WINDOW = "2026-11-02"
HOST = "bench"


@dataclass(frozen=True)
class Job:
    """One table of one server, and where its file is.

    Attributes:
        host: of the server, with `port`, `user` and `password`.
        encrypted: whether the connection is; the server offers it or not.
        compression: of the file: none, gzip or zstd.
        kernels: `off` has this product work without what is compiled.
    """

    host: str
    port: int
    user: str
    password: str
    table: str
    folder: str
    encrypted: bool = False
    compression: Compression = "none"
    kernels: str = "on"

    @property
    def select(self) -> str:
        """All rows."""
        return f"SELECT * FROM {DATABASE}.{self.table}"

    @property
    def text_table(self) -> str:
        """The table with hexadecimals in place of raw bytes, for ways that cannot write those."""
        return as_text(self.table)

    def url(self, scheme: str) -> str:
        """The server as a URL."""
        return f"{scheme}://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{DATABASE}"

    def file(self, name: str) -> Path:
        """A file of its own for each way."""
        return Path(self.folder, name)

    @property
    def exported(self) -> Path:
        """The CSV that this product makes of the table."""
        return self.file(f"{HOST}.{DATABASE}.{self.table}.csv")

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A plain connection of PyMySQL's, with an unbuffered cursor."""
        import pymysql
        from pymysql.cursors import SSCursor

        with pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            charset="utf8mb4",
            cursorclass=SSCursor,
            ssl_disabled=not self.encrypted,
        ) as connection:
            yield connection
