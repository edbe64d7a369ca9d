"""Why a step or a check did not come to a good end, in one line, from what Dagster recorded."""

import dagster as dg
from dagster import DagsterEvent

from etl_assets import errors

CAUSE = "cause"
"""The metadata that says in one line why a check did not pass."""

_OWN_ERRORS = frozenset(name for name, kind in vars(errors).items() if isinstance(kind, type))
_INTERRUPTED = ("DagsterExecutionInterruptedError", "KeyboardInterrupt")


def cause_of_check(evaluation: dg.AssetCheckEvaluation) -> str:
    """Why a check did not pass: in this product's words, or in those of whoever made it."""
    if CAUSE in evaluation.metadata:
        return str(evaluation.metadata[CAUSE].value)
    where, why = evaluation.asset_key.to_user_string(), evaluation.description
    said = f"{where}: the check {evaluation.check_name} did not pass"
    return f"{said}: {' '.join(why.split())}" if why else said


def cause_of_step(event: DagsterEvent) -> str | None:
    """The innermost reason of a step's failure, in one line; None for an interrupted step."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    # Dagster's own wraps the cause; what this product says of it has a next step.
    while error is not None and error.cause is not None and error.cls_name not in _OWN_ERRORS:
        error = error.cause
    if error is None:
        return "the step failed without an error"
    if error.cls_name in _INTERRUPTED:
        return None
    if error.cls_name == "ChildProcessCrashException":
        return "its process ended without a word: killed, or out of memory"
    # Dagster puts the name of the class in front.
    said = error.message if error.cls_name not in _OWN_ERRORS else error.message.partition(": ")[2]
    return " ".join(said.split())
