"""Exported files as pandas frames: proven while they are read, or refused."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from upath import UPath

from etl_assets.errors import CsvError, UsageError
from etl_assets.store.compression import SUFFIXES
from etl_assets.store.folder import Folder
from etl_assets.store.frames import Decimals, Values, common_dtype, series, values_of
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import (
    TABLE_MANIFEST,
    ShardManifest,
    TableManifest,
    manifest_name,
    stem_of,
)
from etl_assets.store.proof import Claim, FileProof, readable, shard_manifest, window_manifest
from etl_assets.store.remote import open_url
from etl_assets.tables.topology import Shard

_CSV_ENDINGS = tuple(f".csv{suffix}" for suffix in SUFFIXES.values())
_VERIFY = "run `etl-assets verify`"


@dataclass(frozen=True)
class ShardFile:
    """A shard's file in its folder, and what proves it."""

    folder: Folder
    manifest: ShardManifest

    @property
    def location(self) -> str:
        """Its path or URL."""
        return self.folder.location(self.manifest.file)


def read_export(
    path: str | os.PathLike[str] | UPath,
    *,
    columns: Sequence[str] | None = None,
    decimals: Decimals = "decimal",
) -> pd.DataFrame:
    """Exported rows as a DataFrame that has lost nothing, once they are proven.

    While it is read, each file is compared with its manifest: size, SHA-256, header and records.
    Integers are Int64 or UInt64, FLOAT and DOUBLE Float64, raw bytes bytes, DECIMAL Decimal, all
    else string; NULL stays apart from the empty string.

    Arguments:
        path: a path or URL of a window's folder, which has to be complete, or of one shard's CSV
            or manifest.
        columns: those to read, in this order; all where it is left out.
        decimals: `string` gives DECIMAL as the server's text.

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
    return read_files(_files_at(path), columns=columns, decimals=decimals)


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
    kinds = [_values(file.manifest, decimals) for file in files]
    names = _chosen(dict.fromkeys(name for shard in kinds for name in shard), columns)
    dtypes = {name: common_dtype([s[name] for s in kinds if name in s]) for name in names}
    frames = [_frame(file, shard, dtypes) for file, shard in zip(files, kinds, strict=True)]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


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


def _values(manifest: ShardManifest, decimals: Decimals) -> dict[str, Values]:
    return {
        record.name: values_of(record.column, manifest.csv, decimals) for record in manifest.columns
    }


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


def _frame(file: ShardFile, kinds: Mapping[str, Values], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """One shard's rows with these columns."""
    claim = Claim.of_shard(file.manifest)
    rows, cells = proven_cells(file.folder, claim, [name in dtypes for name in kinds])
    frame: dict[str, pd.Series[Any]] = {}
    for name, dtype in dtypes.items():
        if name not in kinds:
            frame[name] = pd.Series([None] * rows, dtype=dtype)
            continue
        try:
            frame[name] = series(cells[list(kinds).index(name)], kinds[name], dtype)
        # SQLite keeps any value in any column.
        except (ValueError, TypeError, ArithmeticError) as error:
            raise CsvError(
                f"{file.location}: the column {name} has a value that is not of its type",
                next_step="leave it out with columns=…, or read the file as text",
            ) from error
    return pd.DataFrame(frame, index=pd.RangeIndex(rows))


def proven_cells(
    folder: Folder, claim: Claim, wanted: Sequence[bool], next_step: str = _VERIFY
) -> tuple[int, list[list[str | None]]]:
    """The count of a file's records, and the values of the columns that are wanted.

    Raises:
        CsvError: the file is not what its manifest says; `next_step` is what to do then.
        StoreError: it cannot be read.
    """
    where = folder.location(claim.file)
    cells: list[list[str | None]] = [[] for _ in wanted]
    taken = [(index, cells[index]) for index, is_wanted in enumerate(wanted) if is_wanted]
    proof = FileProof(folder, claim)
    values_of_record = proof.parser.values
    with readable(folder, claim.file):
        try:
            for raw in proof.records():
                record = values_of_record(raw)
                for index, values in taken:
                    values.append(record[index])
        except (CsvError, EOFError, ValueError) as error:
            raise CsvError(f"{where}: {error}", next_step=next_step) from None
    if causes := proof.causes():
        raise CsvError(f"{where}: {', '.join(causes)}", next_step=next_step)
    return proof.rows, cells


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
