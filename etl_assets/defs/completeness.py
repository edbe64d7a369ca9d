"""The check `complete` of a logical table: whether a run brought a window together, and why not.

The table's own step says so where it runs. Where it does not, as its shards have failed, whoever
sees the end of the run does (`run_ends`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from etl_assets.defs.causes import CAUSE
from etl_assets.defs.checks import window_check
from etl_assets.defs.next_steps import after_a_failure, export_command
from etl_assets.defs.readable import counted
from etl_assets.store.manifest import TableManifest

COMPLETE_CHECK = "complete"

_NAMED = 5
_SHOWN = 100


def complete_spec(asset: dg.AssetSpec) -> dg.AssetCheckSpec:
    """The check of every window; it blocks nothing, as an incomplete window gives no asset."""
    return window_check(
        COMPLETE_CHECK,
        asset,
        "Every shard of the window is there and proven. After a run that failed it says which "
        "shards failed, why, and what to do next.",
    )


def log_check(context: dg.OpExecutionContext, evaluation: dg.AssetCheckEvaluation) -> None:
    """Record a result from a step, whether the step was asked for it or not.

    Re-execution from asset failure leaves out what has a result.
    """
    # Dagster takes it, and its types do not say so.
    event: Any = evaluation
    context.log_event(event)


def found_complete(key: dg.AssetKey, manifest: TableManifest) -> dg.AssetCheckEvaluation:
    """The check of a window that is complete."""
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=COMPLETE_CHECK,
        passed=True,
        description=f"{counted(len(manifest.shards), 'shard')}, {counted(manifest.rows, 'row')}.",
        metadata={"rows": manifest.rows},
        partition=manifest.partition,
    )


@dataclass(frozen=True)
class Attempt:
    """A run that was to complete a window.

    Attributes:
        table: the logical table.
        shards: how many it has.
        window: the window's key.
        run_id: the run.
    """

    table: str
    shards: int
    window: str
    run_id: str


def found_incomplete(
    key: dg.AssetKey, attempt: Attempt, causes: Mapping[str, str]
) -> dg.AssetCheckEvaluation:
    """The check of a window of which a run did not bring some shards.

    `causes` says why, in one line each, by the names of the shards; by that of the table where no
    shard is to blame.
    """
    lines = _lines(attempt.table, causes)
    more = [f"and {counted(len(lines) - _NAMED, 'more cause')}"] if len(lines) > _NAMED else []
    failed = len(causes) if attempt.table not in causes else 0
    summary = f"{failed} of {attempt.shards} shards failed."
    next_step = after_a_failure(attempt.table, attempt.window, attempt.run_id)
    records = [dg.TableRecord({"shard": s, "cause": c}) for s, c in list(causes.items())[:_SHOWN]]
    return _not_complete(
        key,
        attempt,
        [*([summary] if failed else []), *lines[:_NAMED], *more, next_step],
        {CAUSE: lines[0], "failed": dg.MetadataValue.table(records), "next_step": next_step},
    )


def _lines(table: str, causes: Mapping[str, str]) -> list[str]:
    """A line for each cause, with the first of the shards that have it in common."""
    shards: dict[str, list[str]] = {}
    for shard, cause in causes.items():
        shards.setdefault(cause.removeprefix(f"{shard}: "), []).append(shard)
    return [
        cause
        if named[0] == table or cause.startswith(named[0])
        else f"{named[0]}{f' and {len(named) - 1} more' if named[1:] else ''}: {cause}"
        for cause, named in shards.items()
    ]


def found_refused(key: dg.AssetKey, attempt: Attempt, cause: str) -> dg.AssetCheckEvaluation:
    """The check of a window that the table itself refuses to call complete; `cause` says why."""
    next_step = (
        f"Then materialize {attempt.window} again, or run: "
        f"{export_command(attempt.table, attempt.window)}"
    )
    metadata = {CAUSE: cause, "next_step": next_step}
    return _not_complete(key, attempt, [f"Refused: {cause}", next_step], metadata)


def _not_complete(
    key: dg.AssetKey, attempt: Attempt, lines: Sequence[str], metadata: Mapping[str, Any]
) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=COMPLETE_CHECK,
        passed=False,
        # The UI shows Markdown, where a single line break is none.
        description="\n\n".join(lines),
        metadata={**metadata, "run": dg.MetadataValue.dagster_run(attempt.run_id)},
        # It blocks nothing, but so re-execution from asset failure looks at all of it again.
        blocking=True,
        partition=attempt.window,
    )
