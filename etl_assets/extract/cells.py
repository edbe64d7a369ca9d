"""Rows of MySQL's text protocol to CSV records, thousands at once by array operations.

From MySQL's manual, "Text Resultset Row": a row's payload is its values one after the other,
each 0xFB for NULL or a length-encoded string. From "Length-Encoded Integers": a length below 251
is one byte; after 0xFC, 0xFD and 0xFE it follows in two, three and eight bytes, little-endian.

So at least one byte that is not its own stands in front of every value already. That byte becomes
the separator between two fields, and the other bytes that belong to no value are left out. The
quotes of a field have no byte to stand in: a separator with a quote (or a null token) beside it
is first written as one byte that UTF-8 text cannot hold, and at the end each of those bytes is
replaced by what it stands for.
"""

from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from etl_assets.csv_format import FORMULA_STARTS, NEUTRAL, CsvFormat
from etl_assets.extract.broken_stream import NotUtf8Error, not_a_row
from etl_assets.extract.packets import HEADER, Bytes, Positions, RowPackets

NULL = 0xFB
_LONGER = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""First bytes of the longer lengths, and in how many bytes the length follows."""
_LONGEST = max(_LONGER)

_FIRST_MARK = 0xF5
"""The lowest of the eleven highest byte values, none of which occurs in UTF-8."""
_FIRST_BEYOND_ASCII = 0x80

_HEX = np.frombuffer(b"".join(b"%02X" % byte for byte in range(256)), np.uint16)
"""The two digits of each byte."""
_SHORT = 64
"""Values of at most so many bytes are gathered byte by byte, longer ones copied each."""


@dataclass(frozen=True)
class _Fields:
    """The values of a block, row by row, each after a byte for its separator.

    Attributes:
        data: uint8[size], a zero in front of each value and one after the last.
        lengths: intp[fields], how many bytes each value has; 0 for NULL.
        nulls: bool[fields], which values are NULL.
    """

    data: Bytes
    lengths: Positions
    nulls: NDArray[np.bool_]

    @cached_property
    def separators(self) -> Positions:
        """intp[fields + 1], where the separators are in `data`."""
        places = np.zeros(len(self.lengths) + 1, np.intp)
        np.cumsum(self.lengths + 1, out=places[1:])
        return places


class RowEncoder:
    """Makes CSV records of rows.

    Arguments:
        binary: for each column, whether its values are raw bytes, to be written as hex or base64.
        csv_format: the conventions.
        free_text: for each column, whether a value may be taken for a formula.
    """

    def __init__(
        self, binary: Sequence[bool], csv_format: CsvFormat, *, free_text: Sequence[bool] = ()
    ) -> None:
        self._width = len(binary)
        self._free_text = np.flatnonzero(free_text if csv_format.spreadsheet_safe else ())
        self._binary = np.flatnonzero(binary)
        self._as_hex = csv_format.binary == "hex"
        self._quote_all = csv_format.quoting == "all"
        self._null = np.frombuffer(csv_format.null.encode(), np.uint8)
        self._special = (csv_format.delimiter + '"\r\n').encode()
        self._marks = _separator_marks(csv_format)

    def encode(self, rows: RowPackets) -> bytes:
        """The rows' records; their data is used up.

        Raises:
            NotUtf8Error: a text value is not UTF-8.
            pymysql.err.InternalError: a packet does not hold a row of so many columns.
        """
        fields = _split(rows, self._width)
        if self._binary.size:
            fields = self._with_binary_as_text(fields)
        if self._free_text.size:
            fields = self._neutral(fields)
        self._require_utf8(fields)
        marks, forms = self._marks
        fields.data[fields.separators] = marks[self._separator_kinds(fields)]
        text = fields.data.tobytes().replace(b'"', b'""')
        for mark, form in forms:
            text = text.replace(mark, form)
        # The first separator would end a record before the first.
        return text[1:]

    def _with_binary_as_text(self, fields: _Fields) -> _Fields:
        """The same fields with raw bytes written as hex or base64."""
        lengths = fields.lengths.reshape(-1, self._width).copy()
        raw_lengths = lengths[:, self._binary]
        present = raw_lengths > 0
        sizes = raw_lengths[present]
        starts = fields.separators[:-1].reshape(-1, self._width)[:, self._binary][present] + 1
        data = fields.data.tobytes()
        before = zip([0, *(starts + sizes).tolist()], [*starts.tolist(), len(data)], strict=True)
        pieces = [b""] * (2 * len(starts) + 1)
        pieces[::2] = [data[start:end] for start, end in before]
        if self._as_hex:
            pieces[1::2] = _in_hex(data, starts, sizes)
            lengths[:, self._binary] = 2 * raw_lengths
        else:
            pieces[1::2] = [b2a_base64(v, newline=False) for v in _cut(data, starts, sizes)]
            # Four digits for each three bytes that were begun.
            lengths[:, self._binary] = (raw_lengths + 2) // 3 * 4
        # A byte array can be written into.
        text = np.frombuffer(bytearray().join(pieces), np.uint8)
        return _Fields(text, lengths.ravel(), fields.nulls)

    def _neutral(self, fields: _Fields) -> _Fields:
        """The same fields with an apostrophe before each text that looks like a formula."""
        lengths = fields.lengths.reshape(-1, self._width).copy()
        starts = fields.separators[:-1].reshape(-1, self._width)[:, self._free_text] + 1
        # What stands after an empty value is a separator, a zero still.
        looks = np.zeros(starts.shape, np.bool_)
        for form in map(str.encode, FORMULA_STARTS):
            same = np.ones(starts.shape, np.bool_)
            for offset, byte in enumerate(form):
                same &= fields.data.take(starts + offset, mode="clip") == byte
            looks |= same
        lengths[:, self._free_text] += looks
        data = np.insert(fields.data, starts[looks], ord(NEUTRAL))
        return _Fields(data, lengths.ravel(), fields.nulls)

    def _require_utf8(self, fields: _Fields) -> None:
        """Other bytes would not only make a wrong file: they could be taken for marks."""
        kept = fields.data >= _FIRST_BEYOND_ASCII
        if not kept.any():
            return
        # The runs of such bytes, each with the byte after it, are valid when the whole is.
        # An overlap of input and output is taken care of by numpy.
        kept[1:] |= kept[:-1]
        try:
            str(fields.data[kept].data, "utf-8")
        except UnicodeDecodeError as error:
            place = np.flatnonzero(kept)[error.start]
            field = int(np.searchsorted(fields.separators, place)) - 1
            start, end = fields.separators[field : field + 2]
            value = fields.data[start + 1 : end].tobytes()
            raise NotUtf8Error(field % self._width, value) from None

    def _separator_kinds(self, fields: _Fields) -> NDArray[np.uint8]:
        """uint8[fields + 1]: each separator's place in the table that `_separator_marks` makes."""
        quoted = self._quoted(fields)
        kinds = np.zeros(len(fields.separators), np.uint8)
        kinds[:: self._width] = _ENDS_RECORD
        kinds[:-1] += quoted
        kinds[1:] += 2 * quoted
        if self._null.size:
            kinds[1:] += 4 * fields.nulls.view(np.uint8)
        return kinds

    def _quoted(self, fields: _Fields) -> NDArray[np.uint8]:
        """uint8[fields]: 1 for the values in quotes."""
        if self._quote_all:
            return np.logical_not(fields.nulls).view(np.uint8)
        quoted: NDArray[np.bool_] = (fields.lengths == 0) & ~fields.nulls
        quoted |= self._holds_special(fields)
        if self._null.size:
            quoted |= self._equals_null_token(fields)
        return quoted.view(np.uint8)

    def _holds_special(self, fields: _Fields) -> NDArray[np.bool_]:
        """bool[fields]: the values that hold the delimiter, a quote or a line break."""
        # Four comparisons run at memory speed; a table of 256 entries is far slower.
        special = fields.data == self._special[0]
        equal = np.empty_like(special)
        for byte in self._special[1:]:
            np.equal(fields.data, byte, out=equal)
            special |= equal
        if not special.any():
            return np.zeros(len(fields.lengths), np.bool_)
        before = _set_before(special, fields.separators)
        holds: NDArray[np.bool_] = before[1:] != before[:-1]
        return holds

    def _equals_null_token(self, fields: _Fields) -> NDArray[np.bool_]:
        """bool[fields]: the values that could be taken for NULL."""
        equals: NDArray[np.bool_] = fields.lengths == len(self._null)
        equals &= ~fields.nulls
        for offset, byte in enumerate(self._null, 1):
            candidates = np.flatnonzero(equals)
            at = fields.separators[candidates] + offset
            equals[candidates] = fields.data[at] == byte
        return equals


