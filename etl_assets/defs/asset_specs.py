"""What Dagster is told of each asset, and how a project may change it.

Every other module takes keys from these specs, and what runs takes them from the assets of its
own run: a key prefix or another key then changes all of them together.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import dagster as dg

from etl_assets.config import ExportConfig
from etl_assets.defs.asset_keys import job_name, shard_key, source_key, table_key
from etl_assets.defs.partitions import partitions_of
from etl_assets.defs.table_facts import TableFacts
from etl_assets.errors import UsageError
from etl_assets.steps.lanes import HOST_TAG, MANY_SHARDS
from etl_assets.tables.topology import LogicalTable, Shard

TABLE_TAG = "etl_assets/table"
"""The tag of a logical table's own asset and of those of its shards: what its job selects."""
_OWN = "etl_assets/"
_LONGEST_TAG = 63
_TABLE = "etl_assets/table"
_HOST = "etl_assets/host"
_DATABASE = "etl_assets/database"
_SHARD_TABLE = "etl_assets/shard_table"

Role = Literal["source", "shard", "table"]


@dataclass(frozen=True)
class Subject:
    """What an asset stands for.

    Attributes:
        role: a table on a server (`source`), its CSV (`shard`), or the logical table (`table`).
        table: the logical table's name.
        shard: the shard table; None for the logical table.
    """

    role: Role
    table: str
    shard: Shard | None = None


Translate = Callable[[Subject, dg.AssetSpec], dg.AssetSpec]
"""Gives the spec that a project wants instead of the product's own; windows stay as they are."""


@dataclass(frozen=True)
class AssetSpecs:
    """The specs of all assets; sources by the asset keys that they have without a translation."""

    sources: Mapping[dg.AssetKey, dg.AssetSpec]
    shards: Mapping[Shard, dg.AssetSpec]
    tables: Mapping[str, dg.AssetSpec]

    @classmethod
    def of(
        cls,
        config: ExportConfig,
        tables: Iterable[LogicalTable],
        translate: Translate | None = None,
    ) -> "AssetSpecs":
        """The specs of a configuration's tables.

        Raises:
            ConfigError: an automation of the configuration cannot be used.
            UsageError: `translate` changes windows, or gives two assets one key.
        """
        sources: dict[dg.AssetKey, dg.AssetSpec] = {}
        shards: dict[Shard, dg.AssetSpec] = {}
        of_tables: dict[str, dg.AssetSpec] = {}
        for table in tables:
            partitions, facts = partitions_of(table), TableFacts.of(config, table)
            # Thousands of assets would say the same: there the logical table alone says it.
            of_shards = facts if len(table.shards) <= MANY_SHARDS else facts.in_short
            for shard in table.shards:
                key = source_key(shard, config.hosts[shard.host].backend)
                if key not in sources:
                    subject = Subject("source", table.name, shard)
                    sources[key] = _translated(translate, subject, _source(config, shard))
                spec = _shard(config, shard, sources[key].key, partitions, of_shards)
                shards[shard] = _translated(translate, Subject("shard", table.name, shard), spec)
            deps = [shards[shard].key for shard in table.shards]
            spec = _table(table, deps, partitions, facts)
            of_tables[table.name] = _translated(translate, Subject("table", table.name), spec)
        specs = cls(sources, shards, of_tables)
        if translate is not None:
            _refuse_one_key(specs)
        return specs


def shard_of(metadata: Mapping[str, object]) -> Shard | None:
    """The shard that an asset stands for, from its definition's metadata."""
    names = [metadata.get(name) for name in (_TABLE, _HOST, _DATABASE, _SHARD_TABLE)]
    found = [str(getattr(name, "value", name)) for name in names if name is not None]
    return Shard(*found) if len(found) == len(names) else None


def table_of(metadata: Mapping[str, object]) -> str | None:
    """The logical table that an asset stands for itself, from its definition's metadata."""
    name = metadata.get(_TABLE)
    return str(getattr(name, "value", name)) if name is not None and _HOST not in metadata else None


