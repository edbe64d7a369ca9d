"""Tells a chat of each export that has failed: which table and window, which shards, and why."""

import json
import os
import urllib.request
from collections.abc import Iterator

import dagster as dg

WEBHOOK = os.environ["ALERTS_WEBHOOK"]
"""Whom to tell: an incoming webhook of Slack, Mattermost or whatever takes {"text": "…"}."""

UI = os.environ.get("ALERTS_UI", "http://127.0.0.1:3000")
"""Where the reader's browser finds the UI."""

RETRIES = 0
"""The `times` of `retry_failed`, to be told of what it gives up on, and of nothing before."""


@dg.run_failure_sensor(
    # The exports may be in another code location.
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def tell_of_failed_exports(context: dg.RunFailureSensorContext) -> None:
    """One message for each run that has failed."""
    run = context.dagster_run
    if int(run.tags.get("dagster/retry_number", 0)) < RETRIES:
        return
    table = run.tags.get("etl_assets/table") or run.job_name.removeprefix("export_")
    window = run.tags.get("dagster/partition", "without a window")
    told = [f"{table} {window} failed", *causes(context), f"{UI}/runs/{run.run_id}"]
    request = urllib.request.Request(
        WEBHOOK,
        json.dumps({"text": "\n".join(told)}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10):
        pass


def causes(context: dg.RunFailureSensorContext) -> Iterator[str]:
    """A line for each failed shard; of a run that failed as a whole, why it did."""
    steps = context.get_step_failure_events()
    for event in steps:
        data = event.step_failure_data.user_failure_data
        # A step of the export names each of its shards that failed, with the cause and what to do.
        yield data.description if data is not None and data.description else str(event.message)
    if not steps:
        yield str(context.failure_event.message)


defs = dg.Definitions(sensors=[tell_of_failed_exports])
