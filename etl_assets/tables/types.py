"""What is known of each of MySQL's types: one row a type, and nothing of a type anywhere else.

A new type is a row here, one in docs/types.md and its values in the conformance tests. What is made
of these facts does not belong here: the query in `source`, the CSV in `extract`, series in `store`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

Ask: TypeAlias = Callable[[sa.ColumnClause[Any]], sa.ColumnElement[Any]]


def _as_it_is(column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    return column


def _as_double(column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    # FLOAT is shown rounded to six digits; as a double it comes to the last bit. `+ 0e0` would
    # turn -0 into 0 and CAST(… AS DOUBLE) needs MySQL 8.0.17.
    return column * sa.literal_column("1e0")


def _as_number(column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    # BIT comes as raw bytes; as a number it is text that every reader knows.
    return sa.cast(column, mysql.BIGINT(unsigned=True))


def _as_bytes(column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    # The driver takes a VECTOR for text; as a binary string its bytes come untouched.
    return sa.cast(column, sa.BINARY())


def _as_well_known_text(column: sa.ColumnClause[Any]) -> sa.ColumnElement[Any]:
    # ST_AsText gives every coordinate to the last bit (but MariaDB's -0 as 0) and drops the SRID.
    srid = sa.func.ST_SRID(column)
    text = sa.func.ST_AsText(column)
    # CONCAT only where it has to be: it gives NULL for what exceeds max_allowed_packet.
    return sa.case((srid == 0, text), else_=sa.func.concat("SRID=", srid, ";", text))


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What is known of a type.

    Attributes:
        ask: what a SELECT names for a column of it.
        written: `bytes` come raw, and the client writes them as hex or base64. The others are the
            server's own text; `text` may begin with any character, `number` is no formula.
        frame: what its values are in a DataFrame. Of an `unsigned` none is negative, of an
            `integer` where the column says so.
        bits: how long an integer is.
        literal: how a value comes back as one that compares as the value does; None where it
            does not. A `char`'s index may have another order than its comparisons.
        time: how it tells a time, for windows; None where it does not. A `count` is of seconds or
            milliseconds, a `reading` of a clock somewhere.
        shows_width: whether servers give it a display width, which says nothing of its values.
    """

    ask: Ask = _as_it_is
    written: Literal["text", "number", "bytes"] = "text"
    frame: Literal["text", "integer", "unsigned", "decimal", "float", "bytes"] = "text"
    bits: int = 0
    literal: Literal["number", "plain", "moment", "bytes", "text", "char"] | None = None
    time: Literal["date", "reading", "instant", "count"] | None = None
    shows_width: bool = False

    @property
    def has_date(self) -> bool:
        """Whether the values have a month and a day, which may be zero."""
        return self.time in ("date", "reading", "instant")


def _integer(bits: int) -> TypeFacts:
    return TypeFacts(
        written="number",
        frame="integer",
        bits=bits,
        literal="number",
        time="count",
        shows_width=True,
    )


_TEXT = TypeFacts()
_DECIMAL = TypeFacts(written="number", frame="decimal", literal="number")
_DOUBLE = TypeFacts(written="number", frame="float")
# An index has the beginnings of its values alone.
_BLOB = TypeFacts(written="bytes", frame="bytes")
_BINARY = TypeFacts(written="bytes", frame="bytes", literal="bytes")
_SHAPE = TypeFacts(ask=_as_well_known_text)
_ADDRESS = TypeFacts(literal="plain")

TYPES: Mapping[str, TypeFacts] = {
    "tinyint": _integer(8),
    "smallint": _integer(16),
    "mediumint": _integer(24),
    "int": _integer(32),
    "integer": _integer(32),
    "bigint": _integer(64),
    "decimal": _DECIMAL,
    "numeric": _DECIMAL,
    "float": TypeFacts(ask=_as_double, written="number", frame="float"),
    "double": _DOUBLE,
    "real": _DOUBLE,
    "bit": TypeFacts(ask=_as_number, written="number", frame="unsigned", bits=64),
    "date": TypeFacts(written="number", literal="moment", time="date"),
    "datetime": TypeFacts(written="number", literal="moment", time="reading"),
    "timestamp": TypeFacts(written="number", literal="moment", time="instant"),
    "time": TypeFacts(written="number", literal="plain"),
    "year": TypeFacts(written="number", literal="number", shows_width=True),
    "char": TypeFacts(literal="char"),
    "varchar": TypeFacts(literal="text"),
    "tinytext": _TEXT,
    "text": _TEXT,
    "mediumtext": _TEXT,
    "longtext": _TEXT,
    # Ordered by number and compared as text: no key.
    "enum": _TEXT,
    "set": _TEXT,
    "json": _TEXT,
    "binary": _BINARY,
    "varbinary": _BINARY,
    "tinyblob": _BLOB,
    "blob": _BLOB,
    "mediumblob": _BLOB,
    "longblob": _BLOB,
    "vector": TypeFacts(ask=_as_bytes, written="bytes", frame="bytes"),
    "geometry": _SHAPE,
    "point": _SHAPE,
    "linestring": _SHAPE,
    "polygon": _SHAPE,
    "multipoint": _SHAPE,
    "multilinestring": _SHAPE,
    "multipolygon": _SHAPE,
    "geometrycollection": _SHAPE,
    "geomcollection": _SHAPE,
    "uuid": _ADDRESS,
    "inet4": _ADDRESS,
    "inet6": _ADDRESS,
}
"""Each type by its bare name, as `information_schema` has it; SQLite has some of other names.

What arrives as it is, is the server's own text under the pinned session: integers and decimals to
the last digit, dates that no calendar knows, TIMESTAMP in UTC. docs/types.md shows what that text
is for every type, and the conformance tests load it back and compare.
"""


def facts_of(kind: str) -> TypeFacts:
    """What is known of a type; one that is not named here is text."""
    return TYPES.get(kind, _TEXT)
