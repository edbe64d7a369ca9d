"""Charter: what a column type of the matrix is: its SQL, its edges, and how Hypothesis makes more.

Values are SQL expressions, so that a value enters the server without the driver's or a reader's
ideas of its type.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, islice

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

Sql = st.SearchStrategy[str]

_BATCH = 2_000
_FRESH = 10


@dataclass(frozen=True)
class ColumnType:
    """A column type with values for it.

    Attributes:
        sql: the type as CREATE TABLE takes it.
        edges: values at its bounds, as SQL.
        made: a strategy for any value of it, as SQL.
    """

    sql: str
    edges: tuple[str, ...] = field(repr=False)
    made: Sql = field(repr=False)


def text_literal(text: str) -> str:
    """Text as SQL, whatever it holds and whatever the session is set to."""
    return f"_utf8mb4 x'{text.encode().hex()}'" if text else "''"


def bytes_literal(data: bytes) -> str:
    """Bytes as SQL."""
    return f"x'{data.hex()}'" if data else "''"


def edge_rows(types: Sequence[ColumnType]) -> Iterator[list[str]]:
    """Rows in which each edge of each type is at least once, and a row of NULLs."""
    yield ["NULL"] * len(types)
    for row in range(max(len(each.edges) for each in types)):
        yield [each.edges[row % len(each.edges)] for each in types]


def made_batches(types: Sequence[ColumnType], cells: int) -> Iterator[list[tuple[str, ...]]]:
    """At least so many cells made by Hypothesis, in rows, thousands at once.

    They are the same every time.
    """
    strategy = st.tuples(*map(_cell, types))
    rows = chain.from_iterable(_made(strategy, number) for number in count())
    wanted = -(-cells // len(types))
    for first in range(0, wanted, _BATCH):
        yield list(islice(rows, min(_BATCH, wanted - first)))


def _made(strategy: st.SearchStrategy[tuple[str, ...]], number: int) -> list[tuple[str, ...]]:
    """Some rows, others for each number.

    Only a few at once: later examples are mostly copies of parts of earlier ones, which helps to
    find a bug that takes equal values, and here would make the same cells again and again.
    """
    rows: list[tuple[str, ...]] = []

    @seed(number)
    @settings(
        max_examples=_FRESH,
        database=None,
        deadline=None,
        # Nothing fails here, so there is nothing to shrink.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(row: tuple[str, ...]) -> None:
        rows.append(row)

    collect()
    # The first is always the simplest.
    return rows if number == 0 else rows[1:]


@st.composite
def _cell(draw: st.DrawFn, kind: ColumnType) -> str:
    """Any value; now and then NULL or an edge."""
    chance = draw(st.integers(0, 15))
    if chance == 15:
        return "NULL"
    return draw(st.sampled_from(kind.edges) if chance == 14 else kind.made)
