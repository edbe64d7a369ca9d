"""The shop's orders as CSV, and a small report of each day downstream of them, in one lineage."""

from pathlib import Path

import dagster as dg
import pandas as pd

from etl_assets.config import load_config
from etl_assets.defs.build import build_definitions
from etl_assets.defs.io_managers import CsvIOManager

config = load_config(Path(__file__).with_name("etl_assets.yaml"))


@dg.asset(
    ins={"orders": dg.AssetIn("orders")},
    # The windows of `orders`, as etl_assets.yaml has them.
    partitions_def=dg.DailyPartitionsDefinition(start_date="2026-11-01"),
    io_manager_key="csv",
    # The newest window has its report when it is exported, once the sensor of these is started.
    automation_condition=dg.AutomationCondition.eager(),
    group_name="report",
    kinds={"csv", "pandas"},
)
def daily_revenue(orders: pd.DataFrame) -> pd.DataFrame:
    """What the day's orders of each status came to."""
    booked = orders[orders["status"] != "draft"]
    # Prices are Decimals, so the sums are exact.
    return booked.groupby("status", as_index=False).agg(
        orders=("id", "size"), revenue=("price", "sum")
    )


defs = dg.Definitions.merge(
    build_definitions(config),
    # The same conventions and folder; any key that the project has not used yet will do.
    dg.Definitions(assets=[daily_revenue], resources={"csv": CsvIOManager.of(config)}),
)
