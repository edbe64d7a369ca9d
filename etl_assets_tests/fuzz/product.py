"""Charter: the product's way of a case: stage, commit, complete; or the whole command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from etl_assets.config import HostConfig, TableConfig
from etl_assets.export.services import Services
from etl_assets.export.shard import stage_shard
from etl_assets.export.task import ShardTask
from etl_assets.source.drift import read_united_columns
from etl_assets.source.engines import Engines
from etl_assets.store.complete import stage_window
from etl_assets.store.folder import Folder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    FileRecord,
    ShardManifest,
    TableManifest,
    manifest_name,
)
from etl_assets.store.open_folder import open_folder
from etl_assets.store.recipe import WindowRequest
from etl_assets.store.verify import verify_window
from etl_assets.tables.topology import LogicalTable, Shard
from etl_assets.tables.windows import Window
from etl_assets_tests.fuzz.case import HOST, LOGICAL, Case
from etl_assets_tests.support.command import etl_assets
from etl_assets_tests.support.servers import Server


class CommandFailedError(Exception):
    """The command line did not end with 0."""


@dataclass(frozen=True)
class Outcome:
    """What the product made of a case.

    Attributes:
        shards: each shard's manifest.
        table: the logical table's; None for a trial.
        folder: where the files are.
        findings: of the product's own `verify`.
    """

    shards: list[ShardManifest]
    table: TableManifest | None
    folder: Path
    findings: list[str]

    def stored(self, record: ShardManifest | FileRecord) -> bytes:
        """A file as it is stored."""
        return (self.folder / record.file).read_bytes()


@dataclass(frozen=True)
class Product:
    """The product on one server, writing into a folder."""

    server: Server
    folder: Path

    def host_config(self) -> dict[str, Any]:
        """The server as a host; without TLS, which costs a handshake for each part."""
        connect = {"ssl_disabled": True}
        return {**self.server.host_config(), "max_connections": 8, "connect": connect}

    def export(self, database: str, case: Case) -> Outcome:
        """Export a case, in this process or by the command."""
        if case.whole_command:
            return self._by_command(database, case)
        with self._engines() as engines:
            return self._here(engines, database, case)

    @contextmanager
    def _engines(self) -> Iterator[Engines]:
        host = HostConfig.model_validate(self.host_config())
        engines = Engines({HOST: host}, self.folder)
        try:
            yield engines
        finally:
            engines.dispose()

    def _here(self, engines: Engines, database: str, case: Case) -> Outcome:
        settings = TableConfig.model_validate(
            {**case.settings, "shards": [{"host": HOST, "tables": "a.b"}]}
        )
        shards = tuple(Shard(LOGICAL, HOST, database, table.name) for table in case.tables)
        table = LogicalTable(LOGICAL, shards, settings)
        window = Window(case.window.key, case.window.start, case.window.end, case.window.timezone)
        folder = open_folder(str(self.folder))
        task = ShardTask(
            shard=shards[0],
            table=settings,
            window=window,
            limit=case.limit,
            count=True,
            retries=0,
            run_id="fuzz",
            first=None if settings.is_snapshot else window,
        )
        services = Services(
            engines,
            united=(lambda: read_united_columns(engines, table))
            if settings.on_drift == "union"
            else None,
        )
        manifests = []
        for shard in shards:
            with stage_shard(replace(task, shard=shard), folder, services) as staged:
                staged.file.make_durable()
                staged.file.commit()
            folder.write_json(manifest_name(shard), staged.manifest.as_json())
            manifests.append(staged.manifest)
        if case.limit is not None:
            return Outcome(manifests, None, self.folder, [])
        request = WindowRequest.of(table, window)
        whole = self._complete(folder, request)
        findings = list(verify_window(folder, request))
        return Outcome(manifests, whole, self.folder, findings)

    def _complete(self, folder: Folder, request: WindowRequest) -> TableManifest:
        staged = stage_window(folder, request)
        if staged.merged is not None:
            staged.merged.commit()
        folder.write_json(TABLE_MANIFEST, staged.manifest.as_json())
        return staged.manifest

    def _by_command(self, database: str, case: Case) -> Outcome:
        tables = [f"{database}.{table.name}" for table in case.tables]
        config = {
            "hosts": {HOST: self.host_config()},
            "tables": {
                LOGICAL: {
                    **case.settings,
                    "shards": [{"host": HOST, "tables": name} for name in tables],
                }
            },
            "execution": {"processes": 2},
        }
        text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
        (self.folder / "etl_assets.yaml").write_text(text, encoding="utf-8")
        key = case.window.key
        done = etl_assets(self.folder, "export", LOGICAL, "--partition", key)
        if done.code:
            raise CommandFailedError(f"exit code {done.code}: {done.err}")
        verified = etl_assets(self.folder, "verify", LOGICAL, "--partition", key)
        (folder,) = (self.folder / "exports" / LOGICAL).iterdir()
        whole = TableManifest.model_validate(json.loads((folder / TABLE_MANIFEST).read_text()))
        findings = verified.err.splitlines() if verified.code else []
        return Outcome(list(whole.shards), whole, folder, findings)
