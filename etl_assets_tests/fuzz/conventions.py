"""Charter: the CSV conventions once more, in the plainest way, for comparison.

It shares nothing with the product's own encoder: a value that both get wrong alike has to be wrong
in docs/types.md.
"""

import gzip
import io
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import zstandard

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Conventions:
    """What `csv:` asks for, with its defaults."""

    null: str = ""
    delimiter: str = ","
    quoting: str = "minimal"
    header: bool = True
    compression: str = "none"
    binary: str = "hex"
    zero_dates: str = "keep"
    spreadsheet_safe: bool = False

    @classmethod
    def of(cls, settings: dict[str, Any]) -> "Conventions":
        """Those of a logical table's settings."""
        return cls(**settings.get("csv", {}))

    def field(self, value: str | None) -> str:
        """A value as it stands in a record."""
        if value is None:
            return self.null
        special = any(character in value for character in (self.delimiter, '"', "\r", "\n"))
        if self.quoting == "all" or special or value in ("", self.null):
            return '"' + value.replace('"', '""') + '"'
        return value

    def bytes_field(self, value: bytes) -> str:
        """Raw bytes as text."""
        return value.hex().upper() if self.binary == "hex" else b64encode(value).decode()

    def safe(self, text: str) -> str:
        """A text that no spreadsheet takes for a formula."""
        return "'" + text if self.spreadsheet_safe and text.startswith(_FORMULAS) else text

    def record(self, values: Iterable[str | None]) -> bytes:
        """A record without its line feed."""
        return self.delimiter.join(map(self.field, values)).encode()

    def head(self, names: Iterable[str]) -> bytes:
        """What a file begins with."""
        mark = b"\xef\xbb\xbf" if self.spreadsheet_safe else b""
        return mark + (self.record(map(self.safe, names)) + b"\n" if self.header else b"")

    def plain(self, stored: bytes) -> bytes:
        """A file's text."""
        match self.compression:
            case "gzip":
                return gzip.decompress(stored)
            case "zstd":
                reader = zstandard.ZstdDecompressor().stream_reader(
                    io.BytesIO(stored), read_across_frames=True
                )
                return reader.read()
            case _:
                return stored


def records(body: bytes) -> list[bytes]:
    """The records of a file behind its head: they end in a line feed outside quotes."""
    if not body:
        return []
    if not body.endswith(b"\n"):
        return [body]
    found: list[bytes] = []
    open_lines: list[bytes] = []
    for line in body[:-1].split(b"\n"):
        if open_lines:
            open_lines.append(line)
            if line.count(b'"') % 2:
                found.append(b"\n".join(open_lines))
                open_lines = []
        elif line.count(b'"') % 2:
            open_lines = [line]
        else:
            found.append(line)
    return found + ([b"\n".join(open_lines)] if open_lines else [])
