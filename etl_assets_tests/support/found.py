"""Tables as a survey would find them."""

from etl_assets.tables.columns import Column
from etl_assets.tables.families import FoundTable

ID = Column("id", "bigint unsigned", nullable=False)
CREATED = Column("created_at", "datetime", nullable=False)


def found(
    name: str, *columns: Column, host: str = "a", indexed: frozenset[str] = frozenset()
) -> FoundTable:
    """A table by its `database.table`, of 10 rows; it has an id and what is given."""
    database, table = name.split(".", 1)
    return FoundTable(host, database, table, (ID, *columns), 10, 16_384, indexed)
