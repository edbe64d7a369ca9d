"""What a run says of itself: its logical table, its window, and whether the command line began it.

By these tags the UI's list of runs is read and filtered. Which process a run has is in `liveness`.
"""

from collections.abc import Iterable, Mapping

import dagster as dg

from etl_assets.private.dagster import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

TABLE_TAG = "etl_assets/table"
WINDOW_TAG = "etl_assets/window"
STARTED_BY_TAG = "etl_assets/started_by"
COMMAND_LINE = "command line"
_AGAIN = "re-execution"


def missing_tags(run: dg.DagsterRun, tables: Iterable[str]) -> dict[str, str]:
    """The tags that a run of some logical tables' steps lacks; none where there are no such steps.

    The UI launches runs that nobody has tagged, and gives a run that repeats another one its tags.
    """
    names = sorted(set(tables))
    if not names:
        return {}
    wanted = {TABLE_TAG: ", ".join(names)}
    if window := _window(run.tags):
        wanted[WINDOW_TAG] = window
    if STARTED_BY_TAG in run.tags and run.parent_run_id is not None:
        # Its parent was started by what the tag says.
        wanted[STARTED_BY_TAG] = _AGAIN
    return {name: value for name, value in wanted.items() if run.tags.get(name) != value}


def _window(tags: Mapping[str, str]) -> str | None:
    """The window's key; of several, the first and the last as Dagster writes a range."""
    ends = (tags.get(ASSET_PARTITION_RANGE_START_TAG), tags.get(ASSET_PARTITION_RANGE_END_TAG))
    return "...".join(end for end in ends if end) if all(ends) else tags.get(PARTITION_NAME_TAG)
