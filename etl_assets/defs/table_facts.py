"""What the configuration says of a logical table, as its asset and its shards' assets show it.

What is shown of files, once there are any, is in `metadata`.
"""

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import dagster as dg

from etl_assets.config import ExportConfig, TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.store.manifest import QueryRecord
from etl_assets.tables.topology import LogicalTable

_VERSION_DIGITS = 12


@dataclass(frozen=True)
class TableFacts:
    """What is the same of a logical table and of its shards.

    Attributes:
        owners: who is asked about it.
        tags: those of the configuration.
        code_version: changes with what changes the files.
        metadata: window, condition, columns and conventions, and where they are configured.
    """

    owners: tuple[str, ...]
    tags: Mapping[str, str]
    code_version: str
    metadata: Mapping[str, Any]

    @classmethod
    def of(cls, config: ExportConfig, table: LogicalTable) -> "TableFacts":
        """As the configuration has them."""
        settings = table.settings
        return cls(
            settings.owners,
            settings.tags,
            code_version(settings),
            {**dict(_shown(settings)), **_code_references(config, table)},
        )

    @property
    def in_short(self) -> "TableFacts":
        """Without what only a page shows."""
        return replace(self, metadata={})


def code_version(settings: TableConfig) -> str:
    """A hash of the settings that change what is in a window's files.

    It is the same on all machines. A setting that is left at its default does not count: one that a
    later version of this package adds changes no version.
    """
    usual = asdict(CsvFormat())
    query = QueryRecord.of(settings).model_dump(mode="json", exclude_none=True)
    made = {
        "every": settings.partition.every,
        "timezone": settings.partition.timezone,
        # Columns stand in the table's order, whatever that of the configuration is.
        "query": {k: sorted(v) if isinstance(v, list) else v for k, v in query.items()},
        "csv": {k: v for k, v in asdict(settings.csv).items() if v != usual[k]},
        "union": settings.on_drift == "union",
        "merge": settings.merge,
    }
    text = json.dumps(made, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_VERSION_DIGITS]


def sql_block(text: str) -> dg.MetadataValue[Any]:
    """SQL as Markdown shows it."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return dg.MetadataValue.md(f"{fence}sql\n{text}\n{fence}")


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
    usual = asdict(CsvFormat())
    own = {k: v for k, v in asdict(settings.csv).items() if v != usual[k]}
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
