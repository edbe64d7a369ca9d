"""Runs in this process, with an instance that goes with the test."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from etl_assets.defs.build import stand_alone_definitions
from etl_assets_tests.support.shop import DAY, Shop


@dataclass(frozen=True)
class Location:
    """A shop's code location beside an instance."""

    shop: Shop
    definitions: dg.Definitions
    instance: dg.DagsterInstance

    def export(
        self,
        key: str = DAY,
        *,
        job: str = "export_orders",
        assets: Sequence[dg.AssetKey] | None = None,
        run_config: Mapping[str, Any] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job for a window; a failure is a result too."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            partition_key=key,
            instance=self.instance,
            asset_selection=assets,
            run_config=dict(run_config or {}),
            raise_on_error=False,
        )

    def check(
        self, key: dg.AssetCheckKey, partition: str | None = None
    ) -> dg.ExecuteInProcessResult:
        """Execute a check alone, as the UI's button does; it names no partition."""
        repository = self.definitions.get_repository_def()
        job: dg.JobDefinition = repository.get_maybe_subset_job_def(
            "__ASSET_JOB", asset_selection=frozenset(), asset_check_selection={key}
        )
        return job.execute_in_process(
            partition_key=partition, instance=self.instance, raise_on_error=False
        )

    def exported(self, key: dg.AssetKey) -> set[str]:
        """The windows that the instance calls materialized."""
        return self.instance.get_materialized_partitions(key)


@contextmanager
def location(shop: Shop, *more: dg.AssetsDefinition) -> Iterator[Location]:
    """The code location of a shop, with a user's assets beside the product's."""
    definitions = stand_alone_definitions(shop.config)
    if more:
        definitions = dg.Definitions.merge(definitions, dg.Definitions(assets=more))
    with dg.DagsterInstance.ephemeral() as instance:
        yield Location(shop, definitions, instance)


def shard(database: str, table: str, logical: str = "orders", host: str = "demo") -> dg.AssetKey:
    """The key of a shard."""
    return dg.AssetKey([logical, host, f"{database}.{table}"])


def written(result: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, Mapping[str, Any]]:
    """The metadata values of every materialization of a run."""
    return {
        event.materialization.asset_key: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }


def checked(result: dg.ExecuteInProcessResult) -> dict[dg.AssetKey, bool]:
    """Which shards' checks passed."""
    return {
        evaluation.asset_key: evaluation.passed
        for evaluation in result.get_asset_check_evaluations()
    }


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """What each failed step says: its own words, else its innermost error."""
    told = {}
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        error = data.error
        while error is not None and error.cause is not None:
            error = error.cause
        said = data.user_failure_data.description if data.user_failure_data is not None else None
        told[str(event.step_key)] = said or (error.message if error is not None else "")
    return told
