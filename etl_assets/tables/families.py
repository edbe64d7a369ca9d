"""Which of the tables that were found are shards of one logical table, by their names and columns.

Shards differ in nothing but numbers: in that of the table, of the database, or of both. Names alone
do not make shards of tables that have little else in common. What a family is exported as does not
belong here: see `cli.draft`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from etl_assets.config.model import RESERVED_TABLES
from etl_assets.tables.columns import Columns, usual_columns
from etl_assets.tables.folding import Numbers, TableName, Texts, cut, joined
from etl_assets.tables.lockfile import natural_order

_LEAST_ALIKE = 0.5
"""Shards have at least so much of all their columns in common."""


@dataclass(frozen=True)
class FoundTable:
    """A table that a server has.

    Attributes:
        host: its name in the configuration.
        database: as the server spells it.
        name: as the server spells it.
        columns: in the table's order.
        rows: about how many; None where nobody knows without reading them.
        bytes: about how many; None likewise.
        indexed: the columns that an index begins with, in lower case.
    """

    host: str
    database: str
    name: str
    columns: Columns
    rows: int | None = None
    bytes: int | None = None
    indexed: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.host}.{self.database}.{self.name}"

    @property
    def table_name(self) -> TableName:
        """Database and table."""
        return self.database, self.name


@dataclass(frozen=True)
class Family:
    """The shards of one logical table, in natural order.

    Attributes:
        name: a name for the logical table, that no other one has.
        stem: the name of the tables without numbers, which others may have too.
        texts: what the names of all have in common.
        tables: two of them or more, host by host.
    """

    name: str
    stem: str
    texts: Texts
    tables: tuple[FoundTable, ...]

    @property
    def names(self) -> Mapping[str, list[TableName]]:
        """Databases and tables of each host."""
        hosts: dict[str, list[TableName]] = {}
        for table in self.tables:
            hosts.setdefault(table.host, []).append(table.table_name)
        return hosts


def families(found: Iterable[FoundTable]) -> tuple[list[Family], list[FoundTable]]:
    """The families, in the order of their names, and the tables that are in none."""
    alike: dict[Texts, list[FoundTable]] = {}
    for table in found:
        alike.setdefault(cut(table.table_name)[0], []).append(table)
    groups, single = [], []
    for texts, tables in alike.items():
        for group in _with_like_columns(tables):
            if len(group) > 1:
                groups.append((texts, group))
            else:
                single += group
    # Of those that would have one name, the largest one has it.
    groups.sort(key=lambda group: (-len(group[1]), natural_order(group[1][0].table_name)))
    stems = [_stems(*group) for group in groups]
    made = [
        Family(name, stem, texts, tuple(tables))
        for name, (_, stem), (texts, tables) in zip(_names(stems), stems, groups, strict=True)
    ]
    in_order = sorted(made, key=lambda family: natural_order((family.name, "")))
    return in_order, sorted(single, key=_place)


def _with_like_columns(tables: Iterable[FoundTable]) -> Iterator[list[FoundTable]]:
    rest = sorted(tables, key=_place)
    while rest:
        usual = _keys(usual_columns(table.columns for table in rest))
        yield [table for table in rest if _are_alike(_keys(table.columns), usual)]
        # The usual columns are those of one of them: each time there are fewer.
        rest = [table for table in rest if not _are_alike(_keys(table.columns), usual)]


def _place(table: FoundTable) -> tuple[str, list[tuple[int, int, str]]]:
    return table.host, natural_order(table.table_name)


def _keys(columns: Columns) -> frozenset[str]:
    return frozenset(column.key for column in columns)


def _are_alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= _LEAST_ALIKE * len(one | other)


def _stems(texts: Texts, tables: Sequence[FoundTable]) -> tuple[str, str]:
    """Database and table without the numbers that tell them apart; empty where nothing is left."""
    rows: list[Numbers] = [cut(table.table_name)[1] for table in tables]
    # A number that all have, such as that of a version, is a part of the name.
    kept = (row[0] if len(set(row)) == 1 else "_" for row in zip(*rows, strict=True))
    database, table = joined(texts, kept)
    return _identifier(database), _identifier(table)


def _identifier(text: str) -> str:
    """What is left of a text in letters, digits and `_`, as names of logical tables are."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")
    return f"t_{words}" if words[:1].isdigit() else words


def _names(stems: Sequence[tuple[str, str]]) -> list[str]:
    """A name for each stem of a table, with that of its database where several have the first."""
    known = Counter(table.casefold() for _, table in stems)
    taken = {name.casefold() for name in RESERVED_TABLES}
    names = []
    for database, table in stems:
        is_clear = table and known[table.casefold()] == 1
        stem = table if is_clear else "_".join(filter(None, (database, table))) or "table"
        name = stem
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.casefold())
        names.append(name)
    return names
