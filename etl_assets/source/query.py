"""What to SELECT from a shard table: pure functions from shard, columns and window to SQLAlchemy.

Identifiers are always quoted by the dialect, columns are always named one by one, and the user's
`where` is taken as it stands. How each type is asked for is in `tables.types`.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult, Dialect

from etl_assets.config import TableConfig
from etl_assets.errors import ShardError
from etl_assets.source.backend import Backend
from etl_assets.source.key_range import KeyRange
from etl_assets.tables.columns import Column, clause_of
from etl_assets.tables.topology import Shard
from etl_assets.tables.windows import Bound, Window

MOST_OUTSIDE = 1_000_000
"""So many rows that no window holds are counted."""

Question: TypeAlias = Literal["rows", "count", "counts_by_index", "both_counts", "zero_date_counts"]
_Parameters: TypeAlias = Mapping[str, Any] | tuple[Any, ...]

_ANY = Shard("", "", "any", secrets.token_hex(16))
"""Stands in texts for the shard that is asked: no condition of a user's holds such a name."""


@dataclass(frozen=True)
class ShardQuery:
    """What one shard table is asked for.

    Attributes:
        shard: the shard table.
        columns: what is exported, in order.
        condition: the rows that belong to the window; None for all of them.
        limit: at most so many rows (a trial); None for all of them.
        backend: the kind of database that is asked.
        zero_dates: whether dates with a zero month or day are asked for as NULL.
        missing: the keys of the columns that this shard table does not have: NULL in every row.
        outside: the rows that no window holds; None for a snapshot table.
        key_range: the part of the table that is asked for, in the order of its key; None for all
            of it, in whatever order the server has it. Not for the rows that no window holds.
        texts: what was compiled already, for a table of any name. `replace` begins anew.
    """

    shard: Shard
    columns: tuple[Column, ...]
    condition: sa.ColumnElement[bool] | None
    limit: int | None
    backend: Backend
    zero_dates: Literal["keep", "null", "error"] = "keep"
    missing: frozenset[str] = frozenset()
    outside: sa.ColumnElement[bool] | None = None
    key_range: KeyRange | None = None
    texts: dict[Question, tuple[str, _Parameters]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def of(self, shard: Shard) -> "ShardQuery":
        """The same of another shard table, which has the same columns; it is not compiled anew."""
        query = replace(self, shard=shard)
        query.texts.update(self.texts)
        return query

    def ask(self, connection: Connection, question: Question, **options: Any) -> CursorResult[Any]:
        """Execute one of the queries below, with SQLAlchemy's options of an execution."""
        text, parameters = self._compiled(question, connection.dialect)
        return connection.exec_driver_sql(text, parameters, execution_options=options)

    def _compiled(self, question: Question, dialect: Dialect) -> tuple[str, _Parameters]:
        """A query as the driver takes it. Compiling it takes as long as a small table does."""
        if question not in self.texts:
            compiled = getattr(replace(self, shard=_ANY), question).compile(dialect=dialect)
            names, values = compiled.positiontup, compiled.params
            known = values if names is None else tuple(values[name] for name in names)
            self.texts[question] = (str(compiled), known)
        text, parameters = self.texts[question]
        quote = dialect.identifier_preparer.format_table
        return text.replace(quote(self.backend.table(_ANY)), quote(self._source)), parameters

    @property
    def _source(self) -> sa.TableClause:
        return self.backend.table(self.shard)

    @property
    def rows(self) -> sa.Select[Any]:
        """The rows, one column for each of `columns`."""
        query = sa.select(*map(self._expression, self.columns)).select_from(self._source)
        # A range of the clustered key comes in its order: the server does not sort for this.
        order = self.key_range.order if self.key_range is not None else ()
        return self._restricted(query).order_by(*order)

    @property
    def text(self) -> str:
        """`rows` of the whole table as SQL to read, whatever part of it is asked for."""
        return self.backend.text(replace(self, key_range=None).rows)

    @property
    def count(self) -> sa.Select[Any]:
        """The number of rows that `rows` gives."""
        if self.limit is None:
            return self._restricted(sa.select(sa.func.count()).select_from(self._source))
        limited = self._restricted(sa.select(sa.literal_column("1")).select_from(self._source))
        return sa.select(sa.func.count()).select_from(limited.subquery())

    @property
    def counts_by_index(self) -> sa.Select[Any]:
        """`count`, and how many rows no window holds, at most MOST_OUTSIDE: history may be long.

        Each is a query of its own, which an index can serve.
        """
        assert self.outside is not None
        one: sa.ColumnElement[Any] = sa.literal_column("1")
        rows = sa.select(one).select_from(self._source).where(self.outside).limit(MOST_OUTSIDE)
        outside = sa.select(sa.func.count()).select_from(rows.subquery())
        return sa.select(self.count.scalar_subquery(), outside.scalar_subquery())

    @property
    def both_counts(self) -> sa.Select[Any]:
        """`count` and the rows outside, in one pass: for a table that has to be read whole."""
        assert self.condition is not None
        assert self.outside is not None
        counts: list[sa.ColumnElement[Any]] = [
            sa.func.count(sa.case((condition, sa.literal_column("1"))))
            for condition in (self.condition, self.outside)
        ]
        return sa.select(*counts).select_from(self._source)

    @property
    def dates(self) -> tuple[Column, ...]:
        """The columns whose values may be zero dates."""
        if not self.backend.has_zero_dates:
            return ()
        return tuple(c for c in self.columns if c.is_date and c.key not in self.missing)

    @property
    def zero_date_counts(self) -> sa.Select[Any]:
        """How many zero dates `rows` would give in each of `dates`; NULL where there is no row."""
        names = [sa.label(f"d{number}", column.clause) for number, column in enumerate(self.dates)]
        rows = self._restricted(sa.select(*names).select_from(self._source)).subquery()
        # A sum of truths is a number, not another truth.
        counts: list[sa.ColumnElement[Any]] = [
            sa.func.SUM(self.backend.is_zero_date(column), type_=sa.Integer()) for column in rows.c
        ]
        return sa.select(*counts)

    def _expression(self, column: Column) -> sa.ColumnElement[Any]:
        if column.key in self.missing:
            return sa.null()
        if self.zero_dates == "null" and column in self.dates:
            is_zero = self.backend.is_zero_date(column.clause)
            return sa.case((is_zero, sa.null()), else_=column.clause)
        return self.backend.asked(column)

    def _restricted(self, query: sa.Select[Any]) -> sa.Select[Any]:
        if self.key_range is not None:
            query = query.where(*self.key_range.conditions)
        if self.condition is not None:
            query = query.where(self.condition)
        return query if self.limit is None else query.limit(self.limit)


def window_condition(
    shard: Shard, columns: Sequence[Column], window: Window, table: TableConfig
) -> sa.ColumnElement[bool] | None:
    """The rows of a window: the bounds of the column, and the user's `where`.

    A snapshot table has no bounds. `columns` are all that the shard table has: the column that
    cuts the windows need not be exported.

    Raises:
        ShardError: the column is missing, or its type does not tell a time.
    """
    conditions: list[sa.ColumnElement[bool]] = []
    if table.partition.column is not None:
        low, high = window_bounds(shard, columns, window, table)
        column = clause_of(table.partition.column)
        conditions += [column >= low, column < high]
    return _wanted(conditions, table) if conditions or table.where is not None else None


def outside_condition(
    shard: Shard, columns: Sequence[Column], first: Window, table: TableConfig
) -> sa.ColumnElement[bool]:
    """The rows that no window holds: NULL or zero in the column, or before the first window.

    Raises:
        ShardError: as `window_condition`.
    """
    low, _ = window_bounds(shard, columns, first, table)
    column = clause_of(table.partition.column or "")
    return _wanted([sa.or_(column.is_(None), column < low)], table)


def _wanted(conditions: list[sa.ColumnElement[bool]], table: TableConfig) -> sa.ColumnElement[bool]:
    if table.where is not None:
        # A literal column is SQL as it stands: text() would read `:x` in it as a parameter. The
        # line break ends a comment that the user's text may end in.
        # It has no type: a Boolean would be compared with 1, and `flags & 4` is true as well.
        conditions = [*conditions, sa.literal_column(f"({table.where}\n)")]
    return sa.and_(*conditions)


def window_bounds(
    shard: Shard, columns: Sequence[Column], window: Window, table: TableConfig
) -> tuple[Bound, Bound]:
    """The half-open bounds of a window in the column that cuts the windows.

    Raises:
        ShardError: as `window_condition`.
    """
    partition = table.partition
    kinds = {column.key: column.kind for column in columns}
    key = (partition.column or "").lower()
    if key not in kinds:
        raise ShardError(
            f"{shard}: partition.column",
            expected=f"a column {partition.column!r}",
            got=", ".join(column.name for column in columns),
            next_step="fix `partition.column` of the logical table",
        )
    try:
        return window.bounds(
            kinds[key],
            unit=partition.unit,
            column_timezone=partition.column_timezone,
        )
    except ValueError as error:
        raise ShardError(f"{shard}: partition.column {partition.column!r}: {error}") from None
