"""What may be wrong about tables that were taken for shards of one: sentences for their owner."""

import re
from collections.abc import Iterator, Sequence

from etl_assets.tables.columns import differences, usual_columns
from etl_assets.tables.families import Family, FoundTable
from etl_assets.tables.folding import cut, gaps, joined
from etl_assets.tables.window_columns import Meaning, WindowColumn

_MOST_NAMED = 3
_DATES = {
    "years": re.compile(r"(19|20)[0-9]{2}"),
    "months": re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])"),
    "days": re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"),
}
"""What the last number of a name may be, if it is no shard's."""


def doubts_of(
    family: Family, others: Sequence[Family], single: Sequence[FoundTable]
) -> Iterator[str]:
    """Doubts about which tables a family has; `others` and `single` are all that was found."""
    yield from _of_columns(family.tables)
    yield from _of_numbers(family)
    yield from _of_copies(family)
    for other in others:
        if other is not family and other.stem.casefold() == family.stem.casefold():
            why = "other columns" if other.texts == family.texts else "databases of other names"
            yield (
                f"{other.name} has the same stem, but {why}; if its tables are shards of this one, "
                "put its lines here"
            )
    if strange := [table for table in single if cut(table.table_name)[0] == family.texts]:
        yield f"not taken, as they have other columns: {_some(list(map(str, strange)))}"


def doubts_of_window(columns: Sequence[WindowColumn]) -> Iterator[str]:
    """Doubts about the column of a family's windows, which is the first one if it fits."""
    chosen = columns[0] if columns and columns[0].fits else None
    if chosen is None:
        yield (
            "no column seems to tell when a row came, so each window is a snapshot of whole tables"
        )
    elif chosen.indexed < chosen.tables:
        some = "" if not chosen.indexed else f" in {chosen.tables - chosen.indexed} shards"
        yield f"no index begins with {chosen.column.name}{some}: each window reads the whole table"
    if chosen is not None and chosen.nullable:
        yield f"{chosen.column.name} may be NULL, and a row without it is in no window"
    if chosen is not None and chosen.meaning == Meaning.UPDATED:
        yield f"rows that are updated change their window of {chosen.column.name}"
    for column in columns:
        if column is not chosen:
            look = "; look at a value for the unit" if column.unit else ""
            yield f"another candidate for `column`: {column}{look}"


def _of_columns(tables: Sequence[FoundTable]) -> Iterator[str]:
    usual = usual_columns(table.columns for table in tables)
    found = [
        f"{table}: {_some(different)}"
        for table in tables
        if (different := list(differences(usual, table.columns)))
    ]
    if found:
        yield (
            f"{len(found)} of {len(tables)} shards differ from the others: {_some(found, '; ')}; "
            "alter them, or set `on_drift: union`"
        )


def _of_numbers(family: Family) -> Iterator[str]:
    names = list(dict.fromkeys(table.table_name for table in family.tables))
    if missing := gaps(names):
        yield (
            f"missing between the others: {_some(list(map('.'.join, missing)))}; see that the "
            "account sees all tables"
        )
    # One name on several hosts need not have a number.
    last = {numbers[-1] for name in names if (numbers := cut(name)[1])}
    for what, pattern in _DATES.items():
        if len(last) > 1 and all(map(pattern.fullmatch, last)):
            yield (
                f"the numbers look like {what}: `match: '{_match(family)}'` in the place of "
                "`tables` finds new ones with each `etl-assets discover`"
            )


def _match(family: Family) -> str:
    """A regular expression for the names of a family, whatever their numbers are."""
    database, table = family.texts
    escaped = tuple(map(re.escape, database)), tuple(map(re.escape, table))
    count = len(database) + len(table) - 2
    return "^" + r"\.".join(joined(escaped, ["[0-9]+"] * count)) + "$"


def _of_copies(family: Family) -> Iterator[str]:
    names = [table.table_name for table in family.tables]
    if len(set(names)) < len(names):
        yield "the same names on several hosts: of a server and its replica keep one"
    elif len({table for _, table in names}) == 1:
        yield "one name in all databases: if each has a copy of all rows, keep one shard"


def _some(texts: Sequence[str], between: str = ", ") -> str:
    more = len(texts) - _MOST_NAMED
    return between.join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
