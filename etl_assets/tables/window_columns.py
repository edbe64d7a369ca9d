"""Which columns of a table may tell the time that its rows are cut into windows by.

By their types and names alone, so it is a guess: what it is wrong about is for the user to say.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from etl_assets.tables.columns import Column, usual_columns
from etl_assets.tables.families import FoundTable


class Meaning(IntEnum):
    """What a column's name says of its time; the best for a window first."""

    CREATED = 0
    SOME_TIME = 1
    UPDATED = 2
    OF_SOMETHING_ELSE = 3


_UPDATED = re.compile(
    r"(^|_)(updat(e|ed|ion)|modif(y|ied|ication)|mtime|chang(e|ed)|sync(ed)?)(_|$)"
)
_OF_SOMETHING_ELSE = re.compile(
    r"(^|_)(birth(day|date)?|born|dob|expir(e|es|ed|y|ation)|valid|effective|end(s|ed)?|due"
    r"|deadline|last|login|seen|visit(ed)?|delet(e|ed)|remov(e|ed)|cancel(l?ed)?|until|next|schedul(e|ed)|planned)(_|$)"
)
_CREATED = re.compile(
    r"(^|_)(creat(e|ed|ion)|ctime|insert(ed)?|add(ed)?|occurr?ed|placed|ordered|logged)(_|$)"
    r"|(^|_)(order|event|log|trade|record|biz|stat)_(time|date|at|on|day|dt|ts)$"
    r"|^(dt|ds|day|date|ts|time|timestamp)$"
)
_COUNTS_TIME = re.compile(
    r"(^|_)(time|at|ts|timestamp|epoch|ctime|mtime|created|updated|modified|gmt_create)$"
)
_EPOCH_BITS = 32
"""The seconds since 1970 need as many."""


@dataclass(frozen=True)
class WindowColumn:
    """A column that all tables have, and that may tell the time of a row.

    Attributes:
        column: of the first table.
        meaning: by its name.
        indexed: in how many of the tables an index begins with it.
        tables: how many there are.
        nullable: whether it takes NULL in any of them.
        unit: what an integer seems to count; None of other types.
    """

    column: Column
    meaning: Meaning
    indexed: int
    tables: int
    nullable: bool
    unit: Literal["s", "ms"] | None = None

    @property
    def fits(self) -> bool:
        """Whether windows by it are more likely what is wanted than snapshots."""
        # What is not known yet when a row comes is NULL for a while: the row would be in no window.
        is_known = self.meaning != Meaning.SOME_TIME or not self.nullable
        return self.unit is None and self.meaning != Meaning.OF_SOMETHING_ELSE and is_known

    def __str__(self) -> str:
        null = "may be NULL" if self.nullable else "NOT NULL"
        some = f"indexed in {self.indexed} of {self.tables} shards"
        index = {0: "no index begins with it", self.tables: "indexed"}.get(self.indexed, some)
        unit = f", unit: {self.unit}" if self.unit else ""
        return f"{self.column.name} ({self.column.type}, {null}, {index}{unit})"


def window_columns(tables: Sequence[FoundTable]) -> list[WindowColumn]:
    """All candidates among the columns that the tables share, the best one first."""
    found = list(_candidates(tables))
    # The sort is stable: of equals the first one in the table comes first.
    return sorted(found, key=lambda c: (not c.fits, c.meaning, -c.indexed, c.nullable))


def _candidates(tables: Sequence[FoundTable]) -> Iterator[WindowColumn]:
    rows = [{column.key: column for column in table.columns} for table in tables]
    for column in usual_columns(table.columns for table in tables):
        same = [row[column.key] for row in rows if column.key in row]
        if len(same) < len(tables) or len({each.facts.time for each in same}) > 1:
            continue
        words = _words(column.name)
        counts = column.facts.time == "count"
        is_epoch = column.facts.bits >= _EPOCH_BITS and _COUNTS_TIME.search(words)
        if column.facts.time is None or (counts and not is_epoch):
            continue
        yield WindowColumn(
            column,
            _meaning(words),
            sum(column.key in table.indexed for table in tables),
            len(tables),
            any(each.nullable is not False for each in same),
            _unit(column, words) if counts else None,
        )


def _words(name: str) -> str:
    """A name as the patterns have it: `createdAt` is `created_at`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _meaning(words: str) -> Meaning:
    patterns = {
        Meaning.UPDATED: _UPDATED,
        Meaning.OF_SOMETHING_ELSE: _OF_SOMETHING_ELSE,
        Meaning.CREATED: _CREATED,
    }
    found = (meaning for meaning, pattern in patterns.items() if pattern.search(words))
    return next(found, Meaning.SOME_TIME)


def _unit(column: Column, words: str) -> Literal["s", "ms"]:
    is_seconds = column.facts.bits == _EPOCH_BITS or words.endswith(("_ts", "_sec", "_s"))
    return "s" if is_seconds else "ms"
