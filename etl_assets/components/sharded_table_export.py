"""The component `ShardedTableExport`: an etl_assets.yaml in a folder of a project's definitions."""

from pathlib import Path
from typing import Annotated

import dagster as dg
from pydantic import BaseModel

from etl_assets.components.scaffolder import ExportScaffolder
from etl_assets.components.translation import Translation, with_located_mistakes
from etl_assets.config import CONFIG_NAME, load_config
from etl_assets.defs.asset_specs import Subject
from etl_assets.defs.build import build_definitions
from etl_assets.errors import EtlAssetsError
from etl_assets.private.dagster import ComponentTreeException
from etl_assets.tables.lockfile import LOCK_NAME


@dg.scaffold_with(ExportScaffolder)
class ShardedTableExport(dg.Component, dg.Resolvable, dg.Model):
    """Sharded tables of MySQL as CSV files: an asset for each shard table and each logical table.

    What is exported, and how, is said in an etl_assets.yaml, which `etl-assets` on the command line
    reads as well.
    """

    config: Annotated[
        str, dg.Resolver.default(description="The configuration: a path from defs.yaml's folder.")
    ] = CONFIG_NAME
    translation: Translation | None = None
    """Changes what is told of each asset. Templates know `table`, `role` (source, shard or table),
    `shard` (with `shard.host`, `shard.database`, `shard.shard_table`) and `spec`."""

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """What a defs.yaml may say under `attributes`."""
        return with_located_mistakes(cls.model())

    def get_asset_spec(self, subject: Subject, spec: dg.AssetSpec) -> dg.AssetSpec:
        """What Dagster is told of an asset; override it to say something else.

        Arguments:
            subject: what the asset stands for.
            spec: what the product says of it.
        """
        return spec if self.translation is None else self.translation(spec, subject)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets, checks, jobs, schedules and the sensor of the configuration.

        Raises:
            ComponentTreeException: it cannot be used; one line says which file, where and why.
        """
        # In Python it is the file that makes the component.
        folder = context.path.parent if context.path.is_file() else context.path
        path = folder / self.config
        try:
            return build_definitions(load_config(path), translate=self.get_asset_spec)
        except EtlAssetsError as error:
            # Dagster shows errors of this class as they are, and others below a page of frames.
            raise ComponentTreeException(_located(error, path, folder)) from None


def _located(error: EtlAssetsError, path: Path, folder: Path) -> str:
    """What is wrong, with the folder of its file: every instance has files of the same names."""
    problem = str(error)
    is_of_a_file = problem.startswith((path.name, LOCK_NAME))
    return f"{path.parent}/{problem}" if is_of_a_file else f"{folder}: {problem}"
