"""Names to brace patterns: the inverse of `topology.expand`, for tables that were found.

A pattern says the same as the names, no more and no less, whatever characters they hold: its ranges
keep zeros in front, and where numbers are missing, a list of ranges leaves them out.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from etl_assets.tables.lockfile import natural_order

TableName = tuple[str, str]
"""Database and table."""

Texts = tuple[tuple[str, ...], tuple[str, ...]]
"""What stands around the numbers, of the database's name and of the table's."""

Numbers = tuple[str, ...]
"""The numbers in both names, with their zeros in front."""

_MOST_GAPS = 1.25
"""So many times the names there may be, if a few are to be called missing."""

_NUMBER = re.compile(r"[0-9]+")
_SPECIAL = re.compile(r"[\\{}]|\$(?=(?:->)?\Z)")
"""What means something in a pattern, unless a backslash stands before it."""


def cut(name: TableName) -> tuple[Texts, Numbers]:
    """A name as what is the same in all shards of a table, and the numbers that are not."""
    database, table = name
    texts = tuple(_NUMBER.split(database)), tuple(_NUMBER.split(table))
    return texts, (*_NUMBER.findall(database), *_NUMBER.findall(table))


def joined(texts: Texts, numbers: Iterable[str]) -> TableName:
    """The name that `cut` made these of; a number may also be any other text in its place."""
    rest = iter(numbers)
    database, table = ("".join(_woven(part, rest)) for part in texts)
    return database, table


def fold(names: Iterable[TableName]) -> list[str]:
    """Brace patterns that give just these names, each once; few of them, in natural order."""
    alike: dict[Texts, set[Numbers]] = {}
    for name in names:
        texts, numbers = cut(name)
        alike.setdefault(texts, set()).add(numbers)
    found = []
    for texts, rows in alike.items():
        backwards = _boxes({row[::-1] for row in rows})
        for box in min(_boxes(rows), [box[::-1] for box in backwards], key=len):
            first = joined(texts, (min(numbers, key=_order) for numbers in box))
            found.append((natural_order(first), first, _pattern(texts, map(_braces, box))))
    return [pattern for *_, pattern in sorted(found)]


def gaps(names: Sequence[TableName]) -> list[TableName]:
    """Names of one form with these that are not among them, though their numbers are in between.

    None where there are too many of them: then the numbers have another meaning.
    """
    texts, _ = cut(names[0])
    places = [set(place) for place in zip(*(cut(name)[1] for name in names), strict=True)]
    ends = [(min(map(int, place)), max(map(int, place))) for place in places]
    count = math.prod(last - first + 1 for first, last in ends)
    if count > len(names) * _MOST_GAPS:
        return []
    widths = [max(map(len, place)) if any(map(_is_padded, place)) else 0 for place in places]
    every = (
        [str(number).zfill(width) for number in range(first, last + 1)]
        for (first, last), width in zip(ends, widths, strict=True)
    )
    there = set(names)
    return [name for row in product(*every) if (name := joined(texts, row)) not in there]


def _boxes(rows: set[Numbers]) -> list[tuple[frozenset[str], ...]]:
    """The rows as products of sets that have no row in common."""
    if rows == {()}:
        return [()]
    ends: dict[Numbers, set[str]] = {}
    for row in rows:
        ends.setdefault(row[:-1], set()).add(row[-1])
    begins: dict[frozenset[str], set[Numbers]] = {}
    for begin, lasts in ends.items():
        begins.setdefault(frozenset(lasts), set()).add(begin)
    return [(*box, lasts) for lasts, rest in begins.items() for box in _boxes(rest)]


def _pattern(texts: Texts, braces: Iterable[str]) -> str:
    database, table = texts
    escaped = (
        tuple(_escaped(text).replace(".", r"\.") for text in database),
        tuple(map(_escaped, table)),
    )
    return ".".join(joined(escaped, braces))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _woven(texts: Iterable[str], numbers: Iterator[str]) -> Iterator[str]:
    first, *others = texts
    yield first
    for text in others:
        yield next(numbers)
        yield text


def _braces(numbers: frozenset[str]) -> str:
    """Numbers as a range, or as a list of ranges and numbers; one number is itself."""
    runs = list(_runs(numbers))
    if len(runs) == 1:
        (run,) = runs
        return f"{{{run[0]}..{run[-1]}}}" if len(run) > 1 else run[0]
    parts = [f"{{{run[0]}..{run[-1]}}}" if len(run) > 2 else ",".join(run) for run in runs]
    return f"{{{','.join(parts)}}}"


def _runs(numbers: frozenset[str]) -> Iterator[list[str]]:
    """Numbers that follow one another, written alike: 9 and 10 do, and so do 09 and 10."""
    # A range that begins with 08 is two digits wide, one that begins with 8 is not.
    padded = {len(number) for number in numbers if _is_padded(number)}
    run: list[str] = []
    before = None
    for number in sorted(numbers, key=lambda number: (_width(number, padded), int(number))):
        place = _width(number, padded), int(number)
        if run and before != (place[0], place[1] - 1):
            yield run
            run = []
        run.append(number)
        before = place
    yield run


def _is_padded(number: str) -> bool:
    return number[0] == "0" and len(number) > 1


def _width(number: str, padded: set[int]) -> int:
    return len(number) if len(number) in padded else 0


def _order(number: str) -> tuple[int, str]:
    return int(number), number
