"""Files of anybody's frames: written whole by the CSV conventions, and read back proven.

Beside the windows of logical tables, whose names never begin with `_`, each asset has a folder, and
in it one for each partition; no part of their names but `safe_name`'s own may hold a dot:

    _assets/<key>[.<key>…]/[<partition>/]<key>[.<key>…].csv[.gz|.zst] and .json, its manifest
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain

import pandas as pd
import pyarrow as pa

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CsvError, UsageError
from etl_assets.store.arrow_csv import WantedFile, read_proven
from etl_assets.store.compression import SUFFIXES
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.frame_columns import FrameColumn, series_of
from etl_assets.store.frame_rows import Rows, blocks_of
from etl_assets.store.manifest import FileRecord, Instant
from etl_assets.store.proof import Claim, readable
from etl_assets.store.writer import write_records
from etl_assets.tables.topology import safe_name, shorten

ASSETS = "_assets"
"""The folder of them all."""
_AGAIN = "materialize it again"


@dataclass(frozen=True)
class FrameName:
    """Whose rows they are: an asset's key, and a partition's where it has any."""

    asset: tuple[str, ...]
    partition: str | None

    def __str__(self) -> str:
        name = "/".join(self.asset)
        return name if self.partition is None else f"{name} for {self.partition}"

    @property
    def stem(self) -> str:
        """The name of its files without the ending."""
        return shorten(".".join(map(_part, self.asset)))

    @property
    def manifest(self) -> str:
        """The name of its manifest."""
        return f"{self.stem}.json"

    def file(self, csv_format: CsvFormat) -> str:
        """The name of its file."""
        return f"{self.stem}.csv{SUFFIXES[csv_format.compression]}"

    @property
    def folder_parts(self) -> tuple[str, ...]:
        """Its folder below the output folder."""
        partition = () if self.partition is None else (shorten(_part(self.partition)),)
        return ASSETS, self.stem, *partition


def _part(name: str) -> str:
    # No other name becomes a percent sign alone.
    return safe_name(name) or "%"


class FrameManifest(FileRecord):
    """What a frame's file holds, and all that reading it back needs."""

    asset: tuple[str, ...]
    partition: str | None
    columns: tuple[FrameColumn, ...]
    written_at: Instant
    run_id: str
    csv: CsvFormat

    @property
    def frame_name(self) -> FrameName:
        """Whose rows they are."""
        return FrameName(self.asset, self.partition)

    @property
    def has_its_name(self) -> bool:
        """Whether the file is called what these rows' is called."""
        return self.file == self.frame_name.file(self.csv)

    @property
    def claim(self) -> Claim:
        """What the file has to be."""
        names = tuple(column.name for column in self.columns)
        return Claim(self.file, self.csv, names, self.rows, self.bytes, self.sha256, None)


def write_frame(
    folder: Folder, name: FrameName, rows: Rows, csv_format: CsvFormat, run_id: str
) -> tuple[FrameManifest, bytes]:
    """Write rows under their final name and prove them; gives the first records too.

    Raises:
        UsageError: the folder is another asset's, or a text is none.
        StoreError: the system does not do it.
    """
    _of_its_own(folder, name)
    names = [column.name for column in rows.columns]
    with folder.stage(name.file(csv_format)) as staged:
        blocks = blocks_of(rows, csv_format)
        written = write_records(staged, csv_format, names, blocks, lambda *_: None)
        manifest = FrameManifest(
            asset=name.asset,
            partition=name.partition,
            file=staged.name,
            rows=written.rows,
            bytes=written.bytes,
            sha256=written.sha256,
            columns=rows.columns,
            written_at=datetime.now(UTC),
            run_id=run_id,
            csv=csv_format,
        )
        staged.make_durable()
        with folder.exclusively():
            _replace(folder, staged, manifest)
    return manifest, written.first


def read_frames(folders: Mapping[FrameName, Folder]) -> pd.DataFrame:
    """The rows of one asset's partitions, one after the other, as they were written.

    Raises:
        UsageError: one was not written yet.
        CsvError: a file is not what its manifest says.
        StoreError: a file cannot be read.
    """
    return _concatenated([_read(folder, name) for name, folder in folders.items()])


def _read(folder: Folder, name: FrameName) -> pd.DataFrame:
    manifest = _of_its_own(folder, name)
    if manifest is None:
        raise UsageError(
            str(name),
            expected=f"a manifest in {folder.location('')}",
            got="none" if folder.size(name.manifest) is None else "what is none",
            next_step="materialize it first",
        )
    claim = manifest.claim
    wanted = WantedFile(folder, claim, dict.fromkeys(claim.names, pa.Array.to_pylist))
    (found,) = read_proven([wanted], _AGAIN)
    try:
        return pd.DataFrame(
            {
                column.name: series_of(
                    list(chain.from_iterable(found.columns[column.name])), column, manifest.csv
                )
                for column in manifest.columns
            }
        )
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise CsvError(
            f"{folder.location(claim.file)}: a value is not of its column's type: {error}",
            next_step=_AGAIN,
        ) from error


def _concatenated(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Frames one after the other; a column whose dtypes differ holds each value as it is."""
    if len(frames) == 1:
        return frames[0]
    dtypes: dict[str, list[object]] = {}
    for frame in frames:
        for name, dtype in frame.dtypes.items():
            dtypes.setdefault(str(name), []).append(dtype)
    differing = {
        name: object
        for name, found in dtypes.items()
        if len(found) < len(frames) or any(dtype != found[0] for dtype in found)
    }
    alike = [frame.reindex(columns=list(dtypes)).astype(differing) for frame in frames]
    return pd.concat(alike, ignore_index=True)


def _replace(folder: Folder, staged: StagedFile, manifest: FrameManifest) -> None:
    """Put a file in place of the one that is there: its proof goes first and comes last."""
    there = FrameManifest.found(folder, proof := manifest.frame_name.manifest)
    folder.remove_proof(proof)
    staged.commit()
    if there is not None and there.file != manifest.file and there.has_its_name:
        folder.remove(there.file)
    folder.write_json(proof, manifest.as_json())
    folder.sweep()


def _of_its_own(folder: Folder, name: FrameName) -> FrameManifest | None:
    """The manifest of these rows; None where there is none, or one that says what cannot be.

    Raises:
        UsageError: it is another asset's, as where a file system ignores letter case.
    """
    with readable(folder, name.manifest, _AGAIN):
        there = FrameManifest.read(folder, name.manifest)
    if there is None or not there.has_its_name:
        return None
    if there.frame_name != name:
        raise UsageError(
            folder.location(there.file),
            expected=f"the file of {name}",
            got=f"that of {there.frame_name}",
            next_step="rename one of the two, or give one another output folder",
        )
    return there
