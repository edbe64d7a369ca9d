"""The CSV conventions: what is written, and that it is read back."""

import csv
import io
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.csv_format import CsvFormat, RecordReader, Value
from etl_assets.errors import CsvError

formats = st.builds(
    CsvFormat,
    null=st.sampled_from(["", "NULL", "\\N", "∅", " "]),
    delimiter=st.sampled_from([",", "\t", ";", "|", "\x01", "'"]),
    quoting=st.sampled_from(["minimal", "all"]),
    binary=st.sampled_from(["hex", "base64"]),
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
awkward = st.sampled_from(["", "NULL", "\\N", '"', '""', ",", "\r\n", "\n", "a\rb", "\0", " ", "∅"])
values = st.one_of(st.none(), awkward, texts)


def cut(data: bytes, size: int) -> list[bytes]:
    """Data in blocks of a size."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.data(), formats, st.integers(1, 4), st.integers(1, 50))
def test_what_is_written_is_read_back(
    data: st.DataObject, csv_format: CsvFormat, width: int, size: int
) -> None:
    record = st.lists(values, min_size=width, max_size=width)
    records = data.draw(st.lists(record, max_size=5))
    written = "".join(map(csv_format.record, records)).encode()
    reader = RecordReader(csv_format, width)
    assert list(reader.records(cut(written, size))) == records


@given(st.lists(st.lists(st.one_of(awkward, texts), min_size=2, max_size=2), max_size=5))
def test_another_reader_finds_the_same_values(records: list[list[Value]]) -> None:
    written = "".join(map(CsvFormat().record, records))
    assert list(csv.reader(io.StringIO(written, newline=""), strict=True)) == records


@given(formats, texts)
def test_null_is_never_a_value(csv_format: CsvFormat, text: str) -> None:
    assert csv_format.field(text) != csv_format.field(None)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, ""),
        ("", '""'),
        ("plain text", "plain text"),
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ("a\nb", '"a\nb"'),
        ("a\rb", '"a\rb"'),
        ("back\\slash\tand\0", "back\\slash\tand\0"),
        ("NULL", "NULL"),
        (b"\x00\xff", "00FF"),
        (b"", '""'),
        (7, "7"),
        (0.1, "0.1"),
    ],
)
def test_a_field_is_quoted_only_where_it_has_to_be(value: Value, field: str) -> None:
    assert CsvFormat().field(value) == field


def test_a_value_equal_to_the_null_token_is_quoted() -> None:
    csv_format = CsvFormat(null="NULL", delimiter=";")
    assert csv_format.record(["NULL", None, "a,b", "a;b"]) == '"NULL";NULL;a,b;"a;b"\n'


def test_quoting_all_quotes_every_value_but_null() -> None:
    assert CsvFormat(quoting="all").record(["a", None, "", 1]) == '"a",,"","1"\n'


def test_base64_has_no_line_breaks() -> None:
    field = CsvFormat(binary="base64").field(bytes(range(256)))
    assert "\n" not in field
    assert field.startswith("AAECAwQF")


def test_the_header_is_quoted_by_the_same_rule() -> None:
    assert CsvFormat().head(["id", 'a "b"', "c,d", ""]) == b'id,"a ""b""","c,d",""\n'
    assert CsvFormat(header=False).head(["id"]) == b""


SAFE = CsvFormat(spreadsheet_safe=True)


@pytest.mark.parametrize(
    "text", ["=1", "+1", "-1", "@a", "\t=1", "\r", "\n", "＝1", "＋", "－", "＠"]
)
def test_a_text_that_looks_like_a_formula_gets_an_apostrophe_where_it_is_asked_for(
    text: str,
) -> None:
    assert SAFE.neutral(text) == "'" + text
    assert CsvFormat().neutral(text) == text


@pytest.mark.parametrize("text", ["", "a=1", "1-1", "'", " =1"])
def test_any_other_text_stays(text: str) -> None:
    assert SAFE.neutral(text) == text


def test_a_file_for_spreadsheets_begins_with_a_mark_and_its_header_is_neutral() -> None:
    assert SAFE.head(["id", "=1"]) == b"\xef\xbb\xbfid,'=1\n"
    assert CsvFormat(header=False, spreadsheet_safe=True).head(["id"]) == b"\xef\xbb\xbf"


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_the_mark_is_taken_off_before_the_records_are_read(size: int) -> None:
    file = SAFE.head(["a"]) + b"b\n"
    assert b"".join(SAFE.without_mark(cut(file, size))) == b"a\nb\n"
    assert b"".join(CsvFormat().without_mark(cut(file, size))) == file


@pytest.mark.parametrize("data", [b"", b"\xef\xbb", b"a\n", b"\xef\xbba\n"])
def test_a_mark_that_is_missing_is_told(data: bytes) -> None:
    with pytest.raises(CsvError, match="byte 0: expected a byte order mark"):
        list(SAFE.without_mark(cut(data, 1)))


@pytest.mark.parametrize("null", ['"', "a,b", "a\nb", "\r"])
def test_a_null_token_that_could_not_be_read_back_is_refused(null: str) -> None:
    with pytest.raises(ValueError, match="expected a null token"):
        CsvFormat(null=null)


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r", "é", "\0"])
def test_a_delimiter_is_one_ascii_character(delimiter: str) -> None:
    with pytest.raises(ValueError, match="expected one ASCII character"):
        CsvFormat(delimiter=delimiter)


@pytest.mark.parametrize(
    "data",
    [
        b"a\n",
        b"a,b,c\n",
        b"a,b",
        b'a,"b\n',
        b'a,b"c\n',
        b'a,"b"c\n',
        b'a,"b" \n',
        b"a,b\r\n",
        b"a\rb,c\n",
        b"\n",
        b"a,b\n\n",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_the_conventions_do_not_allow_is_refused(data: bytes, size: int) -> None:
    with pytest.raises(CsvError, match=r"byte \d+: expected a whole record of 2 fields"):
        list(RecordReader(CsvFormat(), 2).records(cut(data, size)))


@pytest.mark.parametrize("data", [b"a,\xff", b'a,"\xc3"', b"\xed\xa0\x80,a", b"a,\xc0\x80"])
def test_bytes_that_are_not_utf_8_are_refused(data: bytes) -> None:
    blocks = [b"a,b\n", data + b"\n"]
    with pytest.raises(CsvError, match=r"^byte 4: expected UTF-8, got b'"):
        list(RecordReader(CsvFormat(), 2).raw_records(blocks))


@pytest.mark.parametrize(
    ("csv_format", "data"),
    [
        (CsvFormat(null="NULL"), b",a\n"),
        (CsvFormat(null="NULL"), b"a,\n"),
        (CsvFormat(null="NULL"), b"\n"),
        (CsvFormat(quoting="all"), b'"a",b\n'),
        (CsvFormat(quoting="all", null="NULL"), b'"a",NULLS\n'),
        (CsvFormat(quoting="all", null="NULL"), b'"a",\n'),
        (CsvFormat(delimiter=";"), b"a,b\n"),
        (CsvFormat(delimiter="|"), b"a\n"),
    ],
)
def test_a_field_that_this_choice_of_conventions_never_writes_is_refused(
    csv_format: CsvFormat, data: bytes
) -> None:
    with pytest.raises(CsvError, match=r"^byte 0: expected a whole record of 2 fields"):
        list(RecordReader(csv_format, 2).records([data]))


def test_what_is_quoted_without_need_is_read_all_the_same() -> None:
    assert list(RecordReader(CsvFormat(), 2).records([b'"a","1"\n'])) == [["a", "1"]]


def test_the_offset_of_a_fault_is_named() -> None:
    with pytest.raises(CsvError, match=r"^byte 8: .* got b'e'$"):
        list(RecordReader(CsvFormat(), 2).records([b"a,b\nc", b",d\ne\n"]))


QUOTES = b'"' + b'""' * 2_000_000 + b'"\n'


@pytest.mark.parametrize(
    ("data", "size", "count"),
    [
        (QUOTES, 4096, 1),
        (QUOTES, 64, 1),
        (QUOTES + b"a\n" * 200_000, 1 << 16, 200_001),
        (b"a\n" * 300_000, 1 << 20, 300_000),
        (b'"a"\n' * 50_000, 1, 50_000),
    ],
    ids=["all quotes", "in small blocks", "and then short records", "short", "byte by byte"],
)
def test_reading_takes_linear_time(data: bytes, size: int, count: int) -> None:
    began = time.process_time()
    found = list(RecordReader(CsvFormat(), 1).raw_records(cut(data, size)))
    # Quadratic work would take minutes.
    assert time.process_time() - began < 10
    assert len(found) == count
    assert b"".join(found) == data


def test_hopeless_data_is_refused_at_its_first_line() -> None:
    def blocks() -> Iterator[bytes]:
        yield b"no second field\n"
        pytest.fail("read on after a line that nothing can fix")

    with pytest.raises(CsvError, match=r"^byte 0: .* got b'no second field'$"):
        list(RecordReader(CsvFormat(), 2).records(blocks()))


def test_a_null_in_a_file_of_one_column_is_an_empty_line() -> None:
    assert list(RecordReader(CsvFormat(), 1).records([b'\n""\na\n'])) == [[None], [""], ["a"]]
