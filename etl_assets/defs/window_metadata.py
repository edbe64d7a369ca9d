"""What Dagster shows of a logical table's window: its shards, host by host, and which stand out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.filesize import decimal

from etl_assets.defs.readable import (
    Cells,
    bar,
    counted,
    mb_per_second,
    said_seconds,
    summary,
    table,
)
from etl_assets.store.manifest import ShardManifest, TableManifest

_NAMED = 5
_LINES = 20
"""So many shards have a bar each; more are counted by their rows."""
_BUCKETS = 10


def window_metadata(manifest: TableManifest) -> Mapping[str, Any]:
    """How much it is, how long it took, and how both are spread over hosts and shards."""
    shards = manifest.shards
    seconds = seconds_of(shards)
    speed = mb_per_second(manifest.bytes, seconds)
    written = summary(manifest.rows, manifest.bytes, seconds)
    return {
        "summary": f"{written}, {counted(len(shards), 'shard')}",
        "dagster/partition_row_count": manifest.rows,
        "bytes": manifest.bytes,
        "seconds": seconds,
        **({"mb_per_second": speed} if speed is not None else {}),
        "skew_seconds": round(manifest.skew_seconds, 3),
        "shards": len(shards),
        "hosts": table(_hosts(shards), ("host", "shards", "rows", "bytes", "seconds")),
        **(dict(_compared(shards)) if len(shards) > 1 else {}),
    }


def seconds_of(shards: Iterable[ShardManifest]) -> float:
    """How long runs were at work on some shards; the time between one run and the next is none."""
    runs: dict[str, list[ShardManifest]] = {}
    for shard in shards:
        runs.setdefault(shard.run_id, []).append(shard)
    return round(sum(map(_span, runs.values())), 3)


def _span(shards: Sequence[ShardManifest]) -> float:
    ends = [shard.started_at + timedelta(seconds=shard.seconds) for shard in shards]
    return (max(ends) - min(shard.started_at for shard in shards)).total_seconds()


def _hosts(shards: Iterable[ShardManifest]) -> Iterator[Cells]:
    hosts: dict[str, list[ShardManifest]] = {}
    for shard in shards:
        hosts.setdefault(shard.host, []).append(shard)
    for host, of_host in hosts.items():
        yield {
            "host": host,
            "shards": len(of_host),
            "rows": f"{sum(shard.rows for shard in of_host):,}",
            "bytes": decimal(sum(shard.bytes for shard in of_host)),
            "seconds": said_seconds(seconds_of(of_host)),
        }


def _compared(shards: Sequence[ShardManifest]) -> Iterator[tuple[str, Any]]:
    columns = ("shard", "rows", "bytes", "seconds")
    if len(shards) > _NAMED:
        slowest = sorted(shards, key=lambda shard: -shard.seconds)[:_NAMED]
        largest = sorted(shards, key=lambda shard: -shard.bytes)[:_NAMED]
        yield "slowest_shards", table(map(_line, slowest), columns)
        yield "largest_shards", table(map(_line, largest), columns)
    if len(shards) <= _LINES:
        most = max(shard.rows for shard in shards)
        bars = ({**_line(shard), "": bar(shard.rows, most)} for shard in shards)
        yield "rows_per_shard", table(bars, ("shard", "rows", "", "bytes", "seconds"))
    else:
        yield "rows_per_shard", table(_buckets([s.rows for s in shards]), ("rows", "shards", ""))


def _line(shard: ShardManifest) -> Cells:
    return {
        "shard": str(shard.shard),
        "rows": f"{shard.rows:,}",
        "bytes": decimal(shard.bytes),
        "seconds": said_seconds(shard.seconds),
    }


def _buckets(rows: Sequence[int]) -> Iterator[Cells]:
    """How many shards have how many rows, from the fewest to the most."""
    least, most = min(rows), max(rows)
    width = (most - least) // _BUCKETS + 1
    counts = [0] * ((most - least) // width + 1)
    for number in rows:
        counts[(number - least) // width] += 1
    for index, count in enumerate(counts):
        first = least + index * width
        last = min(first + width - 1, most)
        span = f"{first:,}" if first == last else f"{first:,} to {last:,}"
        yield {"rows": span, "shards": count, "": bar(count, max(counts))}
