"""Which logical tables a command is about."""

from collections.abc import Sequence

from etl_assets.config import ExportConfig
from etl_assets.errors import UsageError
from etl_assets.tables.topology import LogicalTable, load_topology


def load_tables(config: ExportConfig) -> tuple[LogicalTable, ...]:
    """All logical tables, as the code location will load them.

    Raises:
        ConfigError: a pattern, a schedule or an automation of the configuration cannot be used.
    """
    # Only Dagster knows its cron expressions; `verify` does without importing it.
    from etl_assets.defs.automation import condition_of  # noqa: PLC0415
    from etl_assets.defs.schedules import cron_of  # noqa: PLC0415

    tables = load_topology(config)
    for table in tables:
        cron_of(config, table)
        condition_of(config, table)
    return tables


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
                expected="one of " + ", ".join(table.name for table in tables),
                got="no such logical table",
                next_step="`etl-assets plan` shows them",
            )
    return [table for table in tables if not names or table.name in names]
