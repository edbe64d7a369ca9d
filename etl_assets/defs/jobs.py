"""One job per logical table: all its shards and itself, for one window a run."""

from collections.abc import Set as AbstractSet
from typing import Any

import dagster as dg

from etl_assets.defs.asset_keys import job_name
from etl_assets.defs.asset_specs import table_tag
from etl_assets.defs.newest_window import NEWEST_CHECK
from etl_assets.defs.readable import counted
from etl_assets.private.dagster import TagAssetSelection
from etl_assets.steps.run_tags import TABLE_TAG
from etl_assets.tables.topology import LogicalTable


class _Exports(TagAssetSelection):
    """The assets of a logical table by a tag, and their checks, whatever keys they have."""

    def resolve_checks_inner(self, *graph: Any, **options: Any) -> AbstractSet[dg.AssetCheckKey]:
        """Those of the logical table that a run gives a result."""
        checks = super().resolve_checks_inner(*graph, **options)
        return {check for check in checks if check.name != NEWEST_CHECK}


def export_job(table: LogicalTable, executor: dg.ExecutorDefinition) -> Any:
    """The job of the schedule and of the command line; its type has no public name."""
    ((tag, name),) = table_tag(table.name).items()
    exports = (
        f"Exports a window of {table.name}: {counted(len(table.shards), 'shard')} in parallel."
    )
    return dg.define_asset_job(
        job_name(table),
        selection=_Exports(key=tag, value=name, include_sources=False),
        executor_def=executor,
        tags={TABLE_TAG: table.name},
        description="\n\n".join(filter(None, (table.settings.description, exports))),
    )