_ENDS_RECORD = 8
"""Added to the kind of a separator that is a line feed."""


def _separator_marks(csv_format: CsvFormat) -> tuple[Bytes, list[tuple[bytes, bytes]]]:
    """The byte for each kind of separator, and what the bytes that are marks stand for.

    A kind is the sum of 1 when a quote opens after it, 2 when one closes before it, 4 when a
    null token stands before it, and 8 when it ends a record. At most ten kinds need a mark.
    """
    table = np.zeros(16, np.uint8)
    marks: list[tuple[bytes, bytes]] = []
    for kind in (kind for kind in range(16) if kind & 6 != 6):
        separator = "\n" if kind & _ENDS_RECORD else csv_format.delimiter
        before = '"' if kind & 2 else csv_format.null if kind & 4 else ""
        form = (before + separator + ('"' if kind & 1 else "")).encode()
        if len(form) == 1:
            table[kind] = form[0]
        else:
            table[kind] = _FIRST_MARK + len(marks)
            marks.append((table[kind].tobytes(), form))
    return table, marks


def _in_hex(data: bytes, starts: Positions, sizes: Positions) -> list[bytes]:
    """The values that start there, in upper-case hexadecimal digits."""
    size = int(sizes[0]) if sizes.size else 0
    if 0 < size <= _SHORT and (sizes == size).all():
        # Such as UUIDs and hashes: an array of them becomes Python's bytes in one call.
        values = sliding_window_view(np.frombuffer(data, np.uint8), size)[starts]
        digits: list[bytes] = _HEX[values].view(f"S{2 * size}").ravel().tolist()
        return digits
    joined = b"".join(_cut(data, starts, sizes))
    all_digits = _HEX[np.frombuffer(joined, np.uint8)].tobytes()
    ends = np.cumsum(2 * sizes)
    return _cut(all_digits, ends - 2 * sizes, 2 * sizes)


