"""The columns of shard tables: which are exported, how tables differ, and what all have together.

Servers compare the names of columns without regard to upper and lower case; so does this module.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from etl_assets.config import ColumnSelection
from etl_assets.errors import IncompleteError, ShardError
from etl_assets.tables.topology import Shard
from etl_assets.tables.types import TypeFacts, facts_of


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a shard table.

    Attributes:
        name: as the server spells it.
        type: the full type in the server's words, such as `bigint(20) unsigned`.
        nullable: whether it takes NULL; None where nobody asked.
        charset: the character set of a text; None where nobody asked.
        collation: how a text compares, which says nothing of what is exported.
        comment: what the server's own documentation says of it.
    """

    name: str
    type: str
    nullable: bool | None = None
    charset: str | None = None
    collation: str | None = field(default=None, compare=False)
    comment: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """The name as it compares."""
        return self.name.lower()

    @property
    def clause(self) -> sa.ColumnClause[Any]:
        """The column as it stands in a query."""
        return clause_of(self.name)

    @property
    def kind(self) -> str:
        """The type's bare name in lower case, such as `bigint`."""
        return self.type.lower().split("(", 1)[0].split(" ", 1)[0]

    @property
    def facts(self) -> TypeFacts:
        """What is known of the type."""
        return facts_of(self.kind)

    @property
    def family(self) -> str:
        """The type without its sizes and members, such as `bigint unsigned`.

        Values of types of one family are written alike.
        """
        return " ".join(re.sub(r"\(('([^']|'')*'|[^)'])*\)", "", self.type.lower()).split())

    @property
    def without_width(self) -> "Column":
        """The column as it compares with another shard's.

        The display width of an integer or a YEAR says nothing about its values, and servers from
        MySQL 8.0.19 on no longer tell it.
        """
        if not self.facts.shows_width or "zerofill" in self.type.lower():
            return self
        return replace(self, type=re.sub(r"\(\d+\)", "", self.type))

    @property
    def is_binary(self) -> bool:
        """Whether the values are raw bytes, which the client writes as hex or base64."""
        return self.facts.written == "bytes"

    @property
    def is_date(self) -> bool:
        """Whether the values have a month and a day, which may be zero."""
        return self.facts.has_date

    @property
    def is_free_text(self) -> bool:
        """Whether a value may begin with any character; numbers and times are no formulas."""
        return self.facts.written != "number"


Columns = tuple[Column, ...]


def clause_of(name: str) -> sa.ColumnClause[Any]:
    """A column as it stands in a query: its name is always quoted."""
    return sa.column(quoted_name(name, quote=True))


def selected_columns(
    shard: Shard, columns: Sequence[Column], selection: ColumnSelection | None
) -> Columns:
    """The columns to export, in the table's order.

    Raises:
        ShardError: a column that the configuration names is not there, or none is left.
    """
    if selection is None:
        return tuple(columns)
    named = selection.include or selection.exclude or ()
    there = {column.key for column in columns}
    if missing := [name for name in named if name.lower() not in there]:
        raise ShardError(
            f"{shard}: columns",
            expected=", ".join(missing),
            got=", ".join(column.name for column in columns),
            next_step="fix `columns` of the logical table",
        )
    keys = {name.lower() for name in named}
    kept = tuple(c for c in columns if (c.key in keys) == (selection.include is not None))
    if not kept:
        raise ShardError(f"{shard}: columns", expected="at least one column", got="none left")
    return kept


def united_columns(tables: Mapping[Shard, Sequence[Column]]) -> Columns:
    """The columns that the shard tables have together, in an order that stays.

    The order is that of the first shard table; what only later ones have comes after the column
    that it follows there. So a column that is added to one shard table after the other has its
    place from the first one on. A column's type is that of the first shard table that has it.

    Raises:
        IncompleteError: a column is of one family of types here and of another there.
    """
    united: list[Column] = []
    first: dict[str, tuple[Shard, Column]] = {}
    for shard, columns in tables.items():
        place = 0
        for column in columns:
            if column.key in first:
                _refuse_other_family(first[column.key], (shard, column))
                place = max(place, [c.key for c in united].index(column.key) + 1)
            else:
                first[column.key] = shard, column
                united.insert(place, column)
                place += 1
    return tuple(united)


def _refuse_other_family(first: tuple[Shard, Column], other: tuple[Shard, Column]) -> None:
    if first[1].family != other[1].family:
        raise IncompleteError(
            f"{first[0].table}: the shards' columns have no union",
            expected=f"one type of {first[1].name!r}",
            got=f"{first[1].type} in {first[0]}, {other[1].type} in {other[0]}",
            next_step="alter the shard tables alike, or leave the column out with `columns`",
        )


def usual_columns(tables: Iterable[Columns]) -> Columns:
    """What most of the tables have, compared without display widths; the first of equals."""
    shapes = Counter(tuple(column.without_width for column in columns) for columns in tables)
    return shapes.most_common(1)[0][0] if shapes else ()


def differences(usual: Columns, columns: Columns) -> Iterator[str]:
    """What sets a table's columns apart from the usual ones, one sentence each."""
    there = {column.key: column.without_width for column in columns}
    known = {column.key: column for column in usual}
    for column in usual:
        other = there.get(column.key)
        if other is None:
            yield f"column {column.name!r} is missing"
        else:
            yield from _differing_facts(column, other)
    for column in columns:
        if column.key not in known:
            yield f"column {column.name!r} is extra"
    shared = [column.key for column in usual if column.key in there]
    found = [column.key for column in columns if column.key in known]
    if shared != found:
        yield "its columns stand in another order: " + ", ".join(c.name for c in columns)


def _differing_facts(usual: Column, column: Column) -> Iterator[str]:
    facts = (
        ("is named", usual.name, column.name),
        ("is", usual.type, column.type),
        ("is in", usual.charset, column.charset),
        ("is", _null(usual), _null(column)),
    )
    for verb, expected, found in facts:
        if expected != found and None not in (expected, found):
            yield f"column {usual.name!r} {verb} {found}, elsewhere {expected}"


def _null(column: Column) -> str | None:
    return None if column.nullable is None else "NULL" if column.nullable else "NOT NULL"
