"""Lanes: which shard tables one step exports, one by one; one shard table is a lane of one."""

from collections.abc import Mapping
from dataclasses import dataclass

from etl_assets.config import ExportConfig
from etl_assets.steps.step_names import lane_names, shard_names
from etl_assets.tables.topology import LogicalTable, Shard

HOST_TAG = "etl_assets/host"
"""The tag of a step that says whose connections it uses."""
MANY_SHARDS = 64
"""Of more shards a logical table has, Dagster keeps little of each."""
FEW_SHARDS = 16
"""Up to so many shards of a logical table `auto` gives a step each: that costs a second at most."""
EVEN_LANES = 32
"""Up to so many lanes of a logical table `auto` makes two for each connection of a host.

So whoever is ready first takes over what is left, and a large shard delays few others. A lane costs
about a tenth of a second of wall time with two processes, which so few hardly notice.
"""
LONGEST_LANE = 128
"""So many shards a lane has at most under `auto`: Dagster looks at all of its outputs at times."""


@dataclass(frozen=True)
class Lane:
    """Shard tables of one host and one logical table that one step exports one by one.

    Attributes:
        name: of its op, and so of its step.
        host: where its shards are.
        outputs: its shards in the configuration's order, by the names of their outputs.
    """

    name: str
    host: str
    outputs: Mapping[str, Shard]

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Its shards."""
        return tuple(self.outputs.values())


def lanes_of(config: ExportConfig, table: LogicalTable) -> list[Lane]:
    """A logical table's lanes, as `execution.lanes` asks for them."""
    names = shard_names(table)
    hosts: dict[str, list[Shard]] = {}
    for shard in table.shards:
        hosts.setdefault(shard.host, []).append(shard)
    numbers = _numbers(config, table, {host: len(shards) for host, shards in hosts.items()})
    alone = all(numbers[host] >= len(shards) for host, shards in hosts.items())
    if alone and not isinstance(config.execution.lanes, int):
        return [Lane(name, shard.host, {name: shard}) for shard, name in names.items()]
    lanes = {
        (host, n): shards[n :: numbers[host]]
        for host, shards in hosts.items()
        for n in range(min(numbers[host], len(shards)))
    }
    lane_of = lane_names(table, lanes)
    return [
        Lane(lane_of[place], place[0], {names[shard]: shard for shard in shards})
        for place, shards in lanes.items()
    ]


def _numbers(
    config: ExportConfig, table: LogicalTable, shards: Mapping[str, int]
) -> Mapping[str, int]:
    """How many lanes each host gets for so many shards.

    Under `auto` at least as many as the host has connections, so that all may be at work. Sizes do
    not count, as the last export's may change: all processes of a run have to come to the same
    lanes. But shards that are read in parts are large.
    """
    wanted = config.execution.lanes
    if isinstance(wanted, int):
        return dict.fromkeys(shards, wanted)
    few = FEW_SHARDS if table.settings.split == 1 else MANY_SHARDS
    if wanted == "per_shard" or len(table.shards) <= few:
        return shards
    limits = {host: config.hosts[host].max_connections for host in shards}
    twice = sum(min(2 * limits[host], count) for host, count in shards.items()) <= EVEN_LANES
    return {
        host: max(limits[host] * (2 if twice else 1), -(-count // LONGEST_LANE))
        for host, count in shards.items()
    }