def _cut(data: bytes, starts: Positions, sizes: Positions) -> list[bytes]:
    """The pieces of these sizes that start there."""
    bounds = zip(starts.tolist(), (starts + sizes).tolist(), strict=True)
    return [data[start:end] for start, end in bounds]


def _set_before(flags: NDArray[np.bool_], places: Positions) -> NDArray[np.int32]:
    """int32[places]: how many flags are set before each place; places are at most len(flags) - 1.

    Counted in words of 64 flags: a sum that is kept for every flag takes ten times as long.
    """
    bits = np.zeros(len(flags) // 64 + 1, np.uint64)
    packed = np.packbits(flags, bitorder="little")
    bits.view(np.uint8)[: len(packed)] = packed
    before = np.zeros(len(bits), np.int32)
    np.cumsum(np.bitwise_count(bits[:-1]), out=before[1:])
    words = places >> 6
    below = (np.uint64(1) << (places & 63).astype(np.uint64)) - np.uint64(1)
    counts: NDArray[np.int32] = before[words] + np.bitwise_count(bits[words] & below)
    return counts


def _split(rows: RowPackets, width: int) -> _Fields:
    """Walk the columns of all rows at once; leave out every byte that is of no value."""
    data, ends = rows.data, rows.starts[1:]
    keep = np.ones(len(data), np.bool_)
    for offset in range(HEADER):
        keep[rows.starts[:-1] + offset] = False
    lengths = np.empty((len(ends), width), np.intp)
    nulls = np.zeros((len(ends), width), np.bool_)
    at = rows.starts[:-1] + HEADER
    try:
        for column in range(width):
            first = data[at]
            length = first.astype(np.intp)
            largest = first.max()
            if largest >= NULL:
                is_null = first == NULL
                nulls[:, column] = is_null
                length[is_null] = 0
            if largest > _LONGEST:
                raise not_a_row(width)
            if largest > NULL:
                _read_longer_lengths(data, keep, first, at, length)
            lengths[:, column] = length
            at += length
            at += 1
    except IndexError:
        at[:] = -1
    if not np.array_equal(at, ends):
        raise not_a_row(width)
    fields = _Fields(data[keep], lengths.ravel(), nulls.ravel())
    fields.data[fields.separators] = 0
    return fields


def _read_longer_lengths(
    data: Bytes, keep: NDArray[np.bool_], first: Bytes, at: Positions, length: Positions
) -> None:
    """Correct the lengths that are longer than one byte, and move on to the last byte of each."""
    for code, size in _LONGER.items():
        rows = np.flatnonzero(first == code)
        if rows.size:
            places = at[rows, np.newaxis] + np.arange(1, size + 1)
            keep[places] = False
            length[rows] = (data[places].astype(np.intp) << 8 * np.arange(size)).sum(axis=1)
            at[rows] += size
