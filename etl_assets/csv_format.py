"""The CSV conventions, once: how a value becomes a field, and how a field is read back.

RFC 4180 with three clarifications that make it lossless: NULL is the unquoted null token (by
default nothing at all), an empty string is always `""`, and a value equal to the null token is
quoted. Records end in a line feed; nothing is ever escaped with a backslash.

`spreadsheet_safe` gives that up for people who open files in a spreadsheet: a mark in front tells
it that the file is UTF-8, and a text that it would take for a formula gets an apostrophe.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from etl_assets.errors import CsvError, SettingError

Value: TypeAlias = str | bytes | int | float | None
"""What a driver hands over: text, raw bytes, or (SQLite) numbers."""

FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""First characters that make a spreadsheet take a text for a formula, as OWASP's page "CSV
Injection" lists them: the wide forms too."""
NEUTRAL = "'"
"""What stands in front of such a text."""

_BOM = "\ufeff".encode()
SHOWN_BYTES = 80
"""How much of a record an error shows."""
_SPECIAL_IN_TOKEN = re.compile(r'["\r\n]')


@dataclass(frozen=True)
class CsvFormat:
    """One choice of conventions; recorded in every manifest.

    Attributes:
        null: the token that stands for NULL, never quoted.
        delimiter: one ASCII character.
        quoting: `minimal` quotes what has to be quoted, `all` every field that is not NULL.
        header: whether the first record holds the column names.
        compression: of the stored file.
        binary: how raw bytes are written: upper-case hex or base64 without line breaks.
        zero_dates: what becomes of dates whose month or day is zero, such as 0000-00-00 and
            2022-11-00: they are kept, become NULL, or fail their shard.
        spreadsheet_safe: whether the file begins with a byte order mark and formulas in texts are
            made texts by an apostrophe. Not lossless.
    """

    null: str = ""
    delimiter: str = ","
    quoting: Literal["minimal", "all"] = "minimal"
    header: bool = True
    compression: Literal["none", "gzip", "zstd"] = "none"
    binary: Literal["hex", "base64"] = "hex"
    zero_dates: Literal["keep", "null", "error"] = "keep"
    spreadsheet_safe: bool = False

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n\0':
            raise SettingError(
                "delimiter",
                "expected one ASCII character that is neither a quote nor a line break, "
                f"got {self.delimiter!r}",
            )
        if _SPECIAL_IN_TOKEN.search(self.null) or self.delimiter in self.null:
            raise SettingError(
                "null",
                "expected a null token without quotes, delimiters and line breaks, "
                f"got {self.null!r}",
            )

    @cached_property
    def _must_quote(self) -> Callable[[str], object]:
        return re.compile(f'[{re.escape(self.delimiter)}"\r\n]').search

    def text(self, value: str) -> str:
        """A text value as a field: quoted where the conventions ask for it."""
        if (
            self.quoting == "all"
            or not value
            or value == self.null
            or self._must_quote(value) is not None
        ):
            return '"' + value.replace('"', '""') + '"'
        return value

    def encoded_bytes(self, value: bytes) -> str:
        """Raw bytes as text, before quoting."""
        return value.hex().upper() if self.binary == "hex" else b64encode(value).decode("ascii")

    def field(self, value: Value) -> str:
        """Any value as a field; a text, once it was made `neutral`."""
        match value:
            case None:
                return self.null
            case str():
                return self.text(value)
            case bytes():
                return self.text(self.encoded_bytes(value))
            case _:
                # repr of a float is the shortest text that reads back as the same bits.
                return self.text(repr(value))

    def neutral(self, text: str) -> str:
        """A text that no spreadsheet takes for a formula, where the conventions ask for that."""
        risky = self.spreadsheet_safe and text[:1] and text[0] in FORMULA_STARTS
        return NEUTRAL + text if risky else text

    def record(self, values: Iterable[Value]) -> str:
        """One record with its line feed."""
        return self.delimiter.join(map(self.field, values)) + "\n"

    @property
    def mark(self) -> bytes:
        """What the file begins with, before any record."""
        return _BOM if self.spreadsheet_safe else b""

    def header_record(self, names: Iterable[str]) -> bytes:
        """The header record; nothing where headers are off."""
        return self.record(map(self.neutral, names)).encode() if self.header else b""

    def head(self, names: Iterable[str]) -> bytes:
        """All that stands before the first row."""
        return self.mark + self.header_record(names)

    def without_mark(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """A file's blocks without the mark that it must begin with.

        Raises:
            CsvError: it does not.
        """
        return _after(self.mark, blocks, "a byte order mark")

    def body(self, blocks: Iterable[bytes], names: Iterable[str]) -> Iterator[bytes]:
        """A file's blocks without all that stands before the first row.

        Raises:
            CsvError: the file does not begin so.
        """
        return _after(self.head(names), blocks, "the header of its columns")


def _after(beginning: bytes, blocks: Iterable[bytes], what: str) -> Iterator[bytes]:
    """The blocks without the bytes that they must begin with."""
    missing = beginning
    for block in blocks:
        found = block[: len(missing)]
        if not missing.startswith(found):
            break
        missing = missing[len(found) :]
        yield block[len(found) :]
    if missing:
        raise CsvError("byte 0", expected=what, got="none")


class RecordReader:
    """A strict, streaming parser of the conventions, for one file.

    Feed it the file's blocks in order; it gives back whole records. Whatever the conventions do
    not allow (a stray quote, a bare CR, an empty field where NULL has another token, a record of
    the wrong width, bytes that are not UTF-8, a file that ends inside a record) is a CsvError that
    names the byte offset of its record. Time is linear and memory is a few of the longest records.
    """

    def __init__(self, csv_format: CsvFormat, width: int) -> None:
        comma = re.escape(csv_format.delimiter)
        # Possessive quantifiers (*+): a record matches at once or not at all, in linear time.
        quoted = '[^"]*+(?:""[^"]*+)*+'
        plain = f'[^{comma}"\r\n]' + ("++" if csv_format.null else "*+")
        if csv_format.quoting == "all":
            plain = re.escape(csv_format.null)
        field = f'(?:"{quoted}"|{plain})'
        self._record = re.compile(f"{field}(?:{comma}{field}){{{width - 1}}}\n".encode())
        self._field = re.compile(f'(?:"({quoted})"|({plain}))(?:{comma}|\n)'.encode())
        self._null = csv_format.null.encode()
        self._width = width
        self._offset = 0

    def raw_records(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Each record as its bytes, line feed included."""
        pending = bytearray()
        wait_for = 0
        for block in blocks:
            pending += block
            # A record longer than a block is not tried again before its bytes have doubled.
            if len(pending) >= wait_for:
                taken = yield from self._whole(pending)
                del pending[:taken]
                wait_for = 0 if taken else 2 * len(pending)
                self._refuse_hopeless(pending)
        taken = yield from self._whole(pending)
        if taken < len(pending):
            raise self._malformed(pending[taken:])

    def records(self, blocks: Iterable[bytes]) -> Iterator[list[str | None]]:
        """Each record as its values; None for NULL."""
        for raw in self.raw_records(blocks):
            yield self.values(raw)

    def values(self, raw: bytes) -> list[str | None]:
        """The values of one record that `raw_records` gave."""
        return [self._value(*match.groups()) for match in self._field.finditer(raw)]

    def _whole(self, pending: bytearray) -> Generator[bytes, None, int]:
        """The records at the beginning; returns where they end."""
        position = 0
        while (found := self._record.match(pending, position)) is not None:
            raw = found.group()
            try:
                raw.decode()
            except UnicodeDecodeError:
                raise not_utf_8(self._offset, raw) from None
            position = found.end()
            self._offset += len(raw)
            yield raw
        return position

    def _value(self, quoted: bytes | None, plain: bytes | None) -> str | None:
        if quoted is not None:
            return quoted.replace(b'""', b'"').decode()
        return None if plain is None or plain == self._null else plain.decode()

    def _refuse_hopeless(self, pending: bytearray) -> None:
        """Fail early where no further byte could complete the record: a line without a quote."""
        end = pending.find(b"\n")
        if end >= 0 and pending.find(b'"', 0, end) < 0:
            raise self._malformed(pending)

    def _malformed(self, pending: bytearray) -> CsvError:
        return malformed(self._offset, bytes(pending[:SHOWN_BYTES]), self._width)


def malformed(offset: int, found: bytes, width: int) -> CsvError:
    """The error for a record that is none; `found` begins with its first line."""
    line = found.partition(b"\n")[0]
    return _wrong(offset, f"a whole record of {width} fields", line)


def not_utf_8(offset: int, record: bytes) -> CsvError:
    """The error for a whole record whose bytes are no text."""
    return _wrong(offset, "UTF-8", record)


def _wrong(offset: int, wanted: str, found: bytes) -> CsvError:
    return CsvError(f"byte {offset}", expected=wanted, got=repr(found[:SHOWN_BYTES]))
