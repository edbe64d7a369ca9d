"""The strict reading of CSV records, compiled: the same records and faults as `RecordReader`.

There is a state for each place where a block may end. Nothing is kept but the first bytes of the
record that is being read, which an error shows. A record's values do not belong here.
"""

import cython

if not cython.compiled:
    raise ImportError("expected the compiled module, got its source")

SHOWN_BYTES = cython.declare(cython.Py_ssize_t, 80)
# How much of a record an error shows.

# What a byte may be. In quotes only those from _QUOTE on are looked at.
_ORDINARY = cython.declare(cython.uchar, 0)
_DELIMITER = cython.declare(cython.uchar, 1)
_LINE_FEED = cython.declare(cython.uchar, 2)
_RETURN = cython.declare(cython.uchar, 3)
_QUOTE = cython.declare(cython.uchar, 4)
_HIGH = cython.declare(cython.uchar, 5)

# Where in a record the reading is.
_BEGIN = cython.declare(cython.int, 0)
_PLAIN = cython.declare(cython.int, 1)
_QUOTED = cython.declare(cython.int, 2)
_AFTER_QUOTE = cython.declare(cython.int, 3)
_TOKEN = cython.declare(cython.int, 4)

_MALFORMED = cython.declare(cython.int, 1)
_NOT_UTF_8 = cython.declare(cython.int, 2)