def _source(config: ExportConfig, shard: Shard) -> dg.AssetSpec:
    backend = config.hosts[shard.host].backend
    return dg.AssetSpec(
        source_key(shard, backend),
        group_name=f"{shard.table}_source",
        description=f"{shard.database}.{shard.shard_table} on {shard.host}.",
        kinds={backend, "table"},
        tags={HOST_TAG: shard.host, "dagster/storage_kind": backend},
        # By this alone the UI tells which assets are one table: two hosts may have one name twice.
        metadata={"dagster/table_name": str(shard)},
    )


def _shard(
    config: ExportConfig,
    shard: Shard,
    source: dg.AssetKey,
    partitions: dg.PartitionsDefinition[str],
    facts: TableFacts,
) -> dg.AssetSpec:
    return dg.AssetSpec(
        shard_key(shard),
        deps=[source],
        group_name=shard.table,
        description=f"{shard.database}.{shard.shard_table} on {shard.host} as CSV.",
        partitions_def=partitions,
        kinds={config.hosts[shard.host].backend, "csv"},
        owners=list(facts.owners),
        tags={**facts.tags, HOST_TAG: shard.host, **table_tag(shard.table)},
        code_version=facts.code_version,
        automation_condition=facts.condition,
        metadata={
            **facts.metadata,
            _TABLE: shard.table,
            _HOST: shard.host,
            _DATABASE: shard.database,
            _SHARD_TABLE: shard.shard_table,
        },
    )


def _table(
    table: LogicalTable,
    deps: list[dg.AssetKey],
    partitions: dg.PartitionsDefinition[str],
    facts: TableFacts,
) -> dg.AssetSpec:
    shards = (
        f"The shards of {table.name} ({len(table.shards)}), complete and proven. To export a "
        f"window, materialize the group or run {job_name(table)}; this asset alone exports nothing."
    )
    return dg.AssetSpec(
        table_key(table),
        deps=deps,
        group_name=table.name,
        description="\n\n".join(filter(None, (table.settings.description, shards))),
        partitions_def=partitions,
        kinds={"csv"},
        owners=list(facts.owners),
        tags={**facts.tags, **table_tag(table.name)},
        code_version=facts.code_version,
        automation_condition=facts.condition,
        metadata={**facts.metadata, _TABLE: table.name},
    )


def table_tag(name: str) -> dict[str, str]:
    """The tag of a logical table's assets; Dagster takes at most 63 characters."""
    if len(name) > _LONGEST_TAG:
        name = f"{name[:46]}_{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return {TABLE_TAG: name}


def _translated(translate: Translate | None, subject: Subject, spec: dg.AssetSpec) -> dg.AssetSpec:
    if translate is None:
        return spec
    wanted = translate(subject, spec)
    if wanted.partitions_def != spec.partitions_def:
        raise UsageError(
            f"the translation of {spec.key.to_user_string()}",
            expected="the windows that `partition` in etl_assets.yaml gives",
            got="another partitions_def",
            next_step="change `partition` instead",
        )
    # What the product knows its assets by stays, and its own dependencies are there.
    return wanted.merge_attributes(
        metadata={k: v for k, v in spec.metadata.items() if k.startswith(_OWN)},
        tags={k: v for k, v in spec.tags.items() if k.startswith(_OWN)},
        deps=[dep for dep in spec.deps if dep not in wanted.deps],
    )


def _refuse_one_key(specs: AssetSpecs) -> None:
    seen: set[dg.AssetKey] = set()
    for spec in (*specs.sources.values(), *specs.shards.values(), *specs.tables.values()):
        if spec.key in seen:
            raise UsageError(
                f"the translation of asset keys: {spec.key.to_user_string()}",
                expected="a key of its own for each asset",
                got="one key for two of them",
                next_step="let the key depend on table, shard and role",
            )
        seen.add(spec.key)
