"""Which steps of a run start first: those of big shards, and host by host in turn.

Dagster starts the steps that are ready in the order of their keys, unless they have priorities. A
big shard that starts last is what a run waits for at its end.
"""

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import dagster as dg
from sqlalchemy.exc import SQLAlchemyError

from etl_assets.config import ExportConfig
from etl_assets.errors import EtlAssetsError
from etl_assets.export.sizes import Sizes, last_sizes, server_sizes
from etl_assets.private.dagster import PRIORITY_TAG
from etl_assets.source.backends import BACKENDS
from etl_assets.source.engines import Engines
from etl_assets.steps.lanes import Lane
from etl_assets.steps.slots import free_slot
from etl_assets.tables.topology import LogicalTable, Shard

_PATIENCE_SECONDS = 3.0
"""How long servers may take to tell their statistics; the order is worth no more."""


def with_priorities(plan: Any, priorities: Mapping[str, int]) -> Any:
    """An execution plan whose steps have these priorities."""
    steps = {
        handle: step._replace(tags={**step.tags, PRIORITY_TAG: str(priorities[step.key])})
        if step.key in priorities
        else step
        for handle, step in plan.step_dict.items()
    }
    by_key = {step.key: step for step in steps.values()}
    return plan._replace(step_dict=steps, step_dict_by_key=by_key)


def priorities_of(lanes: Iterable[Lane], sizes: Sizes) -> dict[str, int]:
    """The priority of each lane's step: the k-th largest of every host, before any k+1-th."""
    total = {lane.name: sum(sizes.get(shard, 0) for shard in lane.shards) for lane in lanes}
    hosts: dict[str, list[Lane]] = {}
    for lane in lanes:
        hosts.setdefault(lane.host, []).append(lane)
    # Sorting is stable: where nothing is known, the configuration's order stays.
    turns = [
        (turn, -total[lane.name], lane.name)
        for of_host in hosts.values()
        for turn, lane in enumerate(sorted(of_host, key=lambda lane: -total[lane.name]))
    ]
    ordered = sorted(turns, key=lambda turn: turn[:2])
    return {name: len(ordered) - place for place, (_, _, name) in enumerate(ordered)}


def known_sizes(
    instance: dg.DagsterInstance, config: ExportConfig, tables: Iterable[LogicalTable]
) -> Sizes:
    """The sizes of the last export; where a table has none, what the servers' statistics say.

    A server that does not answer soon, or has no connection to spare, says nothing.
    """
    sizes: dict[Shard, int] = {}
    unknown: dict[str, list[Shard]] = {}
    for table in tables:
        found = last_sizes(config.directory, table)
        sizes |= found
        for shard in table.shards if not found else ():
            if BACKENDS[config.hosts[shard.host].backend].has_statistics:
                unknown.setdefault(shard.host, []).append(shard)
    answers: list[Sizes] = []

    def ask(host: str, shards: list[Shard]) -> None:
        engines = Engines(config.hosts, config.home)
        limit = config.hosts[host].max_connections
        with (
            suppress(SQLAlchemyError, EtlAssetsError, KeyError),
            free_slot(instance, host, limit) as is_free,
        ):
            if is_free:
                answers.append(server_sizes(engines, host, shards))
        engines.dispose()

    threads = [threading.Thread(target=ask, args=one, daemon=True) for one in unknown.items()]
    for thread in threads:
        thread.start()
    until = time.monotonic() + _PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    for one in answers:
        sizes |= one
    return sizes
