"""The tables on the servers as external assets: where the lineage begins.

Two configurations of one project may read one table. Dagster merges what is one object and refuses
two assets of one key, so the table is one object for all that is loaded into one code location.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

import dagster as dg

from etl_assets.defs.one_object import NOTES


class SourceTable(dg.AssetsDefinition):
    """The external asset of one table; it stays one object for as long as its spec stays."""

    def with_attributes(self, **changes: Any) -> dg.AssetsDefinition:
        """A copy with changes; itself where a component only notes its YAML file."""
        return self if changes.keys() <= NOTES else super().with_attributes(**changes)

    def map_asset_specs(self, fn: Callable[[dg.AssetSpec], dg.AssetSpec]) -> dg.AssetsDefinition:
        """The asset of another spec, which configurations that are loaded later have as well."""
        (spec,) = self.specs
        changed = fn(spec)
        if changed == spec:
            return self
        _KNOWN[spec.key] = known = SourceTable(specs=[changed])
        return known

    def with_resources(
        self, resource_defs: Mapping[str, dg.ResourceDefinition]
    ) -> dg.AssetsDefinition:
        """The asset in a code location that is whole; what is loaded later is of another one."""
        if _KNOWN.get(self.key) is self:
            del _KNOWN[self.key]
        return super().with_resources(resource_defs)


_KNOWN: WeakValueDictionary[dg.AssetKey, SourceTable] = WeakValueDictionary()
"""Of code locations that are being loaded."""


def source_tables(specs: Iterable[dg.AssetSpec]) -> list[SourceTable]:
    """External assets, each the one that other configurations of the code location have as well."""
    return [_KNOWN.setdefault(spec.key, SourceTable(specs=[spec])) for spec in specs]
