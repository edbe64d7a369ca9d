"""A complete window, and a table of what can happen to its files."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl_assets.csv_format import CsvFormat
from etl_assets.store.complete import complete_window, unproven_shards
from etl_assets.store.compression import compressor, decompressed
from etl_assets.store.leftovers import remove_gone
from etl_assets.store.local import LocalFolder
from etl_assets.store.manifest import TABLE_MANIFEST, csv_name, manifest_name
from etl_assets.store.verify import verify_window
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exported import KEY, SHARDS, export_shard, window_request

RESUME = "; export the window with --resume"
ANEW = "; export the window again, without --resume"
REMOVE = "remove it"
LOOK = "; see to its permissions, then verify again"

RECORDS = {
    shard: [(number, f"name {number}"), (number + 10, None), (number + 20, "ä")]
    for number, shard in enumerate(SHARDS)
}
OTHER = Shard("orders", "shop-a", "shop_00", "orders_99")
EXTRA = (
    f": of {OTHER}, which is no shard of the configuration; "
    "remove it, as an export with --shards-gone does"
)


@dataclass(frozen=True)
class Window:
    """A complete window in a folder of its own."""

    path: Path
    csv: CsvFormat

    @property
    def folder(self) -> LocalFolder:
        """Its folder."""
        return LocalFolder(self.path)

    def file(self, number: int) -> Path:
        """A shard's CSV."""
        return self.path / csv_name(SHARDS[number], self.csv)

    def proof(self, number: int) -> Path:
        """A shard's manifest."""
        return self.path / manifest_name(SHARDS[number])

    @property
    def table(self) -> Path:
        """The logical table's manifest."""
        return self.path / TABLE_MANIFEST

    def export(self, *shards: Shard) -> None:
        """Export these shards and complete the window."""
        for shard in shards:
            export_shard(self.folder, shard, RECORDS[shard], self.csv)
        complete = complete_window(self.folder, window_request(self.csv))
        remove_gone(self.folder, KEY, SHARDS)
        self.folder.write_json(TABLE_MANIFEST, complete.as_json())

    def findings(self) -> list[str]:
        """What `verify` finds, each in one line that begins with a file and ends with a step."""
        found = list(verify_window(self.folder, window_request(self.csv)))
        for line in found:
            assert line.isprintable()
            assert line.startswith(f"{self.path}/")
            assert line.endswith((RESUME, ANEW, REMOVE, LOOK)) or "; remove it, as " in line
        return found

    def repack(self, number: int, change: Callable[[bytes], bytes]) -> None:
        """Change what a CSV says, in a stream that is sound."""
        compression = self.csv.compression
        path = self.file(number)
        plain = change(b"".join(decompressed([path.read_bytes()], compression)))
        pack = compressor(compression)
        path.write_bytes(pack.compress(plain) + pack.flush())

    def edit(self, path: Path, **facts: Any) -> None:
        """Change facts of a manifest."""
        path.write_text(json.dumps(json.loads(path.read_text()) | facts))

    def follow(self, findings: list[str]) -> None:
        """Do what the findings advise."""
        for line in findings:
            if REMOVE in line or line.endswith(LOOK):
                (self.path / line.split(": ")[0]).unlink()
        unproven = unproven_shards(self.folder, window_request(self.csv))
        again = any(line.endswith(ANEW) for line in findings)
        self.export(*(SHARDS if again else unproven))


def swap(first: Path, second: Path) -> None:
    """Exchange two files."""
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


def flip(path: Path, position: int, bit: int = 0) -> None:
    """Flip one bit."""
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << bit
    path.write_bytes(data)


def loop(path: Path) -> None:
    """Make a file one that cannot be opened, not even by root."""
    path.unlink()
    path.symlink_to(path)


def extra_shard(window: Window) -> None:
    """A shard that the configuration does not have."""
    export_shard(window.folder, OTHER, [(1, "x")], window.csv)


def missing_shard(window: Window) -> None:
    """A shard of which nothing is there."""
    window.file(0).unlink()
    window.proof(0).unlink()


