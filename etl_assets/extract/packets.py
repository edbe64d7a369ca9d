"""MySQL packets to blocks of rows: the framing of the protocol, and nothing of the rows' inside.

From MySQL's manual, "MySQL Packets": a packet is a payload after four bytes, three for its
length (little-endian) and one for its sequence number, which rises by one and wraps at 256. A
payload of 2**24 - 1 bytes goes on in the next packet.

From "Text Resultset": after the column definitions each row is one payload, until an EOF payload
(0xFE, shorter than nine bytes) or an ERR payload (0xFF). A row begins with 0xFE too when its
first value is longer than 16 MiB; it is never so short.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from etl_assets.extract.broken_stream import wrong_number

Bytes: TypeAlias = NDArray[np.uint8]
Positions: TypeAlias = NDArray[np.intp]

HEADER = 4
"""Bytes in front of a payload."""
_LENGTH_MASK = CONTINUED = 0xFFFFFF
"""The three bytes of the length; a payload of this length goes on in the next packet."""
_SEQUENCE = 3
"""Where the sequence number stands in the header."""
EOF, ERR = 0xFE, 0xFF
_EOF_LONGEST = 8

_header = Struct("<I").unpack_from


@dataclass(frozen=True)
class RowPackets:
    """Whole rows, one after the other, each a header and a payload.

    Attributes:
        data: uint8[n + 1], the packets and one spare byte; the receiver may write into it.
        starts: intp[rows + 1], where each packet begins, and at last n.
    """

    data: Bytes
    starts: Positions


class PacketReader:
    """The row packets of one result, read from a stream in large blocks.

    Arguments:
        read_into: fills a buffer from its front with what there is, at least one byte, and gives
            how many; it raises where the stream has ended.
        sequence: the sequence number that the first packet must have.
        block_bytes: at most so much is held at once; a row that is longer is read alone.
    """

    def __init__(
        self, read_into: Callable[[memoryview], int], sequence: int, block_bytes: int
    ) -> None:
        self._read_into = read_into
        self._sequence = sequence
        self._buffer = memoryview(bytearray(max(block_bytes, HEADER)))
        self._filled = 0
        self._whole = 0
        """The buffer's first bytes, filled with whole packets."""
        self._ends: list[Positions] = []
        """Where those end."""
        self.last = b""
        """The payload after the rows, EOF or ERR; empty until it was read."""

    def __iter__(self) -> Iterator[RowPackets]:
        """All rows, in blocks as large as the buffer.

        Raises:
            pymysql.err.OperationalError: the connection is lost.
            pymysql.err.InternalError: the packets are out of order.
        """
        while not self.last:
            newest = self._find_packets()
            if not _is_final(newest) and self._has_room():
                self._filled += self._read_into(self._buffer[self._filled :])
                continue
            rows = self._take() if self._whole else self._take_long_row()
            if len(rows.starts) > 1:
                yield rows

    def _find_packets(self) -> memoryview:
        """Note which further packets in the buffer are whole; gives the newest one's payload.

        When that ends the rows, nothing follows that could be waited for.
        """
        ends = _packet_ends(self._buffer[: self._filled], self._whole)
        if not ends.size:
            return self._buffer[:0]
        before, end = ends[-2] if ends.size > 1 else self._whole, ends[-1]
        self._ends.append(ends)
        self._whole = int(end)
        return self._buffer[before + HEADER : end]

    def _has_room(self) -> bool:
        """Whether the packet after the whole ones can be read to its end."""
        start = self._whole + HEADER
        if start > self._filled:
            return start <= len(self._buffer)
        length = _payload_length(self._buffer, self._whole)
        return length != CONTINUED and start + length <= len(self._buffer)

    def _take(self) -> RowPackets:
        """Move the whole packets out of the buffer, up to the one that ends the rows."""
        starts = np.concatenate([np.zeros(1, np.intp), *self._ends])
        data = np.empty(self._whole + 1, np.uint8)
        data[:-1] = self._buffer[: self._whole]
        self._drop(self._whole)
        self._ends, self._whole = [], 0
        self._count_off(data[starts[:-1] + _SEQUENCE])
        for row in np.flatnonzero(data[starts[:-1] + HEADER] >= EOF):
            payload = data[starts[row] + HEADER : starts[row + 1]].data
            if _is_final(payload):
                self.last = bytes(payload)
                return RowPackets(data[: starts[row] + 1], starts[: row + 1])
        return RowPackets(data, starts)

    def _take_long_row(self) -> RowPackets:
        """Read the packet at the buffer's front, and those in which it goes on, as one row."""
        data = bytearray(HEADER)
        length = CONTINUED
        while length == CONTINUED:
            header = bytearray(HEADER)
            self._read_all(header, 0)
            length = _payload_length(header, 0)
            self._count_off(np.array(header[_SEQUENCE:], np.uint8))
            data += bytes(length)
            self._read_all(data, len(data) - length)
        if _is_final(memoryview(data)[HEADER:]):
            self.last = bytes(data[HEADER:])
            return RowPackets(np.empty(1, np.uint8), np.zeros(1, np.intp))
        data.append(0)
        return RowPackets(np.frombuffer(data, np.uint8), np.array([0, len(data) - 1], np.intp))

    def _read_all(self, target: bytearray, start: int) -> None:
        """Fill a byte array from `start`, first with what the buffer holds already."""
        with memoryview(target)[start:] as view:
            taken = min(len(view), self._filled)
            view[:taken] = self._buffer[:taken]
            self._drop(taken)
            while taken < len(view):
                taken += self._read_into(view[taken:])

    def _drop(self, size: int) -> None:
        """Forget the buffer's first bytes."""
        rest = self._filled - size
        self._buffer[:rest] = self._buffer[size : self._filled]
        self._filled = rest

    def _count_off(self, numbers: Bytes) -> None:
        """Compare the sequence numbers of the next packets with what they must be."""
        following = self._sequence + len(numbers)
        expected = np.arange(self._sequence, following).astype(np.uint8)
        wrong = np.flatnonzero(numbers != expected)
        if wrong.size:
            raise wrong_number(int(numbers[wrong[0]]), int(expected[wrong[0]]))
        self._sequence = following % 256


