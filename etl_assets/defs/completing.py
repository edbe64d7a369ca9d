"""How a logical table's window is completed: by its own step, or by the last shard's.

A run of some shards that leaves the logical table out may export the last of what its window lacks.
Then the window is as complete as if the table's own step had found it so.
"""

from contextlib import nullcontext
from functools import partial

import dagster as dg
from dagster import AssetCheckResult

from etl_assets.defs.checks import rows_check
from etl_assets.defs.completeness import Attempt, found_complete, found_refused, log_check
from etl_assets.defs.io_managers import CsvIOManager
from etl_assets.defs.run_facts import key_of_table
from etl_assets.defs.versions import version_tags
from etl_assets.errors import EtlAssetsError
from etl_assets.steps.notices import notice
from etl_assets.store.complete import StagedWindow, stage_window
from etl_assets.store.recipe import WindowRequest
from etl_assets.tables.topology import LogicalTable
from etl_assets.tables.windows import Window


def staged_window(csv: CsvIOManager, table: LogicalTable, window: Window) -> StagedWindow:
    """A window that is complete, merged where that is asked for.

    Raises:
        IncompleteError: it is not, or its folder holds shards that the table does not have.
        StoreError: the merged file cannot be written.
    """
    csv.refuse_other_shards(table, window.key)
    folder = csv.folder(table.name, window.key)
    # Of steps that were killed: nothing else stays beside the files and their manifests.
    folder.sweep()
    return stage_window(folder, WindowRequest.of(table, window))


def has_refused_rows(table: LogicalTable, check: AssetCheckResult | None) -> bool:
    """Whether there are rows in no window, and the table refuses them."""
    return check is not None and not check.passed and table.settings.rows_outside == "fail"


def complete_after_shards(
    context: dg.OpExecutionContext, csv: CsvIOManager, table: LogicalTable, window: Window
) -> None:
    """Complete a window after the last of its shards; where it is not complete, say why.

    Dagster shows the logical table's new files, though its own step was not asked for.
    """
    key = key_of_table(context, table)
    say = partial(notice, context.get_step_execution_context())
    attempt = Attempt(table.name, len(table.shards), window.key, context.run_id)
    try:
        staged = staged_window(csv, table, window)
        with staged.merged or nullcontext():
            check = rows_check(table, key, staged.manifest.shards)
            if check is not None and has_refused_rows(table, check):
                say(f"{table.name} {window.key}: not complete, {check.description}")
                log_check(context, found_refused(key, attempt, check.description or ""))
                return
            metadata = csv.commit_window(staged, say)
    except EtlAssetsError as error:
        # The shards are exported and proven all the same.
        say(f"{table.name} {window.key}: not complete: {error}")
        log_check(context, found_refused(key, attempt, str(error)))
        return
    log_check(context, found_complete(key, staged.manifest))
    context.log_event(
        dg.AssetMaterialization(
            key,
            description="Completed by the last of its shards.",
            metadata=metadata,
            partition=window.key,
            tags=version_tags(staged.manifest),
        )
    )
