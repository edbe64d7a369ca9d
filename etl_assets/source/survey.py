"""All tables of a host with what is known of each without reading it: for who has no configuration.

A handful of queries a host, however many tables it has. What is made of it is not decided here: see
`tables.families`.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from etl_assets.config import HostConfig
from etl_assets.source.engines import Engines
from etl_assets.source.schema import databases_of, tables_of
from etl_assets.tables.columns import clause_of
from etl_assets.tables.families import FoundTable
from etl_assets.tables.topology import Shard

PATIENCE_SECONDS = 5
_TABLES_AT_ONCE = 100
_FIRST_TIME = "1970-01-02"
"""What is before it stands for no time: zero dates, epochs of zero, 1900-01-01."""


def survey(engines: Engines, host: str) -> list[FoundTable]:
    """The tables of every database that the account sees, views left out.

    Raises:
        sqlalchemy.exc.DBAPIError: as the server says it.
    """
    backend, access = engines.backend(host), engines.access(host)
    databases = databases_of(engines, host)
    if not databases:
        return []
    sizes = backend.table_sizes(access, databases)
    indexed = backend.indexed_columns(access, databases)
    return [
        FoundTable(
            host,
            *name,
            columns,
            size.rows if (size := sizes.get(name)) else None,
            size.bytes if size else None,
            indexed.get(name, frozenset()),
        )
        for name, columns in tables_of(engines, host, databases).items()
    ]


def hasty(host: HostConfig) -> HostConfig:
    """A host that is not waited for: a table that somebody has locked would keep us."""
    more = {"read_timeout": PATIENCE_SECONDS} if host.has_accounts else {}
    return host.model_copy(update={"connect": {**host.connect, **more}})


def first_days(
    engines: Engines, wanted: Mapping[str, tuple[Sequence[FoundTable], str]]
) -> dict[str, date]:
    """The first day in a column of some tables together, by the names under which they are given.

    All of them have to have an index on the column: the server then looks at one entry a table.
    What cannot be told within PATIENCE_SECONDS is left out, and so is what has no rows.
    """
    give_up = time.monotonic() + PATIENCE_SECONDS
    found: dict[str, date] = {}
    for name, (tables, column) in wanted.items():
        days = []
        for batch in _batches(tables):
            try:
                days += _first_days(engines, batch, column)
            except (DBAPIError, ValueError):
                return found
            if time.monotonic() > give_up:
                return found
        if days:
            found[name] = min(days)
    return found


def _batches(tables: Sequence[FoundTable]) -> Iterator[Sequence[FoundTable]]:
    places: dict[tuple[str, str], list[FoundTable]] = {}
    for table in tables:
        places.setdefault((table.host, table.database), []).append(table)
    for place in places.values():
        for first in range(0, len(place), _TABLES_AT_ONCE):
            yield place[first : first + _TABLES_AT_ONCE]


def _first_days(engines: Engines, tables: Sequence[FoundTable], column: str) -> list[date]:
    """The first day of each of some tables of a database that has rows; one query for all.

    Raises:
        ValueError: a value that is no date.
    """
    host, database = tables[0].host, tables[0].database
    backend, clause = engines.backend(host), clause_of(column)
    first = [
        sa.select(sa.func.min(clause))
        .select_from(backend.table(Shard("", host, database, table.name)))
        .where(clause >= _FIRST_TIME)
        for table in tables
    ]
    with engines.get(host, database).connect() as connection:
        backend.pin(connection)
        values = connection.execute(sa.union_all(*first)).scalars().all()
    texts = [
        value.decode() if isinstance(value, bytes) else str(value) for value in values if value
    ]
    return [date.fromisoformat(text[:10]) for text in texts]