def dead_writer(window: Window) -> None:
    """What a writer leaves that was killed."""
    (window.path / f".{window.file(0).name}.0123456789ab.part").write_bytes(b"id,na")


CSV_CORRUPTIONS: dict[str, tuple[Callable[[Window], object], str]] = {
    "a missing record": (
        lambda w: w.repack(0, lambda csv: csv.replace(b"10,\n", b"")),
        "expected 3 records, got 2",
    ),
    "an extra record": (
        lambda w: w.repack(0, lambda csv: csv + b"99,x\n"),
        "expected 3 records, got 4",
    ),
    "a record in place of another": (
        lambda w: w.repack(0, lambda csv: csv.replace(b"name 0", b"name 8")),
        "expected ",
    ),
    "cut inside a record": (
        lambda w: w.repack(0, lambda csv: csv[:-2]),
        "expected a whole record of 2 fields",
    ),
    "another header": (
        lambda w: w.repack(0, lambda csv: csv.replace(b"id,name", b"name,id")),
        r"expected the header b'id,name\n', got b'name,id\n'",
    ),
    "a wider header": (
        lambda w: w.repack(0, lambda csv: csv.replace(b"id,name", b"id,name,x")),
        "byte 0: expected a whole record of 2 fields, got b'id,name,x'",
    ),
    "a byte order mark": (
        lambda w: w.repack(0, lambda csv: b"\xef\xbb\xbf" + csv),
        r"got b'\xef\xbb\xbfid,name\n'",
    ),
    "bytes that are not UTF-8": (
        lambda w: w.repack(0, lambda csv: csv.replace("ä".encode(), b"\xe4\xe4")),
        r"byte 21: expected UTF-8, got b'20,\xe4\xe4\n'",
    ),
    "a bare CR": (
        lambda w: w.repack(0, lambda csv: csv.replace(b"name 0", b"name\r0")),
        r"byte 8: expected a whole record of 2 fields, got b'0,name\r0'",
    ),
    "line ends of Windows": (
        lambda w: w.repack(0, lambda csv: csv.replace(b"\n", b"\r\n")),
        r"byte 0: expected a whole record of 2 fields, got b'id,name\r'",
    ),
    "an empty file": (lambda w: w.file(0).write_bytes(b""), " bytes, got 0"),
    "a truncated file": (
        lambda w: w.file(0).write_bytes(w.file(0).read_bytes()[:-3]),
        " bytes, got ",
    ),
    "garbage at the end": (
        lambda w: w.file(0).write_bytes(w.file(0).read_bytes() + b"\xff\0"),
        " bytes, got ",
    ),
    "a flipped bit": (lambda w: flip(w.file(0), 9), ""),
}
"""What is done to the first shard's CSV, and a cause that is named."""

MANIFEST_CORRUPTIONS: dict[str, tuple[Callable[[Window], object], str, str]] = {
    "not JSON": (
        lambda w: w.proof(0).write_text('{"table": '),
        "is not a shard's manifest: no JSON object",
        RESUME,
    ),
    "empty": (lambda w: w.proof(0).write_text(""), "no JSON object", RESUME),
    "a list": (lambda w: w.proof(0).write_text("[]"), "no JSON object", RESUME),
    "not UTF-8": (lambda w: w.proof(0).write_bytes(b'{"\xff": 1}'), "no JSON object", RESUME),
    "brackets without end": (
        lambda w: w.proof(0).write_text("[" * 200_000),
        "no JSON object",
        RESUME,
    ),
    "lacking fields": (
        lambda w: w.proof(0).write_text('{"table": "orders"}'),
        "is not a shard's manifest: partition: Field required, as another version",
        RESUME,
    ),
    "text for a number": (
        lambda w: w.edit(w.proof(0), rows="many"),
        "rows: Input should be a valid integer",
        RESUME,
    ),
    "of another window": (
        lambda w: w.edit(w.proof(0), partition="2026-10-31"),
        f"for {KEY}, got that of {SHARDS[0]} for 2026-10-31",
        RESUME,
    ),
    "of another shard": (
        lambda w: w.proof(0).write_bytes(w.proof(1).read_bytes()),
        f"expected the manifest of {SHARDS[0]} for {KEY}, got that of {SHARDS[1]}",
        RESUME,
    ),
    "of another file": (
        lambda w: w.edit(w.proof(0), file=f"../{w.file(0).name}"),
        f"expected it to name {SHARDS[0]}.csv",
        RESUME,
    ),
    "of a trial": (lambda w: w.edit(w.proof(0), sample=3), "of a trial of at most 3 rows", RESUME),
    "missing": (
        lambda w: w.proof(0).unlink(),
        "whole but unproven, its manifest is missing",
        RESUME,
    ),
    "that cannot be read": (lambda w: loop(w.proof(0)), "symbolic links", LOOK),
}
"""What is done to the first shard's manifest, a cause that is named, and the next step."""

NUMBERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "rows": ({"rows": 4}, "expected 4 records, got 3", ANEW),
    "bytes": ({"bytes": 4}, "expected 4 bytes, got ", RESUME),
    "sha256": ({"sha256": "00" * 32}, f"expected SHA-256 {'00' * 32}, got ", ANEW),
    "source_rows": ({"source_rows": 4}, "the server counted 4 rows, not 3", ANEW),
}
"""Facts of a manifest that are edited: what is said of its CSV."""

FOLDER_CORRUPTIONS: dict[str, tuple[Callable[[Window], object], str, str]] = {
    "a missing CSV": (
        lambda w: w.file(0).unlink(),
        "orders_00.csv",
        f": missing, though its manifest is there{RESUME}",
    ),
    "a missing shard": (
        missing_shard,
        "orders_00.json",
        f": missing, and so is its CSV{RESUME}",
    ),
    "a CSV that cannot be read": (
        lambda w: loop(w.file(0)),
        "orders_00.csv",
        f": Too many levels of symbolic links{LOOK}",
    ),
    "an extra shard's CSV": (
        extra_shard,
        "orders_99.csv",
        EXTRA,
    ),
    "an extra shard's manifest": (
        extra_shard,
        "orders_99.json",
        EXTRA,
    ),
    "a foreign file": (
        lambda w: (w.path / "notes\nof \u2028 today.txt").write_text("x"),
        r"notes\nof \u2028 today.txt",
        ": belongs to no shard of the configuration; move it to another folder or remove it",
    ),
    "a temporary file of a dead writer": (
        dead_writer,
        ".part",
        ": left by a writer that is gone; remove it",
    ),
    "no table manifest": (
        lambda w: w.table.unlink(),
        TABLE_MANIFEST,
        f": missing, so the window is not complete{RESUME}",
    ),
    "a broken table manifest": (
        lambda w: w.table.write_text('{"table": '),
        TABLE_MANIFEST,
        f": is not a logical table's manifest, so the window is not complete{RESUME}",
    ),
    "a table manifest that cannot be read": (
        lambda w: loop(w.table),
        TABLE_MANIFEST,
        f": Too many levels of symbolic links{LOOK}",
    ),
    "edited sums": (
        lambda w: w.edit(w.table, rows=10),
        TABLE_MANIFEST,
        f": stale, its sums are not those of its shards{RESUME}",
    ),
    "a table manifest of fewer shards": (
        lambda w: w.edit(w.table, shards=json.loads(w.table.read_text())["shards"][:2]),
        TABLE_MANIFEST,
        f": stale, its shards are not those of the configuration{RESUME}",
    ),
    "a table manifest of another day's shard": (
        lambda w: w.edit(w.proof(0), run_id="another"),
        TABLE_MANIFEST,
        f": stale, {manifest_name(SHARDS[0])} says something else of its shard{ANEW}",
    ),
    "an unproven shard": (
        lambda w: w.proof(1).unlink(),
        TABLE_MANIFEST,
        f": stale, {manifest_name(SHARDS[1])} proves nothing{RESUME}",
    ),
}
"""What is done to the folder: the end of the file's name, and what is said of it."""
