"""The kernel on bytes that no server should send: it refuses what numpy refuses."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.err import MySQLError

from etl_assets.csv_format import CsvFormat
from etl_assets.extract.broken_stream import NotUtf8Error
from etl_assets.extract.kernel import PacketEncoder
from etl_assets_tests.support.encoding import encoder_by, formats, tables
from etl_assets_tests.support.packets_of import MAX_PAYLOAD, Row, packets_of, result_of, row_payload


@st.composite
def mutations(draw: st.DrawFn) -> list[tuple[int, int, bytes]]:
    """Pieces to cut out of a stream at a place, and what to put there."""
    return draw(
        st.lists(
            st.tuples(
                st.integers(0, 400),
                st.integers(0, 5),
                st.binary(max_size=3) | st.sampled_from([b"\xfb", b"\xfc", b"\xfe", b"\xff" * 8]),
            ),
            min_size=1,
            max_size=3,
        )
    )


def outcome(
    way: str, stream: bytes, binary: list[bool], csv_format: CsvFormat, size: int
) -> object:
    """The CSV and the last packet, or that the stream is refused."""
    source = io.BytesIO(stream)
    encoder = encoder_by(way, binary, csv_format, block_bytes=60)
    try:
        blocks = list(encoder.blocks(lambda target: source.readinto(target[:size])))
    except (NotUtf8Error, MySQLError):
        return "refused"
    return b"".join(block.data for block in blocks), encoder.last


@given(table=tables(), csv_format=formats(), mutations=mutations(), size=st.integers(1, 90))
def test_a_damaged_stream_has_the_same_end_in_both_encoders(
    table: tuple[list[bool], list[Row]],
    csv_format: CsvFormat,
    mutations: list[tuple[int, int, bytes]],
    size: int,
) -> None:
    binary, rows = table
    stream = bytearray(result_of(rows))
    for place, cut, instead in mutations:
        stream[place : place + cut] = instead

    # Byte by byte, numpy sees nothing of what comes after the end.
    plain = outcome("numpy", bytes(stream), binary, csv_format, 1)

    assert outcome("kernel", bytes(stream), binary, csv_format, size) == plain


def new_kernel(width: int = 1, block_bytes: int = 100) -> PacketEncoder:
    """For texts."""
    no = [False] * width
    return PacketEncoder(no, CsvFormat(), free_text=no, sequence=0, block_bytes=block_bytes)


def test_a_length_that_is_only_claimed_takes_no_memory() -> None:
    encoder = new_kernel()
    claimed = (MAX_PAYLOAD - 1).to_bytes(3, "little") + b"\0" + b"\xfe" + b"\xff" * 7 + b"\x7f"
    room = encoder.room()
    room[: len(claimed)] = claimed

    assert not encoder.take(len(claimed))
    assert len(encoder.room()) <= 100


def test_the_buffer_is_small_again_after_a_long_row() -> None:
    encoder = new_kernel()
    for row in (b"a" * 5_000, b"b"):
        left = memoryview(packets_of([row_payload((row,))], first=row == b"b"))
        while left:
            room = encoder.room()
            taken, left = left[: len(room)], left[len(room) :]
            room[: len(taken)] = taken
            is_ready = encoder.take(len(taken))
    assert len(encoder.room()) == 100
    assert not is_ready
    assert encoder.block() == (bytearray(b"a" * 5_000 + b"\nb\n"), 2)


def test_more_than_there_was_room_for_is_refused() -> None:
    encoder = new_kernel()
    room = encoder.room()

    with pytest.raises(ValueError, match="expected at most 100 bytes, got 101"):
        encoder.take(len(room) + 1)
    with pytest.raises(ValueError, match="got -1"):
        encoder.take(-1)


def test_a_result_without_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one column"):
        new_kernel(width=0)
