"""What the user should know while a run goes on: events that the command line shows at once."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from etl_assets.private.dagster import EngineEventData
from etl_assets.store.locks import while_waiting

NOTICE_EVENT = "etl_assets_notice"
"""The metadata of an engine event that the command line shows while the run goes on."""


def notice(context: dg.OpExecutionContext, text: str) -> None:
    """Tell it from within a step."""
    context.instance.report_engine_event(
        text,
        context.run,
        EngineEventData({NOTICE_EVENT: text}),
        step_key=context.get_step_execution_context().step.key,
    )


@contextmanager
def saying_who_is_waited_for(context: dg.OpExecutionContext) -> Iterator[None]:
    """Tell of every lock that this step has to wait for."""
    with while_waiting(lambda text: notice(context, text)):
        yield
