"""What a window's files are compared with: how the present configuration would make them.

`--resume`, the completeness gate, `verify` and a schedule's ticks all ask the same question of a
shard's manifest: was it made as it would be made now? It is answered here, in words where the
answer is no.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal, Self, TypeAlias

from etl_assets.config import TableConfig
from etl_assets.csv_format import CsvFormat
from etl_assets.store.manifest import QueryRecord, ShardManifest, TableManifest, WindowRecord
from etl_assets.tables.topology import LogicalTable, Shard
from etl_assets.tables.windows import Window

OnDrift: TypeAlias = Literal["fail", "union"]

_SAME_WINDOW = timedelta(hours=1)
"""Windows of one key and one time zone that differ by no more than this are one: cadences differ by
more, and where clocks shift at a window's edge, its instants depend on whose calendar says so."""


@dataclass(frozen=True)
class Recipe:
    """How the files of a window's shards are made.

    Attributes:
        csv: the conventions of the file.
        query: what of the table.
        window: the instants; None for a snapshot, whose rows are of no window.
    """

    csv: CsvFormat
    query: QueryRecord
    window: WindowRecord | None

    @classmethod
    def of(cls, table: TableConfig, window: Window) -> Self:
        """How a logical table's settings have a window made."""
        record = None if table.is_snapshot else WindowRecord.of(window)
        return cls(table.csv, QueryRecord.of(table), record)

    @classmethod
    def of_shard(cls, manifest: ShardManifest) -> Self:
        """How a shard was made."""
        return cls(manifest.csv, manifest.query, manifest.window)

    def differences(self, manifest: ShardManifest) -> list[str]:
        """In what a shard was made otherwise, such as `where: 'id > 1', not none`."""
        return list(self._differences(Recipe.of_shard(manifest)))

    def _differences(self, made: "Recipe") -> Iterator[str]:
        for field in fields(CsvFormat):
            found, asked = (getattr(csv, field.name) for csv in (made.csv, self.csv))
            if found != asked:
                yield f"csv.{field.name}: {_said(found)}, not {_said(asked)}"
        for name in QueryRecord.model_fields:
            found, asked = getattr(made.query, name), getattr(self.query, name)
            if found != asked:
                yield f"{name}: {_said(found)}, not {_said(asked)}"
        if not _is_same(made.window, self.window):
            yield f"window: {_span(made.window)}, not {_span(self.window)}"


@dataclass(frozen=True)
class WindowRequest:
    """A logical table's window as the configuration asks for it.

    Attributes:
        partition: its key.
        shards: all its shards, in the configuration's order.
        recipe: how each of them is made.
        on_drift: whether their columns have to be the same or may differ in size.
        merge: whether there is a file of all shards too.
    """

    partition: str
    shards: tuple[Shard, ...]
    recipe: Recipe
    on_drift: OnDrift = "fail"
    merge: bool = False

    @classmethod
    def of(cls, table: LogicalTable, window: Window) -> Self:
        """As the logical table's settings ask for it."""
        settings = table.settings
        recipe = Recipe.of(settings, window)
        return cls(window.key, table.shards, recipe, settings.on_drift, settings.merge)

    @property
    def table(self) -> str:
        """The logical table."""
        return self.shards[0].table

    def fits(self, manifest: TableManifest) -> bool:
        """Whether a logical table's manifest is of these shards, all made by this recipe."""
        return [shard.shard for shard in manifest.shards] == list(self.shards) and not any(
            map(self.recipe.differences, manifest.shards)
        )


def _is_same(one: WindowRecord | None, other: WindowRecord | None) -> bool:
    if one is None or other is None:
        return one is other
    return (
        one.timezone == other.timezone
        and abs(one.start - other.start) <= _SAME_WINDOW
        and abs(one.end - other.end) <= _SAME_WINDOW
    )


def _span(window: WindowRecord | None) -> str:
    if window is None:
        return "none, a snapshot"
    return f"{window.start:%Y-%m-%dT%H:%MZ} to {window.end:%Y-%m-%dT%H:%MZ} in {window.timezone}"


def _said(value: Any) -> str:
    match value:
        case None:
            return "none"
        case tuple():
            return "[" + ", ".join(map(str, value)) + "]"
        case _:
            return repr(value)