def _packet_ends(data: memoryview, start: int) -> Positions:
    """Where each whole packet ends, the first beginning at `start`.

    Only a packet tells where the next one begins. So what is found at once is tried first, and
    the rest is walked packet by packet.
    """
    found = _likely_ends(np.frombuffer(data[start:], np.uint8)) + start
    ends: list[int] = []
    append, header = ends.append, _header
    readable = len(data) - HEADER
    end = int(found[-1]) if found.size else start
    while end <= readable:
        length = header(data, end)[0] & _LENGTH_MASK
        end += HEADER + length
        if end > len(data) or length == CONTINUED:
            break
        append(end)
    return np.concatenate([found, np.array(ends, np.intp)])


def _likely_ends(data: Bytes) -> Positions:
    """Where the first packets end, as many as are certain from what a header looks like.

    The length of a short packet has a zero in its third byte, which text hardly ever holds. A
    place before such a byte is taken for a packet's start when the place where it says that the
    next packet starts looks the same, the sequence numbers there follow each other, and another
    one leads to it. That is a guess, and proven from the front: from packet to packet, each must
    start where the one before it ends. Where that fails for the first time the answer stops.
    """
    short = data[2:-1] == 0
    starts = np.flatnonzero(short)
    follow = starts + HEADER + data[starts] + (data[starts + 1].astype(np.intp) << 8)
    starts, follow = _where(follow < len(short), starts, follow)
    next_number = data[starts + _SEQUENCE] + np.uint8(1)
    likely = short[follow] & (data[follow + _SEQUENCE] == next_number)
    starts, follow = _where(likely, starts, follow)
    led_to = np.zeros(len(short), np.bool_)
    led_to[:1] = True
    led_to[follow] = True
    starts, follow = _where(led_to[starts], starts, follow)
    if not starts.size or starts[0] != 0:
        return starts[:0]
    breaks = np.flatnonzero(starts[1:] != follow[:-1])
    return follow[: breaks[0] + 1] if breaks.size else follow


def _where(
    condition: NDArray[np.bool_], first: Positions, second: Positions
) -> tuple[Positions, Positions]:
    """Both arrays where the condition holds."""
    return first[condition], second[condition]


def _payload_length(buffer: bytearray | memoryview, start: int) -> int:
    """The length in the header that begins at `start`."""
    return int(_header(buffer, start)[0]) & _LENGTH_MASK


def _is_final(payload: memoryview) -> bool:
    """Whether a payload ends the rows."""
    if not payload:
        return False
    return payload[0] == ERR or (payload[0] == EOF and len(payload) <= _EOF_LONGEST)
