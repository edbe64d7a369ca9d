"""The columns of a key: how their values come and go as SQL literals without losing anything.

Each kind also tells where a value stands among the others, as a whole number, and gives a literal
for any such place. That only has to be about right: it proposes where to look for a key, and the
server says which rows are there and how keys compare.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any

import sqlalchemy as sa

from etl_assets.tables.columns import Column, clause_of

_WIDTH = 16
"""So many bytes or characters of a text tell its place."""
_ALPHABET = "-" + digits + ascii_uppercase + "_" + ascii_lowercase
_CASELESS = digits + ascii_lowercase
_WIDE = frozenset({"ucs2", "utf16", "utf16le", "utf32"})
_FIRST_MOMENT = datetime(1000, 1, 1)  # noqa: DTZ001


@dataclass(frozen=True)
class KeyColumn(ABC):
    """A column of a key.

    A raw value is text that says all of a value, as `raw` asks the server for it.
    """

    name: str

    @property
    def last(self) -> int | None:
        """The place of the last value of all; None where there always is another place."""
        return None

    @property
    def clause(self) -> sa.ColumnClause[Any]:
        """The column."""
        return clause_of(self.name)

    @property
    def raw(self) -> sa.ColumnElement[Any]:
        """The column's raw value."""
        return sa.cast(self.clause, sa.CHAR())

    @abstractmethod
    def literal(self, raw: str) -> str:
        """A raw value as an SQL literal."""

    def can_cut(self, raw: str) -> bool:
        """Whether every server compares with the literal of a value as with the value itself."""
        del raw
        return True

    def place(self, raw: str) -> int | None:
        """About where a value stands among all others; None where nothing is known of that."""
        del raw
        return None

    def raw_at(self, place: int) -> str:
        """A raw value for a place that is not after the last."""
        raise NotImplementedError


@dataclass(frozen=True)
class NumberColumn(KeyColumn):
    """Integers, DECIMAL and YEAR: their decimal text is a literal."""

    def literal(self, raw: str) -> str:
        return raw

    def place(self, raw: str) -> int | None:
        return int(Decimal(raw))

    def raw_at(self, place: int) -> str:
        return str(place)


@dataclass(frozen=True)
class PlainColumn(KeyColumn):
    """Values whose text has no character that would need an escape, such as TIME and UUID."""

    def literal(self, raw: str) -> str:
        return f"'{raw}'"


@dataclass(frozen=True)
class MomentColumn(PlainColumn):
    """DATE, DATETIME and TIMESTAMP; the session's time zone is UTC."""

    @property
    def last(self) -> int:
        return (datetime.max - _FIRST_MOMENT) // timedelta(microseconds=1)  # noqa: DTZ901

    def can_cut(self, raw: str) -> bool:
        # MySQL refuses 2026-02-31 as a literal, and MariaDB finds nothing that is equal to it; a
        # table may hold it where ALLOW_INVALID_DATES is set.
        return _moment(raw) is not None

    def place(self, raw: str) -> int | None:
        # 0000-00-00 and its like come before all that a calendar knows.
        return ((_moment(raw) or _FIRST_MOMENT) - _FIRST_MOMENT) // timedelta(microseconds=1)

    def raw_at(self, place: int) -> str:
        moment = _FIRST_MOMENT + timedelta(microseconds=max(place, 0))
        return moment.isoformat(sep=" ", timespec="microseconds")


def _moment(raw: str) -> datetime | None:
    try:
        return datetime.fromisoformat(raw)
    except ValueError:
        return None


@dataclass(frozen=True)
class BytesColumn(KeyColumn):
    """BINARY and VARBINARY, as hexadecimal digits."""

    @property
    def last(self) -> int:
        return int(256**_WIDTH) - 1

    @property
    def raw(self) -> sa.ColumnElement[Any]:
        return sa.func.HEX(self.clause)

    def literal(self, raw: str) -> str:
        return f"X'{raw}'"

    def place(self, raw: str) -> int | None:
        return int.from_bytes(bytes.fromhex(raw)[:_WIDTH].ljust(_WIDTH, b"\0"), "big")

    def raw_at(self, place: int) -> str:
        return place.to_bytes(_WIDTH, "big").rstrip(b"\0").hex()


@dataclass(frozen=True)
class TextColumn(BytesColumn):
    """CHAR and VARCHAR: the bytes that the server has, in the character set of the column.

    As literals they are compared by the column's collation, which comes before that of a literal.

    Attributes:
        charset: the column's character set.
        collation: the column's collation.
    """

    charset: str
    collation: str

    def literal(self, raw: str) -> str:
        return f"_{self.charset} X'{raw}'"

    @property
    def last(self) -> int:
        return int((len(self._alphabet) + 1) ** _WIDTH) - 1

    @property
    def _alphabet(self) -> str:
        return _ALPHABET if self.collation.endswith(("_bin", "_cs")) else _CASELESS

    def place(self, raw: str) -> int | None:
        if self.charset in _WIDE:
            return None
        alphabet = self._alphabet
        text = bytes.fromhex(raw).decode("latin-1")
        text = text if alphabet is _ALPHABET else text.lower()
        place = 0
        for character in text[:_WIDTH].ljust(_WIDTH, "\0"):
            # One that is not in the alphabet stands with the last one before it.
            below = sum(other <= character for other in alphabet)
            place = place * (len(alphabet) + 1) + below
        return place

    def raw_at(self, place: int) -> str:
        found = ""
        for _ in range(_WIDTH):
            place, digit = divmod(place, len(self._alphabet) + 1)
            # Nothing comes before all characters: the text ends there.
            found = self._alphabet[digit - 1] + found if digit else ""
        return found.encode("ascii").hex()


def key_column(column: Column) -> KeyColumn | None:
    """A column as one of a key; None where its order is not that of its literals."""
    match column.facts.literal:
        case "number":
            return NumberColumn(column.name)
        case "plain":
            return PlainColumn(column.name)
        case "moment":
            return MomentColumn(column.name)
        case "bytes":
            return BytesColumn(column.name)
        case "text" | "char" if column.charset and column.collation:
            return TextColumn(column.name, column.charset, column.collation)
    return None
