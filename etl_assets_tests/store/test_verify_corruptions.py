"""Charter: whatever happens to a window's files, `verify` names file, cause and what fixes it.

A table of corruptions, each done to a window of every compression. What a finding advises is done
as well, and then nothing is found.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CsvError, EtlAssetsError
from etl_assets.store.compression import Compression
from etl_assets.store.manifest import ShardManifest
from etl_assets.store.reader import read_export
from etl_assets_tests.support.corruptions import (
    ANEW,
    CSV_CORRUPTIONS,
    FOLDER_CORRUPTIONS,
    MANIFEST_CORRUPTIONS,
    NUMBERS,
    RESUME,
    Window,
    flip,
    swap,
)
from etl_assets_tests.support.exported import KEY, SHARDS

compressions = pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])


@pytest.fixture
def window(tmp_path: Path) -> Callable[[Compression], Window]:
    """Makes a complete window of a compression."""

    def made(compression: Compression) -> Window:
        window = Window(tmp_path / KEY, CsvFormat(compression=compression))
        window.export(*SHARDS)
        assert window.findings() == []
        return window

    return made


def fixed(window: Window, findings: list[str]) -> bool:
    """Whether following the findings' advice leaves nothing to find."""
    window.follow([ascii_path(line) for line in findings])
    return window.findings() == []


def ascii_path(line: str) -> str:
    """A finding with its file's name as it is, not as it is printed."""
    return line.replace(r"notes\nof \u2028", "notes\nof \u2028")


@compressions
@pytest.mark.parametrize("name", CSV_CORRUPTIONS)
def test_a_corrupt_csv_is_found_and_the_advice_mends_it(
    window: Callable[[Compression], Window], name: str, compression: Compression
) -> None:
    made = window(compression)
    corrupt, cause = CSV_CORRUPTIONS[name]
    corrupt(made)
    (finding,) = made.findings()
    assert finding.startswith(f"{made.file(0)}: ")
    assert cause in finding
    # --resume keeps a file of the right size.
    proof = ShardManifest.read(made.folder, made.proof(0).name)
    assert proof is not None
    same_size = made.file(0).stat().st_size == proof.bytes
    assert finding.endswith(ANEW if same_size else RESUME)
    with pytest.raises(CsvError, match="run `etl-assets verify`"):
        read_export(made.path)
    assert fixed(made, [finding])


@compressions
@pytest.mark.parametrize("name", MANIFEST_CORRUPTIONS)
def test_a_corrupt_manifest_is_found_and_the_advice_mends_it(
    window: Callable[[Compression], Window], name: str, compression: Compression
) -> None:
    made = window(compression)
    corrupt, cause, advice = MANIFEST_CORRUPTIONS[name]
    corrupt(made)
    first, table = made.findings()
    assert first.startswith(str(made.path / SHARDS[0].file_stem))
    assert cause in first
    assert first.endswith(advice)
    assert table.startswith(f"{made.table}: stale, {made.proof(0).name} proves nothing")
    with pytest.raises(EtlAssetsError):
        read_export(made.path)
    assert fixed(made, [first, table])


@compressions
@pytest.mark.parametrize("name", NUMBERS)
def test_an_edited_number_is_found_and_the_advice_mends_it(
    window: Callable[[Compression], Window], name: str, compression: Compression
) -> None:
    made = window(compression)
    facts, cause, advice = NUMBERS[name]
    made.edit(made.proof(0), **facts)
    csv, table = made.findings()
    assert csv.startswith(f"{made.file(0)}: {cause}")
    assert csv.endswith(advice)
    assert table.endswith(f"{made.proof(0).name} says something else of its shard{ANEW}")
    with pytest.raises(CsvError, match="run `etl-assets verify`"):
        read_export(made.file(0))
    assert fixed(made, [csv, table])


@compressions
@pytest.mark.parametrize("name", FOLDER_CORRUPTIONS)
def test_a_corrupt_folder_is_found_and_the_advice_mends_it(
    window: Callable[[Compression], Window], name: str, compression: Compression
) -> None:
    made = window(compression)
    corrupt, ending, said = FOLDER_CORRUPTIONS[name]
    corrupt(made)
    found = made.findings()
    assert any(
        ending in line.split(": ")[0].removeprefix(str(made.path)) and line.endswith(said)
        for line in found
    ), found
    assert fixed(made, found)


@compressions
def test_exchanged_files_are_each_called_by_their_names(
    window: Callable[[Compression], Window], compression: Compression
) -> None:
    made = window(compression)
    swap(made.file(0), made.file(1))
    found = made.findings()
    assert [line.rsplit("; ", 1)[0] for line in found] == [
        f"{made.file(one)}: holds what the manifest of {made.file(other).name} says, "
        "not what its own does"
        for one, other in ((0, 1), (1, 0))
    ]
    assert fixed(made, found)


@compressions
def test_exchanged_manifests_are_each_called_by_their_names(
    window: Callable[[Compression], Window], compression: Compression
) -> None:
    made = window(compression)
    swap(made.proof(0), made.proof(1))
    first, second, table = made.findings()
    assert first == (
        f"{made.proof(0)}: expected the manifest of {SHARDS[0]} for {KEY}, "
        f"got that of {SHARDS[1]} for {KEY}{RESUME}"
    )
    assert second.startswith(f"{made.proof(1)}: expected the manifest of {SHARDS[1]}")
    assert table.startswith(f"{made.table}: stale")
    assert fixed(made, [first, second, table])


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize(
    ("corrupt", "cause"),
    [
        (lambda stored: stored[:-3], "stream ends early"),
        (lambda stored: stored + b"more", "more bytes after the end of the "),
        (lambda stored: b"id,name\n0,a\n", "stream is damaged: "),
    ],
)
def test_what_is_wrong_with_a_compressed_stream_is_said(
    window: Callable[[Compression], Window],
    compression: Compression,
    corrupt: Callable[[bytes], bytes],
    cause: str,
) -> None:
    made = window(compression)
    path = made.file(2)
    path.write_bytes(corrupt(path.read_bytes()))
    (finding,) = made.findings()
    assert cause in finding
    assert compression in finding.split(": ", 1)[1]
    assert finding.endswith(RESUME)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_compressed_stream_that_is_there_twice_has_too_many_records(
    window: Callable[[Compression], Window], compression: Compression
) -> None:
    made = window(compression)
    path = made.file(2)
    path.write_bytes(path.read_bytes() * 2)
    (finding,) = made.findings()
    assert "expected 3 records, got 7" in finding
    assert finding.endswith(RESUME)


@pytest.fixture(scope="module", params=["none", "gzip", "zstd"])
def flipped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Window:
    """A window of which single bits are flipped."""
    path = tmp_path_factory.mktemp("flipped") / KEY
    made = Window(path, CsvFormat(compression=request.param))
    made.export(*SHARDS)
    return made


@given(data=st.data())
def test_any_flipped_bit_of_a_csv_is_found_and_refused(
    flipped: Window, data: st.DataObject
) -> None:
    path = flipped.file(1)
    right = path.read_bytes()
    position = data.draw(st.integers(0, len(right) - 1))
    try:
        flip(path, position, data.draw(st.integers(0, 7)))
        (finding,) = flipped.findings()
        assert finding.startswith(f"{path}: ")
        assert finding.endswith(ANEW)
        with pytest.raises(CsvError):
            read_export(flipped.path)
    finally:
        path.write_bytes(right)
