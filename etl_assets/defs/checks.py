"""Asset checks of logical tables: rows in no window, servers that differ from the configuration.

The check of each shard, that its file holds as many rows as the server counted, is made in the
shard's own step (`shard_assets`).
"""

import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg
from sqlalchemy.exc import DBAPIError

from etl_assets.defs.asset_specs import AssetSpecs
from etl_assets.defs.causes import CAUSE
from etl_assets.defs.partitions import first_window
from etl_assets.defs.readable import counted
from etl_assets.defs.resources import DatabaseResource, ResourceKeys
from etl_assets.errors import EtlAssetsError
from etl_assets.source.drift import Finding, compare, in_no_window
from etl_assets.source.failures import server_text
from etl_assets.steps.step_names import ascii_name
from etl_assets.store.manifest import ShardManifest
from etl_assets.tables.topology import LogicalTable

ROWS_CHECK = "rows_in_windows"
DRIFT_CHECK = "matches_servers"

_SHOWN = 100
_NAMED = 5


def window_check(
    name: str, asset: dg.AssetSpec, description: str, *, blocking: bool = False
) -> dg.AssetCheckSpec:
    """A check whose result is each window's own: a backfill leaves that of the newest one alone."""
    with warnings.catch_warnings():
        # That Dagster may change it yet is not the user's to act on.
        warnings.filterwarnings("ignore", "Specifying a partitions_def", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name,
            asset=asset.key,
            description=description,
            blocking=blocking,
            partitions_def=asset.partitions_def,
        )


def rows_check_spec(table: LogicalTable, asset: dg.AssetSpec) -> dg.AssetCheckSpec:
    """The check that every row of every shard table is in some window."""
    return window_check(
        ROWS_CHECK,
        asset,
        f"Every row's {table.settings.partition.column} is in a window: it is neither "
        "NULL nor zero, and not before the first window.",
    )


def rows_check(
    table: LogicalTable, key: dg.AssetKey, shards: Sequence[ShardManifest]
) -> dg.AssetCheckResult | None:
    """What the shards' steps counted; None where they did not."""
    counts = {m.shard: m.rows_outside for m in shards if m.rows_outside is not None}
    if not counts:
        return None
    first = first_window(table)
    total = sum(counts.values())
    findings = [
        Finding(table.name, str(shard), in_no_window(count, table, first))
        for shard, count in counts.items()
        if count
    ]
    must = table.settings.rows_outside == "fail"
    cause = (
        f"{table.name}: {in_no_window(total, table, first)}, in {counted(len(findings), 'shard')}"
    )
    return dg.AssetCheckResult(
        passed=not findings,
        check_name=ROWS_CHECK,
        asset_key=key,
        severity=dg.AssetCheckSeverity.ERROR if must else dg.AssetCheckSeverity.WARN,
        description=cause if findings else "Every row is in a window.",
        metadata={"rows": total, **_shown(findings, cause)},
    )


def drift_check(
    tables: Sequence[LogicalTable], table: LogicalTable, specs: AssetSpecs, keys: ResourceKeys
) -> dg.AssetChecksDefinition:
    """The check that compares configuration, lock and servers; `tables` are all there are."""
    hosts, key = {shard.host for shard in table.shards}, specs.tables[table.name].key

    # Dagster's own decorator makes a name of the key, and refuses what is not ASCII in it.
    @dg.op(
        name=ascii_name(table.name, DRIFT_CHECK),
        ins={"exported": dg.In(dg.Nothing)},
        out={"result": dg.Out(dg.Nothing)},
        required_resource_keys={keys.database},
        # Its connection counts against the host's limit; a check can have one pool only.
        pool=hosts.pop() if len(hosts) == 1 else None,
    )
    def matches_servers(context: dg.OpExecutionContext) -> Any:
        # As it is in this run: a project may have changed it.
        (asked,) = context.selected_asset_check_keys
        database: DatabaseResource = getattr(context.resources, keys.database)
        try:
            findings, _ = compare(database.engines, tables, [table])
        except DBAPIError as error:
            findings = [Finding(table.name, table.name, server_text(error))]
        except EtlAssetsError as error:
            findings = [Finding(table.name, table.name, str(error))]
        problems = [finding for finding in findings if finding.is_problem]
        cause = "; ".join(f"{f.where}: {f.problem}" for f in problems[:_NAMED])
        yield dg.AssetCheckResult(
            passed=not problems,
            check_name=DRIFT_CHECK,
            asset_key=asked.asset_key,
            severity=dg.AssetCheckSeverity.WARN,
            description=counted(len(problems), "finding") if problems else "As configured.",
            metadata=_shown(findings, f"{table.name}: {cause}"),
        )

    made: dg.AssetChecksDefinition = dg.AssetChecksDefinition.create(
        keys_by_input_name={"exported": key},
        node_def=matches_servers,
        check_specs_by_output_name={
            "result": dg.AssetCheckSpec(
                DRIFT_CHECK,
                asset=key,
                description="The servers have exactly the shard tables that are exported, and "
                "their columns are alike.",
            )
        },
        can_subset=False,
    )
    return made


def checked_partition(context: dg.OpExecutionContext, key: dg.AssetKey) -> str:
    """The window that a check is about: the run's, else the one that was exported last.

    Dagster asks for no partition when a check is executed alone.

    Raises:
        Failure: nothing was exported yet.
    """
    if context.has_partition_key:
        return context.partition_key
    event = context.instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event is not None else None
    if materialization is None or materialization.partition is None:
        raise dg.Failure(
            f"{key.to_user_string()}: expected a window that was exported, got none; "
            "materialize the asset first",
            allow_retries=False,
        )
    return materialization.partition


def _shown(findings: Sequence[Finding], cause: str) -> dict[str, dg.MetadataValue]:
    """The findings as a table, and in one line."""
    if not findings:
        return {}
    records = [
        dg.TableRecord({"where": f.where, "problem": f.problem, "allowed": not f.is_problem})
        for f in findings[:_SHOWN]
    ]
    return {CAUSE: dg.MetadataValue.text(cause), "findings": dg.MetadataValue.table(records)}
