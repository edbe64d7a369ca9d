"""Exported files as pandas frames: proven while they are read, or refused."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, get_args, overload

import pandas as pd
import pyarrow as pa
from upath import UPath

from etl_assets.errors import CsvError, UsageError
from etl_assets.store.arrow_csv import WantedFile, read_proven
from etl_assets.store.compression import SUFFIXES
from etl_assets.store.folder import Folder
from etl_assets.store.frames import (
    Convert,
    Decimals,
    Part,
    Values,
    common_dtype,
    common_type,
    nulls,
    series,
    values_of,
)
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    TableManifest,
    manifest_name,
    stem_of,
)
from etl_assets.store.proof import Claim, shard_manifest, window_manifest
from etl_assets.store.remote import open_url
from etl_assets.tables.topology import Shard

_CSV_ENDINGS = tuple(f".csv{suffix}" for suffix in SUFFIXES.values())
_VERIFY = "run `etl-assets verify`"
Held = TypeVar("Held")
"""How the values of a column are held: pandas' name of a dtype, or Arrow's type."""


@dataclass(frozen=True)
class ShardFile:
    """A shard's file in its folder, and what proves it."""

    folder: Folder
    manifest: ShardManifest

    @property
    def location(self) -> str:
        """Its path or URL."""
        return self.folder.location(self.manifest.file)


@overload
def read_export(
    path: str | os.PathLike[str] | UPath,
    *,
    columns: Sequence[str] | None = None,
    decimals: Decimals = "decimal",
    as_arrow: Literal[False] = False,
) -> pd.DataFrame: ...


@overload
def read_export(
    path: str | os.PathLike[str] | UPath,
    *,
    columns: Sequence[str] | None = None,
    decimals: Decimals = "decimal",
    as_arrow: Literal[True],
) -> pa.Table: ...


def read_export(
    path: str | os.PathLike[str] | UPath,
    *,
    columns: Sequence[str] | None = None,
    decimals: Decimals = "decimal",
    as_arrow: bool = False,
) -> pd.DataFrame | pa.Table:
    """Exported rows as a DataFrame that has lost nothing, once they are proven.

    While it is read, each file is compared with its manifest: size, SHA-256, header and records.
    Integers are Int64 or UInt64, FLOAT and DOUBLE Float64, raw bytes bytes, DECIMAL Decimal, all
    else string; NULL stays apart from the empty string.

    Arguments:
        path: a path or URL of a window's folder, which has to be complete, or of one shard's CSV
            or manifest.
        columns: those to read, in this order; all where it is left out.
        decimals: `string` gives DECIMAL as the server's text.
        as_arrow: gives a pyarrow Table, which pandas has never held.

    Raises:
        IncompleteError: the window's `_manifest.json` is missing or stale.
        CsvError: a file is unproven, or is not what its manifest says.
        UsageError: a column that is not there, or the file of all shards.
        StoreError: a file cannot be read.
    """
    if decimals not in get_args(Decimals):
        raise UsageError(
            "read_export(decimals=…)", expected="'decimal' or 'string'", got=repr(decimals)
        )
    if isinstance(columns, str):
        raise UsageError("read_export(columns=…)", expected="a list of names", got=repr(columns))
    read = read_table if as_arrow else read_files
    return read(_files_at(path), columns=columns, decimals=decimals)


def read_files(
    files: Sequence[ShardFile],
    *,
    columns: Sequence[str] | None = None,
    decimals: Decimals = "decimal",
) -> pd.DataFrame:
    """The rows of shards, one shard after the other, in columns that hold those of all.

    A column that some shards lack is NULL in their rows.

    Raises:
        CsvError: a file is not what its manifest says.
        UsageError: a column that none of them has.
        StoreError: a file cannot be read.
    """
    kinds, named = _kinds(files, columns, decimals)
    dtypes = {name: common_dtype(shards) for name, shards in named.items()}
    rows, parts = _read(files, kinds, dtypes, Values.to_dtype, nulls)
    frame = {name: series(parts[name], dtype) for name, dtype in dtypes.items()}
    return pd.DataFrame(frame, index=pd.RangeIndex(rows), copy=False)


def read_table(
    files: Sequence[ShardFile],
    *,
    columns: Sequence[str] | None = None,
    decimals: Decimals = "decimal",
) -> pa.Table:
    """The same as a table in Arrow's memory, DECIMAL as decimals.

    Raises:
        See `read_files`.
    """
    kinds, named = _kinds(files, columns, decimals)
    types = {name: common_type(shards) for name, shards in named.items()}
    rows, parts = _read(files, kinds, types, Values.to_type, pa.nulls)
    arrays = [pa.chunked_array(parts[name], kind) for name, kind in types.items()]
    if arrays:
        return pa.Table.from_arrays(arrays, names=list(types))
    # Of no columns it would have no rows either.
    return pa.table({"": pa.nulls(rows)}).select([])


