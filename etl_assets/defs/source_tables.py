"""The tables on the servers as external assets: where the lineage begins."""

from collections.abc import Iterable
from weakref import WeakValueDictionary

import dagster as dg

_KNOWN: "WeakValueDictionary[dg.AssetKey, dg.AssetsDefinition]" = WeakValueDictionary()


def source_tables(specs: Iterable[dg.AssetSpec]) -> list[dg.AssetsDefinition]:
    """External assets; one that another configuration of this process has as well is the same one.

    Dagster merges what is one object, and refuses two assets of one key.
    """
    return [_KNOWN.setdefault(spec.key, dg.AssetsDefinition(specs=[spec])) for spec in specs]
