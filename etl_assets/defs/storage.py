"""The path in older dagster.yaml files of a class in `etl_assets.instance.storage`."""

from etl_assets.instance.storage import KeptSqliteStorage

__all__ = ["KeptSqliteStorage"]
