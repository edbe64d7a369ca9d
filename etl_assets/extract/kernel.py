"""MySQL's packets to CSV in one pass: compiled, and outside the interpreter's lock.

Python with types, of which Cython makes C. `packets.py` and `cells.py` do the same by array
operations, byte for byte, and describe the protocol.

The bytes come from outside: no length is believed before it is compared with what there is. Values
are read and stored in words of eight bytes, and such a word may reach beyond its value. That is why
the input has `_SPARE` bytes more than are filled, and why no row is begun before there is room for
the most that it can take.
"""

import sys

import cython

if not cython.compiled:
    raise ImportError("expected the compiled module, got its source")
if sys.byteorder != "little":
    raise ImportError("expected a processor that stores the lowest byte first")

from collections.abc import Sequence

from cython.cimports.cpython.bytearray import (
    PyByteArray_AS_STRING,
    PyByteArray_FromStringAndSize,
    PyByteArray_Resize,
)
from cython.cimports.libc.string import memchr, memcmp, memcpy, memmove

from etl_assets.csv_format import FORMULA_STARTS, NEUTRAL, CsvFormat
from etl_assets.extract.broken_stream import NotUtf8Error, not_a_row, wrong_number

_HEADER = cython.declare(cython.Py_ssize_t, 4)
"""Bytes in front of a payload."""
_CONTINUED = cython.declare(cython.Py_ssize_t, 0xFFFFFF)
"""A payload of this length goes on in the next packet."""
_EOF_LONGEST = cython.declare(cython.Py_ssize_t, 8)
_SPARE = cython.declare(cython.Py_ssize_t, 8)
_VALUE_MOST = cython.declare(cython.Py_ssize_t, 8)
"""What a value may take beyond twice its bytes: an apostrophe, quotes, a separator, digits that
base64 adds to end in a group of four."""

_NULL = cython.declare(cython.uchar, 0xFB)
_EOF = cython.declare(cython.uchar, 0xFE)
_ERR = cython.declare(cython.uchar, 0xFF)
_QUOTE = cython.declare(cython.uchar, 0x22)

_RAW = cython.declare(cython.uchar, 1)
_FREE = cython.declare(cython.uchar, 2)
"""Kinds of columns: raw bytes, and text that may be taken for a formula."""

_NEEDS_INPUT = cython.declare(cython.int, 0)
_NEEDS_ROOM = cython.declare(cython.int, 1)
_AT_END = cython.declare(cython.int, 2)
_WRONG_NUMBER = cython.declare(cython.int, 3)
_NO_ROW = cython.declare(cython.int, 4)
_NOT_UTF8 = cython.declare(cython.int, 5)
"""Why the encoder has stopped."""

_ONES = cython.declare(cython.ulonglong, 0x0101010101010101)


