"""One job per logical table: all its shards and itself, for one window a run."""

from typing import Any

import dagster as dg

from etl_assets.defs.asset_keys import job_name
from etl_assets.defs.asset_specs import table_tag
from etl_assets.steps.run_tags import TABLE_TAG
from etl_assets.tables.topology import LogicalTable


def export_job(
    table: LogicalTable, executor: dg.ExecutorDefinition, without: dg.AssetCheckKey
) -> Any:
    """The job of the schedule and of the command line; its type has no public name.

    It selects its assets by a tag, which they keep under other keys. `without` is a check that is
    of no run.
    """
    ((tag, name),) = table_tag(table.name).items()
    exports = f"Exports a window of {table.name}: {len(table.shards)} shards in parallel."
    return dg.define_asset_job(
        job_name(table),
        selection=dg.AssetSelection.tag(tag, name) - dg.AssetSelection.checks(without),
        executor_def=executor,
        tags={TABLE_TAG: table.name},
        description="\n\n".join(filter(None, (table.settings.description, exports))),
    )
