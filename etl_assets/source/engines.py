"""SQLAlchemy engines, one per host, made in the process that uses them.

An engine is made at its first use and never leaves its process: pickling an Engines drops them,
and a forked child discards what it inherited without touching the parent's sockets.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Engine

from etl_assets.config import HostConfig
from etl_assets.source.backend import Backend, HostAccess
from etl_assets.source.backends import BACKENDS


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

    def backend(self, host: str) -> Backend:
        """The kind of database that a host has."""
        return BACKENDS[self._hosts[host].backend]

    def access(self, host: str) -> HostAccess:
        """A host as its backend sees it."""
        return HostAccess(
            host, self._hosts[host], self._home, lambda database: self.get(host, database).connect()
        )

    def get(self, host: str, database: str) -> Engine:
        """The engine for a database of a host; for all of them where one serves them all.

        Raises:
            ConfigError: a file that the host's `connect` names is not there.
        """
        if self._pid != os.getpid():
            self._discard_inherited()
        backend = self.backend(host)
        key = (host, database if backend.engine_per_database else "")
        if key not in self._engines:
            self._engines[key] = backend.engine(self.access(host), database)
        return self._engines[key]

    def dispose(self) -> None:
        """Close what this process opened."""
        engines, self._engines = self._engines, {}
        inherited = self._pid != os.getpid()
        for engine in engines.values():
            engine.dispose(close=not inherited)

    def _discard_inherited(self) -> None:
        self.dispose()
        self._pid = os.getpid()
