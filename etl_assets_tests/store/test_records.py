"""Charter: whatever counts records finds those of `RecordReader`, or its very fault."""

import tracemalloc
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat, RecordReader, Value
from etl_assets.errors import CsvError
from etl_assets.kernels import SWITCH
from etl_assets.store import records
from etl_assets.store.records import records_of

formats = st.builds(
    CsvFormat,
    null=st.sampled_from(["", "NULL", "\\N", "∅", " "]),
    delimiter=st.sampled_from([",", "\t", ";", "|", "\x01", "'", "a"]),
    quoting=st.sampled_from(["minimal", "all"]),
)
texts = st.one_of(
    st.none(),
    st.sampled_from(["", "NULL", '"', '""', ",", "\r\n", "\n", "a\rb", "\0", "∅", "é", "😀", "ࠀ퟿"]),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(70, 300).map("n".__mul__),
)
NOT_UTF_8 = [b"\xff", b"\xc3", b"\xe2\x88", b"\xbf", b"\xc1\x81", b"\xe0\x80\x80", b"\xed\xa0\x80",
    b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80"]  # fmt: skip
odd_bytes = st.sampled_from([b'"', b"\n", b"\r", b",", b"N", *NOT_UTF_8])


@st.composite
def files(draw: st.DrawFn) -> tuple[CsvFormat, int, bytes]:
    """Conventions, a width and a file: a good one, or one with something changed in it."""
    csv_format, width = draw(formats), draw(st.integers(1, 3))
    if csv_format.delimiter in csv_format.null:
        csv_format = CsvFormat()
    rows: list[list[Value]] = draw(st.lists(st.lists(texts, min_size=width, max_size=width)))
    data = "".join(map(csv_format.record, rows)).encode()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["insert", "flip", "delete", "cut"]))
        put_in = draw(odd_bytes) if how in ("insert", "flip") else b""
        rest = {"insert": at, "flip": at + 1, "delete": at + 1, "cut": len(data)}[how]
        data = data[:at] + put_in + data[rest:]
    return csv_format, width, data


def counted(csv_format: CsvFormat, width: int, blocks: Iterable[bytes]) -> tuple[int, str, int]:
    """How many records there are, what is wrong, and how many bytes of whole ones were given."""
    found = records_of(csv_format, width, 9)
    whole = position = 0
    wrong = ""
    try:
        for block, end in found.blocks(blocks):
            whole = position + end if end else whole
            position += len(block)
    except CsvError as error:
        wrong = str(error)
    return found.count, wrong, whole


@given(files(), st.lists(st.integers(1, 40), min_size=1))
@example((CsvFormat(), 1, b"\xe2\x88" + b"\n"), [1])
@example((CsvFormat(), 2, b'"' + b"n" * 200), [300])
def test_every_file_in_any_blocks_has_the_records_or_the_fault_that_the_reader_finds(
    file: tuple[CsvFormat, int, bytes], sizes: list[int]
) -> None:
    csv_format, width, data = file
    raws, wrong = [], ""
    try:
        for raw in RecordReader(csv_format, width).raw_records([data]):
            raws.append(raw)  # noqa: PERF402
    except CsvError as error:
        wrong = str(error)
    cuts = [0]
    while cuts[-1] < len(data):
        cuts.append(cuts[-1] + sizes[len(cuts) % len(sizes)])
    blocks = [data[start:end] for start, end in pairwise(cuts)]
    assert counted(csv_format, width, blocks) == (len(raws), wrong, len(b"".join(raws)))


@pytest.mark.parametrize("first_bytes", [3, 100])
@pytest.mark.parametrize("size", [1, 4, 100])
def test_the_first_record_is_kept_as_far_as_it_is_asked_for(first_bytes: int, size: int) -> None:
    data = b'"a\nb",c\nd,e\n'
    found = records_of(CsvFormat(), 2, first_bytes)
    list(found.blocks(data[at : at + size] for at in range(0, len(data), size)))
    assert found.first == b'"a\nb",c\n'[:first_bytes]


def test_a_fault_is_told_before_the_rest_is_read() -> None:
    def blocks() -> Iterator[bytes]:
        yield b'a,b"' + b"c" * 80
        pytest.fail("read on after what nothing can mend")

    if isinstance(records_of(CsvFormat(), 2, 0), records._Scanned):
        assert counted(CsvFormat(), 2, blocks())[1].startswith("byte 0: expected a whole record")


def test_a_record_of_any_length_takes_no_more_memory() -> None:
    if not isinstance(records_of(CsvFormat(), 1, 9), records._Scanned):
        return
    blocks = [b'"', *[b'""n' * 20_000] * 1_000, b'"\n']
    tracemalloc.start()
    found = counted(CsvFormat(), 1, blocks)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == (1, "", 60_000_003)
    assert peak < 100_000


def test_the_kernel_is_used_where_it_is_there_and_not_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    is_there = records.SCANNER is not None
    assert isinstance(records_of(CsvFormat(), 1, 0), records._Scanned) == is_there
    monkeypatch.setenv(SWITCH, "off")
    assert isinstance(records_of(CsvFormat(), 1, 0), records._Matched)
    assert counted(CsvFormat(), 1, [b"a\n", b"b\n\xff\n"]) == (
        2, "byte 4: expected UTF-8, got b'\\xff\\n'", 4
    )  # fmt: skip
