"""Logical-table assets: downstream of all their shards, complete or refused."""

import dagster as dg

from etl_assets.defs.io_managers import CsvIOManager
from etl_assets.defs.names import ascii_name, shard_key, shard_names, table_key
from etl_assets.defs.partitions import partitions_of
from etl_assets.errors import IncompleteError
from etl_assets.store.complete import complete_window
from etl_assets.store.manifest import TableManifest
from etl_assets.topology import LogicalTable


def table_asset(table: LogicalTable) -> dg.AssetsDefinition:
    """The asset of a logical table: it writes `_manifest.json` when every shard is proven."""

    inputs = {name: shard_key(shard) for shard, name in shard_names(table).items()}

    @dg.op(
        name=ascii_name(table.name, "complete"),
        # Nothing is loaded, but the order is kept: with deps alone the step ran first.
        ins={name: dg.In(dg.Nothing) for name in inputs},
        out=dg.Out(TableManifest, io_manager_key="csv"),
        required_resource_keys={"csv"},
    )
    def complete(context: dg.OpExecutionContext) -> TableManifest:
        csv: CsvIOManager = context.resources.csv
        folder = csv.folder(table.name, context.partition_key)
        # Of steps that were killed: nothing else stays beside the files and their manifests.
        folder.sweep()
        try:
            return complete_window(folder, context.partition_key, table.shards)
        except IncompleteError as error:
            raise dg.Failure(str(error), allow_retries=False) from error

    return dg.AssetsDefinition(
        node_def=complete,
        keys_by_input_name=inputs,
        keys_by_output_name={"result": table_key(table)},
        specs=[
            dg.AssetSpec(
                table_key(table),
                deps=list(inputs.values()),
                group_name=table.name,
                description=f"All {len(table.shards)} shards of {table.name}, complete and proven.",
                partitions_def=partitions_of(table),
                kinds={"csv"},
            )
        ],
    )