@cython.final
@cython.cclass
class RecordScanner:
    """Feed it a file's blocks in order.

    Attributes:
        records: how many whole ones there were.
        first_end: where the first of them ends, in bytes from the beginning; 0 before it did.
        offset: where the record begins that is being read.
        fault: 0; 1 where that record is malformed; 2 where it is whole and not UTF-8.
    """

    records = cython.declare(cython.longlong, visibility="readonly")
    first_end = cython.declare(cython.longlong, visibility="readonly")
    offset = cython.declare(cython.longlong, visibility="readonly")
    fault = cython.declare(cython.int, visibility="readonly")
    _position: cython.longlong
    _kinds: cython.uchar[256]
    _head: cython.uchar[80]
    _head_size: cython.Py_ssize_t
    _width: cython.Py_ssize_t
    _column: cython.Py_ssize_t
    _state: cython.int
    _quote_all: cython.bint
    _null: bytes
    _token: cython.p_uchar
    _token_size: cython.Py_ssize_t
    _matched: cython.Py_ssize_t
    _missing: cython.int
    _low: cython.uchar
    _high: cython.uchar
    _is_utf_8: cython.bint

    def __cinit__(self, delimiter: cython.uchar, null: bytes, quote_all: cython.bint, width: int):
        index: cython.int
        for index in range(256):
            self._kinds[index] = _HIGH if index >= 0x80 else _ORDINARY
        self._kinds[delimiter] = _DELIMITER
        self._kinds[10] = _LINE_FEED
        self._kinds[13] = _RETURN
        self._kinds[34] = _QUOTE
        self._null = null
        self._token = null
        self._token_size = len(null)
        self._quote_all = quote_all
        self._width = width
        self._is_utf_8 = True
        self._low = 0x80
        self._high = 0xBF

    def feed(self, block: bytes) -> int:
        """Read a block; gives where in it its last whole record ends, 0 where none does.

        After a fault nothing more is read, and what an error shows is made longer.
        """
        size: cython.Py_ssize_t = len(block)
        bytes_: cython.p_uchar = block
        end: cython.Py_ssize_t = 0
        if self.fault:
            self._keep(bytes_, 0, size)
        else:
            with cython.nogil:
                end = self._scan(bytes_, size)
        return end

    @property
    def head(self) -> bytes:
        """The first bytes of the record that is being read, or is wrong."""
        return self._head[: self._head_size]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _keep(
        self, block: cython.p_uchar, start: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.void:
        """Add bytes of a block to what an error shows."""
        while start < end and self._head_size < SHOWN_BYTES:
            self._head[self._head_size] = block[start]
            self._head_size += 1
            start += 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _beyond_ascii(
        self, block: cython.p_uchar, at: cython.Py_ssize_t, size: cython.Py_ssize_t
    ) -> cython.Py_ssize_t:
        """Where the run of bytes from 0x80 ends that is at a place; it is UTF-8, or that is noted.

        As Python's strict decoder has it: the shortest form, and no surrogates.
        """
        byte: cython.uchar
        while at < size:
            byte = block[at]
            if byte < 0x80:
                if self._missing:
                    self._is_utf_8 = False
                    self._missing = 0
                break
            if self._missing:
                if self._low <= byte <= self._high:
                    self._missing -= 1
                    self._low = 0x80
                    self._high = 0xBF
                    at += 1
                    continue
                self._is_utf_8 = False
            self._low = 0x80
            self._high = 0xBF
            self._missing = 0
            if 0xE1 <= byte <= 0xEC or 0xEE <= byte <= 0xEF:
                # Most scripts of the world, at once where all of it is there.
                if size - at > 2 and block[at + 1] & 0xC0 == 0x80 and block[at + 2] & 0xC0 == 0x80:
                    at += 3
                    continue
                self._missing = 2
            elif 0xC2 <= byte <= 0xDF:
                if size - at > 1 and block[at + 1] & 0xC0 == 0x80:
                    at += 2
                    continue
                self._missing = 1
            elif byte == 0xE0:
                self._missing = 2
                self._low = 0xA0
            elif byte == 0xED:
                self._missing = 2
                self._high = 0x9F
            elif 0xF0 <= byte <= 0xF4:
                self._missing = 3
                if byte == 0xF0:
                    self._low = 0x90
                elif byte == 0xF4:
                    self._high = 0x8F
            else:
                self._is_utf_8 = False
            at += 1
        return at

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def _scan(self, block: cython.p_uchar, size: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Read a block; every place is below `size` before its byte is taken."""
        at: cython.Py_ssize_t = 0
        start: cython.Py_ssize_t = 0
        ended: cython.Py_ssize_t = 0
        column: cython.Py_ssize_t = self._column
        state: cython.int = self._state
        fault: cython.int = 0
        kind: cython.uchar
        kinds: cython.p_uchar = self._kinds
        if self._missing and size and block[0] < 0x80:
            self._is_utf_8 = False
            self._missing = 0
        while at < size:
            # Each turn ends before the delimiter or the line feed after a field.
            if state == _BEGIN:
                kind = kinds[block[at]]
                if kind == _QUOTE:
                    state = _QUOTED
                    at += 1
                elif kind == _RETURN:
                    fault = _MALFORMED
                    break
                elif kind in (_DELIMITER, _LINE_FEED):
                    if self._token_size:
                        fault = _MALFORMED
                        break
                elif self._quote_all:
                    self._matched = 0
                    state = _TOKEN
                else:
                    state = _PLAIN
            if state == _PLAIN:
                while at < size:
                    kind = kinds[block[at]]
                    if kind == _ORDINARY:
                        at += 1
                    elif kind == _HIGH:
                        at = self._beyond_ascii(block, at, size)
                    else:
                        break
                if at == size:
                    break
                if kind in (_QUOTE, _RETURN):
                    fault = _MALFORMED
                    break
            elif state == _QUOTED:
                while at < size:
                    kind = kinds[block[at]]
                    if kind < _QUOTE:
                        at += 1
                    elif kind == _HIGH:
                        at = self._beyond_ascii(block, at, size)
                    else:
                        break
                if at == size:
                    break
                at += 1
                state = _AFTER_QUOTE
                continue
            elif state == _AFTER_QUOTE:
                kind = kinds[block[at]]
                if kind == _QUOTE:
                    at += 1
                    state = _QUOTED
                    continue
                if kind != _DELIMITER and kind != _LINE_FEED:
                    fault = _MALFORMED
                    break
            elif state == _TOKEN:
                while (
                    at < size
                    and self._matched < self._token_size
                    and block[at] == self._token[self._matched]
                ):
                    at += 1
                    self._matched += 1
                if at == size:
                    break
                kind = kinds[block[at]]
                if self._matched < self._token_size or (kind != _DELIMITER and kind != _LINE_FEED):
                    fault = _MALFORMED
                    break
            state = _BEGIN
            if kind == _DELIMITER:
                column += 1
                at += 1
                if column == self._width:
                    fault = _MALFORMED
                    break
                continue
            if column + 1 < self._width:
                fault = _MALFORMED
                break
            at += 1
            if not self._is_utf_8:
                fault = _NOT_UTF_8
                break
            column = 0
            start = at
            ended = at
            self.records += 1
            self._head_size = 0
            self.offset = self._position + at
            if self.first_end == 0:
                self.first_end = self.offset
        self._keep(block, start, at if fault == _NOT_UTF_8 else size)
        self._column = column
        self._state = state
        self._position += size
        self.fault = fault
        return ended
