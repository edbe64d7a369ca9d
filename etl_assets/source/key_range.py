"""A part of a shard table: the rows between two keys, as a condition that an index can serve.

Keys are compared by the server alone, by its own collations. A key is carried as SQL literals, one
for each column, so that it is to the server what it was when it gave it away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from etl_assets.tables.columns import clause_of

Key = tuple[str, ...]
"""SQL literals for the columns of a key, or for the first of them."""


@dataclass(frozen=True)
class KeyRange:
    """The rows from one key up to another, which does not belong to them.

    Attributes:
        columns: the names of the key's columns, in the index's order.
        low: the first key; None: from the beginning on.
        high: the first key beyond; None: to the end.
    """

    columns: tuple[str, ...]
    low: Key | None = None
    high: Key | None = None

    def cut(self, keys: Sequence[Key]) -> "tuple[KeyRange, ...]":
        """The ranges between keys, which have to ascend in the server's eyes."""
        edges = (self.low, *keys, self.high)
        return tuple(replace(self, low=low, high=high) for low, high in pairwise(edges))

    @property
    def order(self) -> tuple[sa.ColumnElement[Any], ...]:
        """What the rows are ordered by."""
        return tuple(map(clause_of, self.columns))

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """All of them hold for the rows of the range, and for no other."""
        found = []
        if self.low is not None:
            found.append(self._beyond(self.low, "__gt__", "__ge__"))
        if self.high is not None:
            found.append(self._beyond(self.high, "__lt__", "__lt__"))
        return found

    def _beyond(self, key: Key, beyond: str, last: str) -> sa.ColumnElement[bool]:
        """A comparison of rows, written out: `a > x OR (a = x AND b >= y)`.

        From MySQL's manual, "Range Optimization of Row Constructor Expressions": of row
        constructors only equality uses an index; `(a, b) >= (x, y)` reads the whole table.
        """
        *before, (column, literal) = zip(self.order, map(_literal, key), strict=False)
        condition: sa.ColumnElement[bool] = getattr(column, last)(literal)
        for column, literal in reversed(before):
            condition = sa.or_(
                getattr(column, beyond)(literal), sa.and_(column == literal, condition)
            )
        return condition


def is_key(columns: Sequence[str], key: Key) -> sa.ColumnElement[bool]:
    """The rows whose key, or whose first columns of it, are these."""
    return sa.and_(
        *(clause_of(name) == _literal(literal) for name, literal in zip(columns, key, strict=False))
    )


def _literal(text: str) -> sa.ColumnElement[Any]:
    return sa.literal_column(text)
