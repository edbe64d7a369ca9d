"""SQLAlchemy engines, one per host, made in the process that uses them.

An engine is made at its first use and never leaves its process: pickling an Engines drops them,
and a forked child discards what it inherited without touching the parent's sockets.
"""

import glob
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.pool import NullPool, QueuePool

from etl_assets.config import HostConfig
from etl_assets.config.driver import FILE_OPTIONS, PATH_OPTIONS
from etl_assets.errors import ConfigError

CONNECT_DEFAULTS: Mapping[str, Any] = {
    "connect_timeout": 10,
    # Silence while a long COUNT or sort runs is normal; silence for ten minutes is not.
    "read_timeout": 600,
    "write_timeout": 60,
}
"""Seconds, unless `connect:` says otherwise."""


class Engines:
    """The lazily made engines of this process.

    Arguments:
        hosts: the hosts of the configuration by name.
        home: where relative paths of SQLite files start.
    """

    def __init__(self, hosts: Mapping[str, HostConfig], home: Path) -> None:
        self._hosts = dict(hosts)
        self._home = home
        self._engines: dict[tuple[str, str], Engine] = {}
        self._pid = os.getpid()

    def __repr__(self) -> str:
        return f"Engines(hosts={sorted(self._hosts)}, made={len(self._engines)})"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_engines": {}}

    def __len__(self) -> int:
        """How many engines this process has made and not disposed of."""
        return len(self._engines) if self._pid == os.getpid() else 0

    def host(self, name: str) -> HostConfig:
        """The settings of a host."""
        return self._hosts[name]

    def files(self, host: str) -> list[str]:
        """The databases of an SQLite host: the names that fill `{database}`, sorted."""
        template = str(self._home / self._hosts[host].url.removeprefix("sqlite:///"))
        if "{database}" not in template:
            # One file for whatever database a shard names; it is called as SQLite calls it.
            return ["main"] if Path(template).exists() else []
        name = re.compile(re.escape(template).replace(re.escape("{database}"), "(.+)", 1))
        paths = glob.glob(glob.escape(template).replace("{database}", "*"))  # noqa: PTH207
        return sorted(match[1] for path in paths if (match := name.fullmatch(path)))

    def has_file(self, host: str, database: str) -> bool:
        """Whether there is a file for a database of an SQLite host."""
        return _sqlite_path(self._hosts[host], self._home, database).is_file()

    def get(self, host: str, database: str) -> Engine:
        """The engine for a host (for SQLite: for one of its files).

        Raises:
            ConfigError: a file that the host's `connect` names is not there.
        """
        if self._pid != os.getpid():
            self._discard_inherited()
        settings = self._hosts[host]
        key = (host, database if settings.backend == "sqlite" else "")
        if key not in self._engines:
            self._require_files(host)
            make = _sqlite_engine if settings.backend == "sqlite" else _mysql_engine
            self._engines[key] = make(settings, self._home, database)
        return self._engines[key]

    def _require_files(self, host: str) -> None:
        """The driver would only say that some file is missing."""
        for option in FILE_OPTIONS:
            given = self._hosts[host].connect.get(option)
            if given is not None and not (self._home / given).is_file():
                raise ConfigError(
                    f"hosts.{host}.connect.{option}",
                    expected="a file",
                    got=f"none at {self._home / given}",
                )

    def dispose(self) -> None:
        """Close what this process opened."""
        engines, self._engines = self._engines, {}
        inherited = self._pid != os.getpid()
        for engine in engines.values():
            engine.dispose(close=not inherited)

    def _discard_inherited(self) -> None:
        self.dispose()
        self._pid = os.getpid()


def _mysql_engine(settings: HostConfig, home: Path, database: str) -> Engine:
    # Imported where it is used: a process that reads SQLite alone does without the driver.
    from pymysql.converters import encoders  # noqa: PLC0415

    from etl_assets.source.mysql.driver import DriverConnection  # noqa: PLC0415

    del database  # One engine serves all databases of a server.
    engine = sa.create_engine(
        make_url(settings.url),
        # One shard after another has the same connection; the step's end closes it. Whoever gives
        # it back has ended the transaction.
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        pool_reset_on_return=None,
        connect_args={
            **CONNECT_DEFAULTS,
            # PyMySQL takes a CA and verifies nothing with it, unless it is told to.
            **({"ssl_verify_cert": True} if "ssl_ca" in settings.connect else {}),
            **beside(home, settings.connect),
            "charset": "utf8mb4",
            # Without decoders every value stays the server's own text, to the last digit.
            "conv": dict(encoders),
            # It decides padding, quoting and escapes; an empty one is the same everywhere. Set
            # before SQLAlchemy looks: under ANSI_QUOTES it would quote names in another way.
            "sql_mode": "",
        },
    )

    @sa.event.listens_for(engine, "do_connect")
    def connect(
        dialect: object, record: object, arguments: Sequence[Any], options: dict[str, Any]
    ) -> DriverConnection:
        del dialect, record
        # Read now, kept nowhere, and in no URL, which errors and logs may show. As bytes: the
        # driver would encode a text as latin1.
        secret = settings.password.value(home) if settings.password else ""
        password = secret.encode("utf-8", "surrogateescape")
        return DriverConnection(*arguments, **{**options, "password": password})

    return engine


def beside(home: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the driver takes them: absolute paths, and a key as bytes."""
    given = {
        name: str(home / value) if name in PATH_OPTIONS else value
        for name, value in options.items()
    }
    if "server_public_key" in given:
        given["server_public_key"] = given["server_public_key"].encode()
    return given


def _sqlite_path(settings: HostConfig, home: Path, database: str) -> Path:
    return home / settings.url.removeprefix("sqlite:///").replace("{database}", database)


def _sqlite_engine(settings: HostConfig, home: Path, database: str) -> Engine:
    path = _sqlite_path(settings, home, database)

    def connect() -> sqlite3.Connection:
        # mode=ro: a file that is not there is an error and is never made.
        return sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False
        )

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)
