"""The path in older dagster.yaml files of a class in `etl_assets.instance.compute_logs`."""

from etl_assets.instance.compute_logs import RedirectingComputeLogManager

__all__ = ["RedirectingComputeLogManager"]
