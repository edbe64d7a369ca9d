"""Logical-table assets: downstream of all their shards, complete or refused."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from etl_assets.defs.asset_specs import AssetSpecs
from etl_assets.defs.checks import ROWS_CHECK, checked_partition, rows_check, rows_check_spec
from etl_assets.defs.completeness import (
    COMPLETE_CHECK,
    Attempt,
    complete_spec,
    found_complete,
    found_refused,
    log_check,
)
from etl_assets.defs.completing import has_refused_rows, staged_window
from etl_assets.defs.io_managers import CsvIOManager
from etl_assets.defs.partitions import window_of
from etl_assets.defs.resources import ResourceKeys
from etl_assets.defs.usual_rows import USUAL_CHECK, usual_rows, usual_spec
from etl_assets.defs.versions import versioned_output
from etl_assets.errors import EtlAssetsError, IncompleteError
from etl_assets.steps.liveness import ending_with_the_run
from etl_assets.steps.notices import notice, saying_who_is_waited_for
from etl_assets.steps.step_names import ascii_name, shard_names
from etl_assets.store.complete import StagedWindow, complete_window
from etl_assets.store.recipe import WindowRequest
from etl_assets.tables.topology import LogicalTable
from etl_assets.tables.windows import Window


def table_asset(
    table: LogicalTable, specs: AssetSpecs, keys: ResourceKeys, plan_tag: Mapping[str, str]
) -> dg.AssetsDefinition:
    """The asset of a logical table: it writes `_manifest.json` when every shard is proven."""
    spec = specs.tables[table.name]
    inputs = {name: specs.shards[shard].key for shard, name in shard_names(table).items()}
    checks = {"complete": complete_spec(spec)}
    # A snapshot has no windows that rows could be outside of.
    if not table.settings.is_snapshot:
        checks["check"] = rows_check_spec(table, spec)
    if table.settings.rows_as_usual is not None:
        checks["usual"] = usual_spec(spec, table.settings.rows_as_usual)

    @dg.op(
        name=ascii_name(table.name, "complete"),
        # Nothing is loaded, but the order is kept: with deps alone the step ran first.
        ins={name: dg.In(dg.Nothing) for name in inputs},
        out={
            "result": dg.Out(StagedWindow, io_manager_key=keys.csv, is_required=False),
            **{name: dg.Out(dg.Nothing, is_required=False) for name in checks},
        },
        required_resource_keys={keys.csv},
        tags=dict(plan_tag),
    )
    def complete(context: dg.OpExecutionContext) -> Iterator[Any]:
        with ending_with_the_run(), saying_who_is_waited_for(context):
            yield from _complete(context, table, getattr(context.resources, keys.csv))

    return dg.AssetsDefinition(
        node_def=complete,
        keys_by_input_name=inputs,
        keys_by_output_name={"result": spec.key},
        check_specs_by_output_name=checks,
        # The check may be executed alone, and re-execution from asset failure leaves it out.
        can_subset=True,
        specs=[spec],
    )


def _complete(
    context: dg.OpExecutionContext, table: LogicalTable, csv: CsvIOManager
) -> Iterator[Any]:
    # As it is in this run: a project may have changed it.
    key = context.assets_def.node_keys_by_output_name["result"]
    is_selected = key in context.selected_asset_keys
    asked = {check.name for check in context.selected_asset_check_keys}
    tells = is_selected or COMPLETE_CHECK in asked
    try:
        window = window_of(table, checked_partition(context, key))
    except EtlAssetsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    attempt = Attempt(table.name, len(table.shards), window.key, context.run_id)
    try:
        staged = _staged(context, table, csv, window) if is_selected else _found(csv, table, window)
        check = rows_check(table, key, staged.manifest.shards)
        if check is not None and ROWS_CHECK in asked:
            yield check
        _refuse_rows(table, staged, check)
    except EtlAssetsError as error:
        if tells:
            log_check(context, found_refused(key, attempt, str(error)))
        if is_selected or asked != {COMPLETE_CHECK}:
            raise dg.Failure(str(error), allow_retries=False) from error
        return
    if USUAL_CHECK in asked:
        yield usual_rows(table, key, csv.directory, staged.manifest)
    if tells:
        # Also where re-execution from asset failure has not asked for it.
        log_check(context, found_complete(key, staged.manifest))
    if is_selected:
        yield versioned_output(staged, "result", staged.manifest)


def _refuse_rows(
    table: LogicalTable, staged: StagedWindow, check: dg.AssetCheckResult | None
) -> None:
    """Refuse a window where rows are in none, and the table asks for that."""
    if check is not None and has_refused_rows(table, check):
        if staged.merged is not None:
            staged.merged.discard()
        raise IncompleteError(check.description or "")


def _staged(
    context: dg.OpExecutionContext, table: LogicalTable, csv: CsvIOManager, window: Window
) -> StagedWindow:
    # Once a run, not with each shard.
    if lost := csv.folder(table.name, window.key).unlocked():
        notice(context.get_step_execution_context(), lost)
    return staged_window(csv, table, window)


def _found(csv: CsvIOManager, table: LogicalTable, window: Window) -> StagedWindow:
    """What is there, for checks that are executed without the asset."""
    folder = csv.folder(table.name, window.key)
    return StagedWindow(complete_window(folder, WindowRequest.of(table, window)), None)
