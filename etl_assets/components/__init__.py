"""The components that `dg` finds: exports as a YAML file of somebody's Dagster project.

Here belongs what a defs.yaml may say, and the files that `dg scaffold` writes. What Dagster is told
of an asset does not: see `defs`. Each name of this module is looked at when `dg` lists components,
so it holds nothing else; and none of it needs `dg` to load or to run.
"""

from etl_assets.components.sharded_table_export import ShardedTableExport

__all__ = ["ShardedTableExport"]
