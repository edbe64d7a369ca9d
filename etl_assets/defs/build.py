"""The table of contents: a configuration to Dagster definitions."""

from collections.abc import Mapping, Sequence

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_specs import AssetSpecs, Translate
from etl_assets.defs.checks import drift_check
from etl_assets.defs.io_managers import CsvIOManager
from etl_assets.defs.jobs import export_job
from etl_assets.defs.newest_window import newest_check, newest_sensor
from etl_assets.defs.one_object import one_object
from etl_assets.defs.resources import STAND_ALONE, DatabaseResource, ResourceKeys
from etl_assets.defs.retries import retry_sensor
from etl_assets.defs.run_ends import explain_end
from etl_assets.defs.schedules import export_schedule
from etl_assets.defs.sensors import explain_failed_runs, fail_dead_runs
from etl_assets.defs.shard_assets import lane_assets
from etl_assets.defs.source_tables import source_tables
from etl_assets.defs.table_assets import table_asset
from etl_assets.steps.executor import export_executor
from etl_assets.steps.lanes import lanes_of
from etl_assets.steps.stale_plan import plan_tag
from etl_assets.tables.topology import LogicalTable, load_topology


def build_definitions(
    config: ExportConfig,
    resources: Mapping[str, object] | None = None,
    translate: Translate | None = None,
) -> dg.Definitions:
    """Everything that Dagster shows and runs, to be merged into a project; connects to nothing.

    There is no executor for the whole project and no resource key that another could have; the
    export jobs bring their own executor.

    Arguments:
        config: the configuration.
        resources: replacements for `database` and `csv`, for tests.
        translate: changes what is told of an asset, its key included.

    Raises:
        ConfigError: a pattern, a schedule or an automation of the configuration cannot be used.
        UsageError: `translate` gives two assets one key, or changes windows.
    """
    tables = load_topology(config)
    executor = export_executor(config, tables, explain_end)
    return _definitions(config, tables, executor, ResourceKeys.of(tables), resources, translate)


def stand_alone_definitions(
    config: ExportConfig, resources: Mapping[str, object] | None = None
) -> dg.Definitions:
    """The definitions of a code location that has nothing else.

    Its resources are called `database` and `csv`, and the executor is that of the UI's Materialize
    too. Errors are those of `build_definitions`.
    """
    tables = load_topology(config)
    executor = export_executor(config, tables, explain_end)
    return dg.Definitions.merge(
        _definitions(config, tables, executor, STAND_ALONE, resources),
        dg.Definitions(executor=executor),
    )


def _definitions(
    config: ExportConfig,
    tables: Sequence[LogicalTable],
    executor: dg.ExecutorDefinition,
    keys: ResourceKeys,
    resources: Mapping[str, object] | None,
    translate: Translate | None = None,
) -> dg.Definitions:
    lanes = {table.name: lanes_of(config, table) for table in tables}
    plan_tags = {table.name: plan_tag(table, lanes[table.name]) for table in tables}
    specs = AssetSpecs.of(config, tables, translate)
    given = resources or {}
    return dg.Definitions(
        assets=[
            *source_tables(specs.sources.values()),
            *(
                lane_assets(config, table, lane, specs, keys, plan_tags[table.name])
                for table in tables
                for lane in lanes[table.name]
            ),
            *(table_asset(table, specs, keys, plan_tags[table.name]) for table in tables),
        ],
        sensors=[
            fail_dead_runs,
            explain_failed_runs,
            one_object(newest_sensor(config, tables, specs, keys.newest)),
            *(
                one_object(retry_sensor(table, table.settings.retry_failed, specs))
                for table in tables
                if table.settings.retry_failed is not None
            ),
        ],
        asset_checks=[
            one_object(check)
            for table in tables
            for check in (
                drift_check(tables, table, specs, keys),
                newest_check(config, table, specs),
            )
        ],
        jobs=[export_job(table, executor) for table in tables],
        schedules=[export_schedule(config, table) for table in tables],
        resources={
            keys.database: given.get("database", DatabaseResource.of(config)),
            keys.csv: given.get("csv", CsvIOManager.of(config)),
        },
    )
