"""Numbers and tables as a person reads them; the plottable numbers stand beside them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import dagster as dg
from rich.filesize import decimal

Cells: TypeAlias = Mapping[str, str | int]
"""One line of a table: its cells by the names of their columns."""

_BAR_WIDTH = 20
_LONGEST_SQL = 2_000


def summary(rows: int, size: int, seconds: float) -> str:
    """What was written, in one line, such as `1,234,567 rows, 1.2 GB in 12.3 s, 98 MB/s`."""
    speed = mb_per_second(size, seconds)
    fast = f", {speed:,.1f} MB/s" if speed is not None and speed >= 0.1 else ""
    return f"{counted(rows, 'row')}, {decimal(size)} in {said_seconds(seconds)}{fast}"


def counted(number: int, noun: str) -> str:
    """A number of things, such as `1 shard` and `1,024 shards`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def mb_per_second(size: int, seconds: float) -> float | None:
    """Megabytes a second; None where it took no time that can be told."""
    return round(size / seconds / 1e6, 3) if seconds > 0 else None


def said_seconds(seconds: float) -> str:
    """A duration: `0.25 s`, `12.3 s`, `2 min 5 s`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def table(lines: Iterable[Cells], columns: Sequence[str]) -> dg.MetadataValue[Any]:
    """A table; all its columns are shown, though there is no line."""
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])
    records = [dg.TableRecord(dict(line)) for line in lines]
    return dg.MetadataValue.table(records, schema)


def sql_block(text: str) -> dg.MetadataValue[Any]:
    """SQL as Markdown shows it; of a long one the middle is left out, as bounds stand at the end.

    A page shows what is shorter than a thousand characters at once.
    """
    if len(text) > _LONGEST_SQL:
        half = _LONGEST_SQL // 2
        text = f"{text[:half]}\n/* … */\n{text[-half:]}"
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)
    return dg.MetadataValue.md(f"{fence}sql\n{text}\n{fence}")


def bar(value: int, most: int) -> str:
    """A bar as long as a value is large; what is not zero is seen."""
    length = round(_BAR_WIDTH * value / most) if most else 0
    return "█" * length or ("▏" if value else "")
