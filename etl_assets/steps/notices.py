"""What the user should know while a run goes on: events that the command line shows at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import dagster as dg

from etl_assets.private.dagster import EngineEventData
from etl_assets.store.locks import while_waiting

NOTICE_EVENT = "etl_assets_notice"
"""The metadata of an engine event that the command line shows while the run goes on."""


def report_event(step: Any, text: str, metadata: dict[str, Any]) -> None:
    """Write an event into the run's log, from within a step; the command line reads the metadata.

    `step` is Dagster's context of it, which IO managers have too.
    """
    event = EngineEventData(metadata)
    step.instance.report_engine_event(text, step.dagster_run, event, step_key=step.step.key)


def notice(step: Any, text: str) -> None:
    """Say something in the run's log that the command line shows as well."""
    report_event(step, text, {NOTICE_EVENT: text})


@contextmanager
def saying_who_is_waited_for(context: dg.OpExecutionContext) -> Iterator[None]:
    """Say who holds each lock that this step has to wait for."""
    with while_waiting(partial(notice, context.get_step_execution_context())):
        yield