@cython.cclass
class PacketEncoder:
    """Takes the bytes that follow a result's column definitions; gives blocks of CSV records.

    Ask for `room`, fill it from its front, and tell `take` how much came. Each time that it answers
    true there is a `block`; then `take(0)` goes on.

    Arguments:
        binary: for each column, whether its values are raw bytes, to be written as hex or base64.
        csv_format: the conventions.
        free_text: for each column, whether a value may be taken for a formula.
        sequence: the number that the first packet must have.
        block_bytes: how much is read at once and about how much is given at once; a row that is
            longer takes as much as it needs.

    Attributes:
        last: the payload after the rows, EOF or ERR; empty until it was read.
    """

    last = cython.declare(bytes, visibility="readonly")

    _kinds: bytes
    _token: bytes
    _alphabet: bytes
    _formulas: bytes
    """Each after a byte for its length."""
    _width: cython.Py_ssize_t
    _delimiter: cython.uchar
    _as_hex: cython.bint
    _quote_all: cython.bint
    _digits_may_need_quotes: cython.bint

    _usual: cython.Py_ssize_t
    _buffer: bytearray
    _size: cython.Py_ssize_t
    _start: cython.Py_ssize_t
    """Where in the buffer the first packet begins that is not encoded."""
    _filled: cython.Py_ssize_t
    _number: cython.uchar
    """Of the next packet."""

    _block: bytearray
    _room: cython.Py_ssize_t
    _written: cython.Py_ssize_t
    _rows: cython.Py_ssize_t

    # Where the bytes of the objects above are.
    _kinds_at: cython.p_uchar
    _token_at: cython.p_uchar
    _token_size: cython.Py_ssize_t
    _alphabet_at: cython.p_uchar
    _formulas_at: cython.p_uchar
    _formulas_size: cython.Py_ssize_t
    _input: cython.p_uchar
    _output: cython.p_uchar

    _apostrophe: cython.uchar
    _most: cython.Py_ssize_t
    """What the next row may take of a block."""

    # Where what is wrong stands.
    _wrong_column: cython.Py_ssize_t
    _wrong_start: cython.Py_ssize_t
    _wrong_size: cython.Py_ssize_t

    def __init__(
        self,
        binary: Sequence[bool],
        csv_format: CsvFormat,
        *,
        free_text: Sequence[bool],
        sequence: int,
        block_bytes: int,
    ) -> None:
        risky = free_text if csv_format.spreadsheet_safe else [False] * len(binary)
        self._kinds = bytes([_RAW * r + _FREE * f for r, f in zip(binary, risky, strict=True)])
        self._token = csv_format.null.encode()
        self._as_hex = csv_format.binary == "hex"
        digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        self._alphabet = b"".join(b"%02X" % byte for byte in range(256)) if self._as_hex else digits
        self._formulas = b"".join(bytes([len(f)]) + f for f in map(str.encode, FORMULA_STARTS))
        self._width = len(self._kinds)
        if not self._width:
            raise ValueError("expected a result of at least one column, got none")
        self._delimiter = ord(csv_format.delimiter)
        self._quote_all = csv_format.quoting == "all"
        self._digits_may_need_quotes = csv_format.delimiter.encode() in digits + b"="
        self._kinds_at = self._kinds
        self._token_at = self._token
        self._token_size = len(self._token)
        self._alphabet_at = self._alphabet
        self._formulas_at = self._formulas
        self._formulas_size = len(self._formulas)
        self._apostrophe = ord(NEUTRAL)
        self._usual = max(block_bytes, 2 * _HEADER)
        self._number = sequence % 256
        self.last = b""
        self._new_buffer(self._usual)
        self._new_block(2 * self._usual)

    def room(self) -> memoryview:
        """Where the next bytes of the stream go; never empty."""
        pending: cython.Py_ssize_t = self._filled - self._start
        if not pending and self._size > self._usual:
            # A long row has been in it.
            self._new_buffer(self._usual)
        elif self._start:
            memmove(self._input, self._input + self._start, pending)
            self._start, self._filled = 0, pending
        if self._filled == self._size:
            # Never more than twice of what has come, whatever a packet says of its length.
            self._new_buffer(2 * self._size)
        return memoryview(self._buffer)[self._filled : self._size]

    def take(self, size: int) -> bool:
        """So many bytes have come: encode the rows that are whole; whether a block is ready.

        Raises:
            NotUtf8Error: a text value is not UTF-8.
            pymysql.err.OperationalError: the connection is lost.
            pymysql.err.InternalError: a packet is out of order, or not a row of so many columns.
        """
        if not 0 <= size <= self._size - self._filled:
            raise ValueError(f"expected at most {self._size - self._filled} bytes, got {size}")
        self._filled += size
        stopped: cython.int = _NEEDS_ROOM
        while stopped == _NEEDS_ROOM:
            with cython.nogil:
                stopped = self._encode()
            if stopped == _NEEDS_ROOM:
                if self._rows:
                    return True
                self._new_block(self._most)
        if stopped == _WRONG_NUMBER:
            raise wrong_number(self._input[self._wrong_start + 3], self._number)
        if stopped == _NO_ROW:
            raise not_a_row(self._width)
        if stopped == _NOT_UTF8:
            end = self._wrong_start + self._wrong_size
            raise NotUtf8Error(self._wrong_column, bytes(self._buffer[self._wrong_start : end]))
        if stopped == _AT_END:
            payload: cython.Py_ssize_t = self._start + _HEADER
            length: cython.Py_ssize_t = _payload_length(self._input + self._start)
            self.last = bytes(self._buffer[payload : payload + length])
            return self._rows > 0
        return False

    def block(self) -> tuple[bytearray, int]:
        """The records that are ready and how many they are; they are the caller's."""
        block, rows = self._block, self._rows
        PyByteArray_Resize(block, self._written)
        self._new_block(2 * self._usual)
        return block, rows

    @cython.cfunc
    def _new_buffer(self, size: cython.Py_ssize_t) -> cython.void:
        """An input buffer of that size, with what the present one holds."""
        buffer: bytearray = PyByteArray_FromStringAndSize(cython.NULL, size + _SPARE)
        place = cython.cast(cython.p_uchar, PyByteArray_AS_STRING(buffer))
        pending: cython.Py_ssize_t = self._filled - self._start
        if pending:
            memcpy(place, self._input + self._start, pending)
        self._buffer, self._input, self._size = buffer, place, size
        self._start, self._filled = 0, pending

    @cython.cfunc
    def _new_block(self, size: cython.Py_ssize_t) -> cython.void:
        """An empty block of that size."""
        self._block = PyByteArray_FromStringAndSize(cython.NULL, size)
        self._output = cython.cast(cython.p_uchar, PyByteArray_AS_STRING(self._block))
        self._room, self._written, self._rows = size, 0, 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _encode(self) -> cython.int:
        """Encode rows until something is missing or wrong; gives which."""
        # Locals stay in registers; what belongs to the object is loaded again after each store.
        width: cython.Py_ssize_t = self._width
        kinds: cython.p_uchar = self._kinds_at
        token: cython.p_uchar = self._token_at
        token_size: cython.Py_ssize_t = self._token_size
        delimiter: cython.uchar = self._delimiter
        always: cython.bint = self._quote_all
        commas: cython.ulonglong = _ONES * delimiter
        quotes: cython.ulonglong = _ONES * _QUOTE
        returns: cython.ulonglong = _ONES * 0x0D
        feeds: cython.ulonglong = _ONES * 0x0A
        highs: cython.ulonglong = _ONES << 7
        word: cython.ulonglong = 0
        found: cython.ulonglong
        high: cython.ulonglong
        at: cython.p_uchar
        end: cython.p_uchar
        out: cython.p_uchar
        first: cython.uchar
        whole: cython.Py_ssize_t
        length: cython.Py_ssize_t
        column: cython.Py_ssize_t
        size: cython.Py_ssize_t
        more: cython.Py_ssize_t
        place: cython.Py_ssize_t
        while True:
            at = self._input + self._start
            whole = self._filled - self._start
            if whole < _HEADER:
                return _NEEDS_INPUT
            if at[3] != self._number:
                self._wrong_start = self._start
                return _WRONG_NUMBER
            length = _payload_length(at)
            if length == _CONTINUED:
                whole = self._long_row()
                if whole <= 0:
                    return _WRONG_NUMBER if whole else _NEEDS_INPUT
                length = whole - _HEADER
            elif _HEADER + length > whole:
                return _NEEDS_INPUT
            else:
                whole = _HEADER + length
                if length and (at[4] == _ERR or (at[4] == _EOF and length <= _EOF_LONGEST)):
                    return _AT_END
            self._most = 2 * length + width * (token_size + _VALUE_MOST) + _SPARE
            if self._room - self._written < self._most:
                return _NEEDS_ROOM
            if length >= _CONTINUED:
                length = self._join()
            at += _HEADER
            end = at + length
            out = self._output + self._written
            for column in range(width):
                if at >= end:
                    return _NO_ROW
                first = at[0]
                at += 1
                if first == _NULL:
                    for place in range(token_size):
                        out[place] = token[place]
                    out += token_size
                    out[0] = delimiter
                    out += 1
                    continue
                size = first
                if first > _NULL:
                    more = 2 if first == 0xFC else 3 if first == 0xFD else 8
                    if first == _ERR or more > end - at:
                        return _NO_ROW
                    size = _little_endian(at, more)
                    at += more
                if size < 0 or size > end - at:
                    return _NO_ROW
                if kinds[column] & _RAW:
                    out = self._digits(kinds[column], at, size, out)
                elif kinds[column] and self._is_formula(at, size):
                    out = self._neutral(at, size, out)
                else:
                    found = high = 0
                    place = 0
                    while place + 8 <= size:
                        memcpy(cython.address(word), at + place, 8)
                        memcpy(out + place, cython.address(word), 8)
                        high |= word
                        found |= _special(word, commas, quotes, returns, feeds)
                        place += 8
                    if place < size:
                        memcpy(cython.address(word), at + place, 8)
                        word &= (cython.cast(cython.ulonglong, 1) << 8 * (size - place)) - 1
                        memcpy(out + place, cython.address(word), 8)
                        high |= word
                        found |= _special(word, commas, quotes, returns, feeds)
                    if high & highs and not _is_utf8(at, size):
                        out = cython.NULL
                    elif (
                        found & highs
                        or not size
                        or always
                        or (size == token_size and not memcmp(at, token, size))
                    ):
                        out = _quoted(at, size, out)
                    else:
                        out += size
                if out == cython.NULL:
                    self._wrong_column = column
                    self._wrong_start = at - self._input
                    self._wrong_size = size
                    return _NOT_UTF8
                at += size
                out[0] = delimiter
                out += 1
            if at != end:
                return _NO_ROW
            out[-1] = 0x0A
            self._written = out - self._output
            self._rows += 1
            self._start += whole
            self._number += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _long_row(self) -> cython.Py_ssize_t:
        """The bytes of all packets of the row at the front, headers included.

        0 where they have not all come, -1 where one is out of order.
        """
        place: cython.Py_ssize_t = self._start
        length: cython.Py_ssize_t = _CONTINUED
        number: cython.uchar = self._number
        while length == _CONTINUED:
            if self._filled - place < _HEADER:
                return 0
            if self._input[place + 3] != number:
                self._number = number
                self._wrong_start = place
                return -1
            length = _payload_length(self._input + place)
            place += _HEADER + length
            number += 1
        return place - self._start if place <= self._filled else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _join(self) -> cython.Py_ssize_t:
        """Close the gaps between the packets of the row at the front; gives its length."""
        place: cython.Py_ssize_t = self._start + _HEADER + _CONTINUED
        joined: cython.Py_ssize_t = place
        length: cython.Py_ssize_t = _CONTINUED
        while length == _CONTINUED:
            length = _payload_length(self._input + place)
            memmove(self._input + joined, self._input + place + _HEADER, length)
            place += _HEADER + length
            joined += length
            self._number += 1
        return joined - self._start - _HEADER

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _digits(
        self, kind: cython.uchar, at: cython.p_uchar, size: cython.Py_ssize_t, out: cython.p_uchar
    ) -> cython.p_uchar:
        """Raw bytes as hex or base64."""
        length: cython.Py_ssize_t
        quoted: cython.bint
        if self._as_hex:
            length = _write_hex(at, size, out, self._alphabet_at)
        else:
            length = _write_base64(at, size, out, self._alphabet_at)
        if kind & _FREE and self._is_formula(out, length):
            memmove(out + 1, out, length)
            out[0] = self._apostrophe
            length += 1
        quoted = not length or self._quote_all or self._is_token(out, length)
        if not quoted and self._digits_may_need_quotes:
            quoted = _holds(out, length, self._delimiter)
        if quoted:
            memmove(out + 1, out, length)
            out[0] = out[length + 1] = _QUOTE
            length += 2
        return out + length

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _neutral(
        self, at: cython.p_uchar, size: cython.Py_ssize_t, out: cython.p_uchar
    ) -> cython.p_uchar:
        """A text that looks like a formula, after an apostrophe; NULL where it is not UTF-8."""
        if not _is_utf8(at, size):
            return cython.NULL
        end: cython.p_uchar = out + 1 + size
        out[0] = self._apostrophe
        memcpy(out + 1, at, size)
        if (
            self._quote_all
            or self._is_token(out, size + 1)
            or _holds(at, size, self._delimiter)
            or _holds(at, size, _QUOTE)
            or _holds(at, size, 0x0D)
            or _holds(at, size, 0x0A)
        ):
            end = _quoted(at, size, out + 1)
            # What is quoted is the apostrophe and the text.
            out[0] = _QUOTE
            out[1] = self._apostrophe
        return end

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _is_formula(self, at: cython.p_uchar, size: cython.Py_ssize_t) -> cython.bint:
        """Whether a spreadsheet would take the text for a formula."""
        place: cython.Py_ssize_t = 0
        length: cython.Py_ssize_t
        while place < self._formulas_size:
            length = self._formulas_at[place]
            if length <= size and not memcmp(at, self._formulas_at + place + 1, length):
                return True
            place += 1 + length
        return False

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _is_token(self, at: cython.p_uchar, size: cython.Py_ssize_t) -> cython.bint:
        """Whether the text could be taken for NULL."""
        return size == self._token_size and not memcmp(at, self._token_at, size)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _payload_length(header: cython.p_uchar) -> cython.Py_ssize_t:
    return _little_endian(header, 3)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _little_endian(at: cython.p_uchar, size: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """The number in so many bytes; below zero where it is 2**63 or more."""
    number: cython.ulonglong = 0
    place: cython.Py_ssize_t
    for place in range(size):
        number |= cython.cast(cython.ulonglong, at[place]) << 8 * place
    return cython.cast(cython.Py_ssize_t, number)


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _zeros(word: cython.ulonglong) -> cython.ulonglong:
    """Highest bits of bytes: any is set just when a byte of the word is zero."""
    return (word - _ONES) & ~word


@cython.cfunc
@cython.nogil
@cython.inline
@cython.exceptval(check=False)
def _special(
    word: cython.ulonglong,
    commas: cython.ulonglong,
    quotes: cython.ulonglong,
    returns: cython.ulonglong,
    feeds: cython.ulonglong,
) -> cython.ulonglong:
    """As `_zeros`, for the bytes that need quotes; each of them is given as a word full of it."""
    return (
        _zeros(word ^ commas)
        | _zeros(word ^ quotes)
        | _zeros(word ^ returns)
        | _zeros(word ^ feeds)
    )


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _holds(at: cython.p_uchar, size: cython.Py_ssize_t, byte: cython.uchar) -> cython.bint:
    return memchr(at, byte, size) != cython.NULL


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _quoted(at: cython.p_uchar, size: cython.Py_ssize_t, out: cython.p_uchar) -> cython.p_uchar:
    """Write a text in quotes, its own ones doubled; gives where it ends."""
    quotes: cython.ulonglong = _ONES * _QUOTE
    highs: cython.ulonglong = _ONES << 7
    word: cython.ulonglong = 0
    place: cython.Py_ssize_t = 0
    stop: cython.Py_ssize_t
    out[0] = _QUOTE
    out += 1
    while place < size:
        stop = size
        if place + 8 <= size:
            stop = place + 8
            memcpy(cython.address(word), at + place, 8)
            if not _zeros(word ^ quotes) & highs:
                memcpy(out, cython.address(word), 8)
                out += 8
                place = stop
                continue
        while place < stop:
            # The second one stays where the byte is a quote, and is written over elsewhere.
            out[0] = at[place]
            out[1] = _QUOTE
            out += 1 + (at[place] == _QUOTE)
            place += 1
    out[0] = _QUOTE
    return out + 1


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _write_hex(
    at: cython.p_uchar, size: cython.Py_ssize_t, out: cython.p_uchar, digits: cython.p_uchar
) -> cython.Py_ssize_t:
    place: cython.Py_ssize_t
    for place in range(size):
        memcpy(out + 2 * place, digits + 2 * cython.cast(cython.Py_ssize_t, at[place]), 2)
    return 2 * size


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _write_base64(
    at: cython.p_uchar, size: cython.Py_ssize_t, out: cython.p_uchar, digits: cython.p_uchar
) -> cython.Py_ssize_t:
    start: cython.p_uchar = out
    place: cython.Py_ssize_t = 0
    group: cython.uint
    while place + 3 <= size:
        group = (at[place] << 16) | (at[place + 1] << 8) | at[place + 2]
        out[0] = digits[group >> 18]
        out[1] = digits[(group >> 12) & 63]
        out[2] = digits[(group >> 6) & 63]
        out[3] = digits[group & 63]
        out += 4
        place += 3
    if place < size:
        group = at[place] << 16
        if place + 1 < size:
            group |= at[place + 1] << 8
        out[0] = digits[group >> 18]
        out[1] = digits[(group >> 12) & 63]
        out[2] = digits[(group >> 6) & 63] if place + 1 < size else 0x3D
        out[3] = 0x3D
        out += 4
    return out - start


@cython.cfunc
@cython.nogil
@cython.exceptval(check=False)
def _is_utf8(at: cython.p_uchar, size: cython.Py_ssize_t) -> cython.bint:
    """Whether the text is UTF-8 as RFC 3629 has it: shortest forms, no surrogates."""
    highs: cython.ulonglong = _ONES << 7
    word: cython.ulonglong = 0
    three: cython.uint = 0
    place: cython.Py_ssize_t = 0
    following: cython.Py_ssize_t
    first: cython.uchar
    second: cython.uchar
    while place < size:
        first = at[place]
        if first < 0x80:
            place += 1
            while place + 8 <= size:
                memcpy(cython.address(word), at + place, 8)
                if word & highs:
                    break
                place += 8
            continue
        if place + 3 <= size:
            # Most Chinese characters: three bytes, and nothing more to ask of the second one.
            memcpy(cython.address(three), at + place, 4)
            if three & 0xC0C0F0 == 0x8080E0 and first != 0xE0 and first != 0xED:
                place += 3
                continue
        following = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if first < 0xC2 or first > 0xF4 or place + following >= size:
            return False
        second = at[place + 1]
        if (
            (second & 0xC0) != 0x80
            or (first == 0xE0 and second < 0xA0)
            or (first == 0xED and second > 0x9F)
            or (first == 0xF0 and second < 0x90)
            or (first == 0xF4 and second > 0x8F)
        ):
            return False
        if following > 1 and (at[place + 2] & 0xC0) != 0x80:
            return False
        if following > 2 and (at[place + 3] & 0xC0) != 0x80:
            return False
        place += 1 + following
    return True
