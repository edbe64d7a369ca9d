"""The files of all shards as one: streamed from file to file, no value taken apart.

A record is copied as it stands, after the names of its shard. All that has to be known of the text
is where records begin: after a line feed that stands outside quotes.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CsvError, IncompleteError
from etl_assets.extract.block import Block
from etl_assets.store.compression import decompressed
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.manifest import (
    SHARD_COLUMNS,
    FileRecord,
    TableManifest,
    merged_name,
)
from etl_assets.store.proof import Claim
from etl_assets.store.writer import write_records
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard

_LINE_FEED, _QUOTE = b'\n"'
_INNER = 0xFF
"""Stands for a line feed inside quotes for a moment: it occurs in no UTF-8 text."""


def stage_merged(folder: Folder, manifest: TableManifest) -> tuple[StagedFile, FileRecord]:
    """Stage `<table>.csv`: the records of all shards, in the manifest's order.

    Each shard's file is proven on the way: what is read has its manifest's hash and count.

    Raises:
        IncompleteError: a file is not what its manifest says, or a column has a name that the
            columns in front need.
        StoreError: the file cannot be written.
    """
    csv_format = manifest.shards[0].csv
    names = [column.name for column in manifest.columns]
    taken = {Column(name, "").key for name in names} & set(SHARD_COLUMNS)
    if taken:
        raise IncompleteError(
            f"{manifest.table}: merge",
            expected=f"the names {', '.join(SHARD_COLUMNS)} free for the columns in front",
            got=f"a column {', '.join(sorted(taken))}",
            next_step="leave it out with `columns`, or set `merge: false`",
        )
    file = folder.stage(merged_name(manifest.table, csv_format))
    try:
        written = write_records(
            file, csv_format, [*SHARD_COLUMNS, *names], _blocks(folder, manifest), _silent
        )
    except BaseException:
        file.discard()
        raise
    return file, FileRecord(
        file=file.name, rows=written.rows, bytes=written.bytes, sha256=written.sha256
    )


def _blocks(folder: Folder, manifest: TableManifest) -> Iterator[Block]:
    for shard in manifest.shards:
        claim = Claim.of_shard(shard)
        try:
            yield from _blocks_of_file(folder, claim, shard_prefix(shard.shard, shard.csv))
        except (CsvError, ValueError, EOFError, OSError) as error:
            raise IncompleteError(
                f"{folder.location(claim.file)}: {error}",
                next_step="export the window again, without --resume",
            ) from error


def _blocks_of_file(folder: Folder, claim: Claim, prefix: bytes) -> Iterator[Block]:
    digest = hashlib.sha256()

    def stored() -> Iterator[bytes]:
        for block in folder.blocks(claim.file):
            digest.update(block)
            yield block

    plain = decompressed(stored(), claim.csv.compression)
    rows = 0
    for block in _prefixed(prefix, claim.csv.body(plain, claim.names)):
        rows += block.rows
        yield block
    if rows != claim.rows:
        raise CsvError("its records", expected=f"{claim.rows}", got=f"{rows}")
    if digest.hexdigest() != claim.sha256:
        raise CsvError("its SHA-256", expected=claim.sha256, got=digest.hexdigest())


def shard_prefix(shard: Shard, csv_format: CsvFormat) -> bytes:
    """What stands in front of each record of a shard."""
    names = (shard.host, shard.database, shard.shard_table)
    record = csv_format.record(map(csv_format.neutral, names))
    return (record.removesuffix("\n") + csv_format.delimiter).encode()


def _prefixed(prefix: bytes, blocks: Iterable[bytes]) -> Iterator[Block]:
    """Records with a prefix in front of each, however the blocks cut them."""
    inside = False
    begins = True
    for block in blocks:
        marked, inside = _without_inner_line_feeds(block, inside=inside)
        text = marked.replace(b"\n", b"\n" + prefix)
        if begins and block:
            text = prefix + text
        begins = marked.endswith(b"\n") if block else begins
        # The record that follows may be in the next block, or there may be none.
        text = text.removesuffix(prefix) if block and begins else text
        yield Block(text.replace(bytes([_INNER]), b"\n"), marked.count(b"\n"))


def _without_inner_line_feeds(block: bytes, *, inside: bool) -> tuple[bytes, bool]:
    """A block whose only line feeds end records, and whether it ends inside quotes."""
    if not inside and _QUOTE not in block:
        return block, False
    data = np.frombuffer(bytearray(block), np.uint8)
    quotes = np.flatnonzero(data == _QUOTE)
    feeds = np.flatnonzero(data == _LINE_FEED)
    before = np.searchsorted(quotes, feeds) + inside
    data[feeds[before % 2 == 1]] = _INNER
    return data.tobytes(), bool((len(quotes) + inside) % 2)


def _silent(rows: int, size: int) -> None:
    """Merging is as fast as the disk; nobody waits to hear of it."""
