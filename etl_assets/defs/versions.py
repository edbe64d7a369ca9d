"""By what Dagster tells what is out of date: by the settings of a file, and by what is in it."""

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import dagster as dg

from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.private.dagster import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
)
from etl_assets.store.manifest import QueryRecord, ShardManifest, TableManifest

_CODE_DIGITS = 12
_DATA_DIGITS = 16


def code_version(settings: TableConfig) -> str:
    """A hash of the settings that change what is in a window's files.

    It is the same on all machines. A setting that is left at its default does not count: one that a
    later version of this package adds changes no version.
    """
    query = QueryRecord.of(settings).model_dump(mode="json", exclude_none=True)
    made = {
        "every": settings.partition.every,
        "timezone": settings.partition.timezone,
        # Columns stand in the table's order, whatever that of the configuration is.
        "query": {k: sorted(v) if isinstance(v, list) else v for k, v in query.items()},
        "csv": own_conventions(settings.csv),
        "union": settings.on_drift == "union",
        "merge": settings.merge,
    }
    return _digest(json.dumps(made, sort_keys=True), _CODE_DIGITS)


def own_conventions(csv: CsvFormat) -> Mapping[str, Any]:
    """The conventions that are not the usual ones."""
    usual = asdict(CsvFormat())
    return {name: value for name, value in asdict(csv).items() if value != usual[name]}


def data_version(manifest: ShardManifest | TableManifest) -> dg.DataVersion:
    """By what is in the files: an export that gives the same bytes makes nothing out of date.

    Without one Dagster would take all files that were made under the same settings for the same.
    """
    match manifest:
        case ShardManifest():
            return dg.DataVersion(manifest.sha256[:_DATA_DIGITS])
        case TableManifest():
            of_all = " ".join(shard.sha256 for shard in manifest.shards)
            return dg.DataVersion(_digest(of_all, _DATA_DIGITS))


def versioned_output(
    value: object, name: str, manifest: ShardManifest | TableManifest
) -> dg.Output[Any]:
    """A step's output with its files' data version."""
    with warnings.catch_warnings():
        # That Dagster may change it yet is not the user's to act on.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.Output(value, output_name=name, data_version=data_version(manifest))


def version_tags(manifest: TableManifest) -> Mapping[str, str]:
    """The data version of a window that no step of its own has completed, as Dagster keeps it.

    A code version beside it would ask for those of all shards too.
    """
    version = data_version(manifest).value
    return {DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
