"""What the configuration says of a logical table, as its asset and its shards' assets show it.

What is shown of files, once there are any, is in `metadata`.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from etl_assets.config import ExportConfig, TableConfig
from etl_assets.defs.automation import condition_of
from etl_assets.defs.readable import sql_block
from etl_assets.defs.versions import code_version, own_conventions
from etl_assets.tables.topology import LogicalTable


@dataclass(frozen=True)
class TableFacts:
    """What is the same of a logical table and of its shards.

    Attributes:
        owners: who is asked about it.
        tags: those of the configuration.
        code_version: changes with what changes the files.
        condition: when Dagster itself is to export the newest window.
        metadata: window, condition, columns and conventions, and where they are configured.
    """

    owners: tuple[str, ...]
    tags: Mapping[str, str]
    code_version: str
    condition: dg.AutomationCondition[Any] | None
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, config: ExportConfig, table: LogicalTable) -> "TableFacts":
        """As the configuration has them.

        Raises:
            ConfigError: its automation is none.
        """
        settings = table.settings
        return cls(
            settings.owners,
            settings.tags,
            code_version(settings),
            condition_of(config, table),
            {**dict(_shown(settings)), **_code_references(config, table)},
        )

    @property
    def in_short(self) -> "TableFacts":
        """Without what only a page shows."""
        return replace(self, metadata={})


def _shown(settings: TableConfig) -> Iterator[tuple[str, Any]]:
    partition, selection = settings.partition, settings.columns
    if partition.column is None:
        window = f"none: each {partition.every} the whole table as it is then"
    else:
        unit = f", in {partition.unit}" if partition.unit else ""
        zone = partition.column_timezone
        read_in = f", its readings in {zone}" if zone and zone != partition.timezone else ""
        window = f"{partition.column}{unit}, by the {partition.every} in {partition.timezone}"
        window += read_in
    yield "window_column", window
    if settings.where is not None:
        yield "where", sql_block(settings.where)
    if selection is not None:
        names = ", ".join(selection.include or selection.exclude or ())
        yield "columns", names if selection.include else f"all but {names}"
    own = own_conventions(settings.csv)
    yield "csv", ", ".join(f"{k}: {json.dumps(v)}" for k, v in own.items()) or "as by default"


def _code_references(config: ExportConfig, table: LogicalTable) -> Mapping[str, Any]:
    """The line of the logical table in the configuration; its path stays local until linked."""
    with warnings.catch_warnings():
        # That Dagster may change it yet is not the user's to act on.
        warnings.simplefilter("ignore", dg.BetaWarning)
        line = dg.LocalFileCodeReference(
            file_path=str(config.path),
            line_number=config.line("tables", table.name),
            label=f"{table.name} in {config.path.name}",
        )
        references = dg.CodeReferencesMetadataValue(code_references=[line])
    return {"dagster/code_references": references}