def exported_files(folder: Folder, wanted: Shard | str, partition: str) -> list[ShardFile]:
    """A shard's file in a window's folder, or those of all shards of a logical table.

    Raises:
        UsageError: there is none, or one of another window, so nothing proves the files.
        IncompleteError: the logical table's does not fit its shards' any more.
        CsvError: a shard's is not its own.
    """
    shard = wanted if isinstance(wanted, Shard) else None
    table = wanted.table if isinstance(wanted, Shard) else wanted
    name = TABLE_MANIFEST if shard is None else manifest_name(shard)
    if folder.size(name) is None:
        raise UsageError(
            f"{table}{'' if shard is None else f': {shard}'} for {partition}",
            expected=f"a manifest in {folder.location('')}",
            got="none",
            next_step=f"export {table} --partition {partition} first",
        )
    found = window_manifest(folder).shards if shard is None else [shard_manifest(folder, name)]
    for manifest in found:
        if (manifest.table, manifest.partition) != (table, partition):
            raise UsageError(
                folder.location(name),
                expected=f"the manifest of {table} for {partition}",
                got=f"that of {manifest.table} for {manifest.partition}",
                next_step=f"export {table} --partition {partition} again",
            )
    return [ShardFile(folder, manifest) for manifest in found]


def _kinds(
    files: Sequence[ShardFile], columns: Sequence[str] | None, decimals: Decimals
) -> tuple[list[dict[str, Values]], dict[str, list[Values]]]:
    """How each shard holds the values of its columns; and of each chosen one, how all do."""
    kinds = [
        {
            record.name: values_of(record.column, file.manifest.csv, decimals)
            for record in file.manifest.columns
        }
        for file in files
    ]
    names = _chosen(dict.fromkeys(name for shard in kinds for name in shard), columns)
    return kinds, {name: [shard[name] for shard in kinds if name in shard] for name in names}


def _chosen(names: Iterable[str], columns: Sequence[str] | None) -> list[str]:
    there = list(names)
    if columns is None:
        return there
    missing = [name for name in columns if name not in there]
    if missing:
        raise UsageError(
            "read_export(columns=…)",
            expected="names out of " + ", ".join(there),
            got=", ".join(map(str, missing)),
        )
    return list(dict.fromkeys(columns))


def _read(
    files: Sequence[ShardFile],
    kinds: Sequence[Mapping[str, Values]],
    wanted: Mapping[str, Held],
    convert: Callable[[Values, Held], Convert],
    nothing: Callable[[int, Held], Part],
) -> tuple[int, dict[str, list[Part]]]:
    """The count of all rows, and the parts of the columns that hold them as it is wanted."""
    found = read_proven(
        [
            WantedFile(
                file.folder,
                Claim.of_shard(file.manifest),
                {
                    name: convert(shard[name], held)
                    for name, held in wanted.items()
                    if name in shard
                },
            )
            for file, shard in zip(files, kinds, strict=True)
        ],
        _VERIFY,
    )
    parts: dict[str, list[Part]] = {name: [] for name in wanted}
    for read in found:
        for name, held in wanted.items():
            parts[name] += read.columns.get(name, [nothing(read.rows, held)])
    return sum(read.rows for read in found), parts


def _files_at(path: str | os.PathLike[str] | UPath) -> list[ShardFile]:
    """The files that a path stands for, with their manifests."""
    folder, name = _located(path)
    if name == TABLE_MANIFEST:
        return [ShardFile(folder, manifest) for manifest in window_manifest(folder).shards]
    table = TableManifest.read(folder, TABLE_MANIFEST)
    if table is not None and table.merged is not None and name == table.merged.file:
        raise UsageError(
            f"{folder.location(name)}: the file of all shards",
            expected="the window's folder, or the file of one shard",
            next_step=f"read {folder.location('')}, which gives the same rows",
        )
    stem = stem_of(name)
    proof = name if stem is None else f"{stem}.json"
    manifest = shard_manifest(folder, proof)
    if name in (proof, manifest.file):
        return [ShardFile(folder, manifest)]
    raise CsvError(
        f"{folder.location(name)}: unproven",
        expected="the file of its manifest",
        got=f"that {proof} is of {manifest.file}",
        next_step=f"read {manifest.file}",
    )


def _located(path: str | os.PathLike[str] | UPath) -> tuple[Folder, str]:
    """A folder and the name of a file in it; of a window's folder, its `_manifest.json`."""
    place: Path | UPath
    if isinstance(path, UPath):
        place = path
    else:
        text = os.fspath(path)
        place = UPath(text.rstrip("/")) if "://" in text else Path(text).absolute()
    is_file = place.name.endswith((".json", *_CSV_ENDINGS))
    folder = place.parent if is_file else place
    opened = LocalFolder(folder) if isinstance(folder, Path) else open_url(folder)
    return opened, place.name if is_file else TABLE_MANIFEST
