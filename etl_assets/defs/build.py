"""The table of contents: a configuration to Dagster definitions."""

from collections.abc import Mapping

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.checks import drift_check
from etl_assets.defs.io_managers import CsvIOManager
from etl_assets.defs.jobs import export_job
from etl_assets.defs.resources import DatabaseResource
from etl_assets.defs.schedules import export_schedule
from etl_assets.defs.sensors import dead_run_sensor
from etl_assets.defs.shard_assets import lane_assets
from etl_assets.defs.source_tables import source_tables
from etl_assets.defs.table_assets import table_asset
from etl_assets.steps.executor import export_executor
from etl_assets.steps.lanes import lanes_of
from etl_assets.steps.stale_plan import plan_tag
from etl_assets.tables.topology import load_topology


def build_definitions(
    config: ExportConfig, resources: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Everything that Dagster shows and runs; opens no database connection.

    Arguments:
        config: the configuration.
        resources: replacements for `database` and `csv`, for tests and for embedding.

    Raises:
        ConfigError: a pattern or a schedule of the configuration cannot be used.
    """
    tables = load_topology(config)
    lanes = {table.name: lanes_of(config, table) for table in tables}
    plan_tags = {table.name: plan_tag(table, lanes[table.name]) for table in tables}
    return dg.Definitions(
        assets=[
            *source_tables(config, tables),
            *(
                lane_assets(config, table, lane, plan_tags[table.name])
                for table in tables
                for lane in lanes[table.name]
            ),
            *(table_asset(table, plan_tags[table.name]) for table in tables),
        ],
        sensors=[dead_run_sensor()],
        asset_checks=[drift_check(tables, table) for table in tables],
        jobs=[export_job(table) for table in tables],
        schedules=[export_schedule(config, table) for table in tables],
        resources={
            "database": DatabaseResource.of(config),
            "csv": CsvIOManager.configure_at_launch(
                directory=config.directory,
                preview=config.output.preview,
            ),
            **(resources or {}),
        },
        executor=export_executor(config, tables),
    )
