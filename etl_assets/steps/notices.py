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


def notice(step: Any, text: str) -> None:
    """Say it from within a step, given Dagster's context of it, which IO managers have too."""
    event = EngineEventData({NOTICE_EVENT: text})
    step.instance.report_engine_event(text, step.dagster_run, event, step_key=step.step.key)


@contextmanager
def saying_who_is_waited_for(context: dg.OpExecutionContext) -> Iterator[None]:
    """Say who holds each lock that this step has to wait for."""
    with while_waiting(partial(notice, context.get_step_execution_context())):
        yield
