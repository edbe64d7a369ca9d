"""Lanes: which shard tables one step exports, one by one; one shard table is a lane of one."""

from collections.abc import Mapping
from dataclasses import dataclass

from etl_assets.config import ExportConfig
from etl_assets.steps.step_names import lane_names, shard_names
from etl_assets.tables.topology import LogicalTable, Shard

HOST_TAG = "etl_assets/host"
"""The tag of a step that says whose connections it uses."""
CHEAP_STEPS = 64
"""Up to so many shards of a logical table `auto` gives a step each.

A step costs about a tenth of a second of wall time with two processes, which 64 shards hardly
notice; a thousand would.
"""
LONGEST_LANE = 128
"""So many shards a lane has at most under `auto`.

For each output Dagster looks through all outputs of its step, twice: in a lane of 2,048 that was
three quarters of the time, in one of 128 it is not seen.
"""


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
    """A logical table's lanes, as `execution.lanes` asks for them.

    Under `auto` a table of many shards gets as many lanes a host as the host has connections: more
    could not be at work at the same time. Only where these would be too long there are more.
    """
    names = shard_names(table)
    wanted = config.execution.lanes
    if wanted == "per_shard" or (wanted == "auto" and len(names) <= CHEAP_STEPS):
        return [Lane(name, shard.host, {name: shard}) for shard, name in names.items()]
    hosts: dict[str, list[Shard]] = {}
    for shard in table.shards:
        hosts.setdefault(shard.host, []).append(shard)
    lanes: dict[tuple[str, int], list[Shard]] = {}
    for host, shards in hosts.items():
        enough = max(config.hosts[host].max_connections, -(-len(shards) // LONGEST_LANE))
        number = wanted if isinstance(wanted, int) else enough
        lanes |= {(host, n): shards[n::number] for n in range(min(number, len(shards)))}
    lane_of = lane_names(table, lanes)
    return [
        Lane(lane_of[place], place[0], {names[shard]: shard for shard in shards})
        for place, shards in lanes.items()
    ]
