"""The CSV conventions, once: how a value becomes a field, and how a field is read back.

RFC 4180 with three clarifications that make it lossless: NULL is the unquoted null token (by
default nothing at all), an empty string is always `""`, and a value equal to the null token is
quoted. Records end in a line feed; nothing is ever escaped with a backslash.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from etl_assets.errors import CsvError, SettingError

Value: TypeAlias = str | bytes | int | float | None
"""What a driver hands over: text, raw bytes, or (SQLite) numbers."""

_SHOWN_BYTES = 80
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
        zero_dates: what becomes of dates such as 0000-00-00: they are kept.
    """

    null: str = ""
    delimiter: str = ","
    quoting: Literal["minimal", "all"] = "minimal"
    header: bool = True
    compression: Literal["none", "gzip", "zstd"] = "none"
    binary: Literal["hex", "base64"] = "hex"
    zero_dates: Literal["keep"] = "keep"

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n\0':
            raise SettingError(
                "delimiter",
                "wanted one ASCII character that is neither a quote nor a line break, "
                f"found {self.delimiter!r}",
            )
        if _SPECIAL_IN_TOKEN.search(self.null) or self.delimiter in self.null:
            raise SettingError(
                "null",
                "wanted a null token without quotes, delimiters and line breaks, "
                f"found {self.null!r}",
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
        """Any value as a field."""
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

    def record(self, values: Iterable[Value]) -> str:
        """One record with its line feed."""
        return self.delimiter.join(map(self.field, values)) + "\n"

    def head(self, names: Sequence[str]) -> bytes:
        """The header record as it is stored; nothing where headers are off."""
        return self.record(names).encode() if self.header else b""


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
                raise self._wrong("UTF-8", raw) from None
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
        end = pending.find(b"\n")
        line = pending[: end if end >= 0 else len(pending)]
        return self._wrong(f"a whole record of {self._width} fields", bytes(line))

    def _wrong(self, wanted: str, found: bytes) -> CsvError:
        return CsvError(f"byte {self._offset}", wanted=wanted, found=repr(found[:_SHOWN_BYTES]))
