"""What goes into a file is counted, hashed and compressed as it passes."""

import hashlib
import threading
from pathlib import Path

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import StoreError
from etl_assets.extract.block import Block
from etl_assets.store.compression import Compression, decompressed
from etl_assets.store.local import LocalFolder
from etl_assets.store.writer import Written, write_records

BLOCKS = [Block(b"1,a\n2,b\n", 2), Block(b"3,c\n", 1)]
every = pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])


def write(
    folder: LocalFolder, csv_format: CsvFormat, blocks: list[Block]
) -> tuple[Written, list[tuple[int, int]]]:
    """Write and commit t.csv; also what was said on the way."""
    said: list[tuple[int, int]] = []
    with folder.stage("t.csv") as staged:
        written = write_records(
            staged, csv_format, ["id", "name"], blocks, lambda rows, size: said.append((rows, size))
        )
        staged.commit()
    return written, said


@every
def test_rows_bytes_and_hash_are_of_the_stored_file(
    tmp_path: Path, compression: Compression
) -> None:
    written, _ = write(LocalFolder(tmp_path), CsvFormat(compression=compression), BLOCKS)
    stored = (tmp_path / "t.csv").read_bytes()
    assert written == Written(
        first=bytes(BLOCKS[0].data),
        rows=3,
        bytes=len(stored),
        sha256=hashlib.sha256(stored).hexdigest(),
    )
    assert b"".join(decompressed([stored], compression)) == b"id,name\n1,a\n2,b\n3,c\n"


@every
def test_the_file_of_an_empty_table_has_its_header(
    tmp_path: Path, compression: Compression
) -> None:
    folder = LocalFolder(tmp_path)
    written, _ = write(folder, CsvFormat(compression=compression), [])
    assert b"".join(decompressed(folder.blocks("t.csv"), compression)) == b"id,name\n"
    assert (written.rows, written.first) == (0, b"")


def test_without_a_header_the_file_of_an_empty_table_is_empty(tmp_path: Path) -> None:
    written, said = write(LocalFolder(tmp_path), CsvFormat(header=False), [])
    assert (tmp_path / "t.csv").read_bytes() == b""
    assert (written.rows, written.bytes, said) == (0, 0, [])
    assert written.sha256 == hashlib.sha256(b"").hexdigest()


def test_without_a_header_the_records_stand_alone(tmp_path: Path) -> None:
    write(LocalFolder(tmp_path), CsvFormat(header=False), BLOCKS)
    assert (tmp_path / "t.csv").read_bytes() == b"1,a\n2,b\n3,c\n"


def test_progress_is_told_with_each_block_the_bytes_without_the_block_itself(
    tmp_path: Path,
) -> None:
    _, said = write(LocalFolder(tmp_path), CsvFormat(), BLOCKS)
    assert said == [(2, len("id,name\n")), (3, len("id,name\n1,a\n2,b\n"))]


@pytest.mark.parametrize(
    ("record", "kept"),
    [
        (b"1,a\n", 1 << 14),
        (b'1,"a\n""\n"\n', (1 << 16) // 10),
        (b'1,"' + b"\n" * (1 << 15) + b'"\n', 1),
        (b"1," + b"a" * (1 << 17) + b"\n", 2),
    ],
)
def test_of_a_large_block_some_whole_records_are_kept_for_a_preview(
    tmp_path: Path, record: bytes, kept: int
) -> None:
    rows = max(2, (1 << 18) // len(record))
    block = Block(bytearray(record * rows), rows)
    assert write(LocalFolder(tmp_path), CsvFormat(), [block])[0].first == record * kept


def test_a_file_of_one_block_needs_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []
    start = threading.Thread.start

    def counted(thread: threading.Thread) -> None:
        threads.append(thread.name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", counted)
    write(LocalFolder(tmp_path), CsvFormat(), BLOCKS[:1])
    assert threads == []
    write(LocalFolder(tmp_path), CsvFormat(), BLOCKS * 3)
    assert threads == ["store_0"]


def test_nothing_is_committed_by_writing(tmp_path: Path) -> None:
    folder = LocalFolder(tmp_path)
    with folder.stage("t.csv") as staged:
        write_records(staged, CsvFormat(), ["id"], BLOCKS, lambda rows, size: None)
    assert folder.names() == []


def test_a_disk_that_is_full_ends_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(data: bytes) -> None:
        raise StoreError("t.csv: No space left on device")

    with LocalFolder(tmp_path).stage("t.csv") as staged:
        monkeypatch.setattr(staged, "write", full)
        with pytest.raises(StoreError, match="No space left"):
            write_records(staged, CsvFormat(), ["id"], BLOCKS, lambda rows, size: None)
    assert list(tmp_path.iterdir()) == []
