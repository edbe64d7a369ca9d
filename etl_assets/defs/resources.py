"""The resource `database`: engines of the process that uses them; what resources are called."""

import hashlib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from etl_assets.config import ExportConfig, HostConfig
from etl_assets.source.engines import Engines
from etl_assets.tables.topology import LogicalTable


@dataclass(frozen=True)
class ResourceKeys:
    """What the two resources of a configuration are called, and its sensor of newest windows."""

    database: str
    csv: str
    newest: str

    @classmethod
    def of(cls, tables: Iterable[LogicalTable]) -> "ResourceKeys":
        """Names that nothing else in a project has: no two of its jobs have one logical table."""
        names = " ".join(sorted(table.name for table in tables))
        digest = hashlib.sha256(names.encode()).hexdigest()[:8]
        return cls(
            f"etl_assets_database_{digest}", f"etl_assets_csv_{digest}", f"newest_windows_{digest}"
        )


STAND_ALONE = ResourceKeys("database", "csv", "newest_windows")
"""Those of a code location that has nothing else."""


class DatabaseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The configuration's hosts, connected to lazily.

    Nothing is opened before `engines` is used; every process has its own; all are closed when the
    step ends. A password is never a value here: each host names an environment variable.
    """

    hosts: dict[str, Any] = Field(description="The hosts, as in etl_assets.yaml")
    home: str = Field(description="The folder that relative paths of SQLite files start from")

    _engines: Engines | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, config: ExportConfig) -> "DatabaseResource":
        """The resource for a configuration."""
        hosts: Mapping[str, HostConfig] = config.hosts
        return cls(
            hosts={
                name: host.model_dump(mode="json", exclude_unset=True)
                for name, host in hosts.items()
            },
            home=str(config.home),
        )

    @property
    def engines(self) -> Engines:
        """The engines of this process."""
        if self._engines is None:
            hosts = {name: HostConfig.model_validate(host) for name, host in self.hosts.items()}
            self._engines = Engines(hosts, Path(self.home))
        return self._engines

    @contextmanager
    def yield_for_execution(
        self, context: dg.InitResourceContext
    ) -> Generator["DatabaseResource", None, None]:
        """Serve one step, and close what it opened."""
        del context
        try:
            yield self
        finally:
            if self._engines is not None:
                self._engines.dispose()
