"""etl_assets.yaml as frozen, validated values; every problem with its line and its key.

Here belongs what a setting is called, which values it takes and what is a secret. What a setting
means (which shards a pattern finds, which windows a cadence has) does not: see `tables`.
"""

from etl_assets.config.loading import CONFIG_VARIABLE, find_config, load_config, parse_config
from etl_assets.config.model import (
    CONFIG_NAME,
    ColumnSelection,
    ExecutionConfig,
    ExportConfig,
    HostConfig,
    OutputConfig,
    PartitionConfig,
    RetryConfig,
    ShardPattern,
    TableConfig,
    UsualRowsConfig,
)

__all__ = [
    "CONFIG_NAME",
    "CONFIG_VARIABLE",
    "ColumnSelection",
    "ExecutionConfig",
    "ExportConfig",
    "HostConfig",
    "OutputConfig",
    "PartitionConfig",
    "RetryConfig",
    "ShardPattern",
    "TableConfig",
    "UsualRowsConfig",
    "find_config",
    "load_config",
    "parse_config",
]
