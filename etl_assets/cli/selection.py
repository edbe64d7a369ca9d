"""Which logical tables a command is about."""

from collections.abc import Sequence

from etl_assets.errors import UsageError
from etl_assets.topology import LogicalTable


def chosen_tables(tables: Sequence[LogicalTable], names: Sequence[str]) -> list[LogicalTable]:
    """The tables that were named, in the configuration's order; all where none was named.

    Raises:
        UsageError: a name is not a logical table's.
    """
    known = {table.name for table in tables}
    for name in names:
        if name not in known:
            raise UsageError(
                f"TABLE {name!r}",
                wanted="one of " + ", ".join(table.name for table in tables),
                found="no such logical table",
                next_step="`etl-assets plan` shows them",
            )
    return [table for table in tables if not names or table.name in names]
