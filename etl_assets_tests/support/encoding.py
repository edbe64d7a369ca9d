"""Either encoder, and any table and conventions for it."""

from collections.abc import Sequence

import pytest
from hypothesis import strategies as st

from etl_assets import kernels
from etl_assets.csv_format import CsvFormat
from etl_assets.extract.encoders import Encoder, Encoding, encoder_name, new_encoder
from etl_assets_tests.support.packets_of import Row

TOKENS = ["", "NULL", "\\N", "-", "汉", "0"]
DELIMITERS = [",", "\t", ";", "|", "5", "A", " ", "=", "-"]
CORNERS = [
    *"=+-@＝＋－＠",
    "=1+1",
    "-汉",
    "",
    '"',
    '""',
    ",",
    "\r",
    "\n",
    "\0",
    "a",
    "0",
    "汉",
    "\U0010ffff",
    "\x7f",
    *TOKENS,
]

LONG = st.builds(
    lambda char, size: char * size,
    st.sampled_from('a"\n汉'),
    st.integers(80, 90) | st.integers(245, 260),
)
TEXT = (st.sampled_from(CORNERS) | st.text(max_size=12) | LONG).map(str.encode)
RAW = st.binary(max_size=20) | st.integers(245, 260).map(bytes)


@st.composite
def formats(draw: st.DrawFn) -> CsvFormat:
    """Any conventions that are allowed."""
    delimiter = draw(st.sampled_from(DELIMITERS))
    return CsvFormat(
        null=draw(st.sampled_from([token for token in TOKENS if delimiter not in token])),
        delimiter=delimiter,
        quoting=draw(st.sampled_from(["minimal", "all"])),
        binary=draw(st.sampled_from(["hex", "base64"])),
        spreadsheet_safe=draw(st.booleans()),
    )


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[bool], list[Row]]:
    """Which columns are binary, and rows of them."""
    binary = draw(st.lists(st.booleans(), min_size=1, max_size=6))
    row = st.tuples(*[st.none() | (RAW if raw else TEXT) for raw in binary])
    return binary, draw(st.lists(row, max_size=12))


def encoder_by(
    way: str,
    binary: Sequence[bool],
    csv_format: CsvFormat | None = None,
    *,
    sequence: int = 0,
    block_bytes: int = 1 << 20,
) -> Encoder:
    """One of the two encoders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kernels.SWITCH, "on" if way == "kernel" else "off")
        assert encoder_name() == way
        encoding = Encoding(
            binary, free_texts(binary), csv_format or CsvFormat(), sequence, block_bytes
        )
        return new_encoder(encoding)


def free_texts(binary: Sequence[bool]) -> list[bool]:
    """Every second column may hold formulas."""
    return [place % 2 == 0 for place in range(len(binary))]
