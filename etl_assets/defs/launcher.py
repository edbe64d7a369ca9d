"""The path in older dagster.yaml files of a class in `etl_assets.instance.launcher`."""

from etl_assets.instance.launcher import ExportRunLauncher

__all__ = ["ExportRunLauncher"]
