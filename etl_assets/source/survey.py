"""All tables of a host with what is known of each without reading it: for who has no configuration.

A handful of queries a host, however many tables it has. What is made of it is not decided here: see
`tables.families`.
"""

from etl_assets.source.engines import Engines
from etl_assets.source.schema import databases_of, tables_of
from etl_assets.tables.families import FoundTable


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
