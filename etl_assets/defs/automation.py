"""When Dagster itself is to export the newest window of a logical table, instead of a schedule.

All assets of a table have one condition, so that they are wanted at one moment: then Dagster makes
one run of them.
"""

from typing import Any

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.schedules import ever_ticks
from etl_assets.tables.topology import LogicalTable

_ON_MISSING = "on_missing"


def condition_of(config: ExportConfig, table: LogicalTable) -> dg.AutomationCondition[Any] | None:
    """The condition of a logical table and of its shards; None where the configuration has none.

    It is Dagster's own `on_missing` or `on_cron` without what they ask of dependencies: Dagster
    never sees a table on a server change, and a logical table waits for its shards within the run.

    Raises:
        ConfigError: what the configuration says is no automation.
    """
    wanted = table.settings.automation
    # Its conditions are of assets or of checks, which is not to be said here.
    of: Any = dg.AutomationCondition
    if wanted is None:
        return None
    if wanted == _ON_MISSING:
        due = of.missing().newly_true().since_last_handled()
    elif ever_ticks(wanted):
        due = of.cron_tick_passed(wanted, table.settings.partition.timezone).since_last_handled()
    else:
        expected = f"{_ON_MISSING} or a cron expression such as 0 2 * * *"
        problem = f"expected {expected}, got {wanted!r}"
        raise config.error(("tables", table.name, "automation"), problem)
    condition: dg.AutomationCondition[Any] = (of.in_latest_time_window() & due).with_label(wanted)
    return condition
