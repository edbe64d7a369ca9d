"""What the step of a lane does: it exports shard after shard, and says what came of each."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import dagster as dg
from dagster import AssetCheckResult, AssetObservation, Failure

from etl_assets.config import ExportConfig
from etl_assets.defs.causes import CAUSE
from etl_assets.defs.checks import checked_partition
from etl_assets.defs.completing import complete_after_shards
from etl_assets.defs.io_managers import CsvIOManager, notice_removed
from etl_assets.defs.partitions import first_window, refuse_old_snapshot, window_of
from etl_assets.defs.progress_events import ProgressLog, say_order
from etl_assets.defs.resources import DatabaseResource, ResourceKeys
from etl_assets.defs.run_facts import ancestors, export_run_of
from etl_assets.defs.versions import versioned_output
from etl_assets.errors import EtlAssetsError, ShardError, StoreError
from etl_assets.export.services import Services
from etl_assets.export.shard import stage_shard
from etl_assets.export.sizes import last_sizes
from etl_assets.export.task import Progress, ShardTask
from etl_assets.instance.light_events import is_followed, leaving_out
from etl_assets.instance.storage import gathering_events
from etl_assets.private.dagster import RESUME_RETRY_TAG, remember_output_asset_keys
from etl_assets.source.drift import read_united_columns
from etl_assets.steps.host_watch import HostWatch
from etl_assets.steps.interrupts import hearing_interrupts, refuse_canceled
from etl_assets.steps.lanes import MANY_SHARDS, Lane
from etl_assets.steps.liveness import ending_with_the_run, owner_of
from etl_assets.steps.notices import saying_who_is_waited_for
from etl_assets.steps.owned import set_pool_limits
from etl_assets.steps.run_tags import missing_tags
from etl_assets.steps.slots import Slots, connection_slots
from etl_assets.store.commit import CommittedShard, commit_shard, keep_shard
from etl_assets.store.complete import kept_manifest
from etl_assets.store.manifest import ShardManifest
from etl_assets.store.ongoing import ExportRun, ongoing_export
from etl_assets.store.recipe import WindowRequest
from etl_assets.store.verify import verify_shard
from etl_assets.tables.topology import LogicalTable, Shard, twins_of
from etl_assets.tables.windows import Window

CHECK_NAME = "rows_match_source"


def check_output(output: str) -> str:
    """The name of the output of a shard's check, by that of the shard's."""
    return f"{output}__check"


@dataclass(frozen=True)
class ShardStep:
    """A lane's step while it runs.

    Attributes:
        context: Dagster's.
        config: the configuration.
        table: the logical table.
        lane: the shards, by the names of their outputs.
        csv: the run's IO manager.
        database: the run's resource.
        keys: the asset key of each shard, as it is in this run.
    """

    context: dg.OpExecutionContext
    config: ExportConfig
    table: LogicalTable
    lane: Lane
    csv: CsvIOManager
    database: DatabaseResource
    keys: Mapping[Shard, dg.AssetKey]

    @classmethod
    def of(
        cls,
        context: dg.OpExecutionContext,
        config: ExportConfig,
        table: LogicalTable,
        lane: Lane,
        resources: ResourceKeys,
    ) -> "ShardStep":
        """The step that Dagster has begun."""
        keys = context.assets_def.node_keys_by_output_name
        return cls(
            context,
            config,
            table,
            lane,
            getattr(context.resources, resources.csv),
            getattr(context.resources, resources.database),
            {shard: keys[name] for name, shard in lane.outputs.items()},
        )

    def execute(self) -> Iterator[Any]:
        """Export what of the lane the run selects, and check what it selects to be checked alone.

        Raises:
            Failure: it names each shard that failed; the others are exported all the same.
        """
        selected = self.context.selected_output_names
        shards = {n: shard for n, shard in self.lane.outputs.items() if n in selected}
        left_out: set[str] = set()
        if self._is_lane:
            remember_output_asset_keys(self.context.get_step_execution_context())
        if self._is_of_many:
            left_out |= self.context.assets_def.check_specs_by_output_name.keys()
            left_out |= self.lane.outputs.keys() if is_followed() else set()
        with (
            ending_with_the_run(),
            saying_who_is_waited_for(self.context),
            leaving_out(left_out),
            gathering_events(self.context) if self._is_lane else nullcontext(),
        ):
            if shards:
                yield from self._exported(shards)
            for name, shard in self.lane.outputs.items():
                if name not in shards:
                    yield from self._verified(shard)

    @property
    def _is_lane(self) -> bool:
        """Whether what Dagster does for each shard is done many times in this step."""
        return len(self.lane.outputs) > 1

    @property
    def _is_of_many(self) -> bool:
        """Where a step for each shard is too much, so is all that Dagster could keep of each."""
        return len(self.table.shards) > MANY_SHARDS

    def _exported(self, shards: Mapping[str, Shard]) -> Iterator[Any]:
        """Export some shards of the lane within the host's limit."""
        limit = self.config.hosts[self.lane.host].max_connections
        if owner_of(self.context.run) is None:
            # The executor is another's, which knows nothing of our pools and tags.
            set_pool_limits(self.context.instance, {self.lane.host: limit})
            if tags := missing_tags(self.context.run, [self.table.name]):
                self.context.instance.add_run_tags(self.context.run_id, tags)
        self._refuse_other_shards()
        run = export_run_of(self.context, self.config, self.table)
        # A trial is not split.
        parts = 1 if self.csv.limit is not None else self.table.settings.split
        # The pool counts steps, whatever they weigh; these slots count connections.
        with connection_slots(self.context, self.lane.host, limit, parts) as slots:
            yield from self._export(self._tasks(), self._services(slots), run, shards)

    def _export(
        self,
        task_of: Callable[[Shard], ShardTask],
        services: Services,
        run: ExportRun,
        shards: Mapping[str, Shard],
    ) -> Iterator[Any]:
        """Export shard after shard; a failed one does not stop the others, but fails the step."""
        failures: list[str] = []
        host = HostWatch()
        twins = twins_of(self.table.shards)
        for number, (name, shard) in enumerate(self._largest_first(shards).items(), start=1):
            place = f"{number} of {len(shards)}" if len(shards) > 1 else ""
            began = time.monotonic()
            try:
                host.refuse(shard)
                if shard in twins:
                    self._refuse_one_file(shard, twins[shard])
                task = task_of(shard)
                done = self._proven_before(task, run)
                done = done or self._committed(task, services, run, place)
            except EtlAssetsError as error:
                # Without the traceback: the message says it all, and the step's failure follows.
                self.context.log.error(str(error))  # noqa: TRY400
                failures.append(str(error))
                if error.__cause__ is not None:
                    host.note(began, error)
                yield from self._checked(shard, passed=False, metadata={CAUSE: str(error)})
                continue
            except Exception as error:
                if len(shards) == 1:
                    raise
                # Nobody foresaw it; the siblings go on all the same.
                cause = f"{shard}: {type(error).__name__}: {error}"
                self.context.log.exception(cause)
                failures.append(cause)
                yield from self._checked(shard, passed=False, metadata={CAUSE: cause})
                continue
            host.note(began, None)
            done = replace(done, is_one_of_many=self._is_of_many)
            if done.manifest.sample is not None:
                yield self._sample(done)
                continue
            yield versioned_output(done, name, done.manifest)
            yield from self._passed(name, done.manifest)
            if done.is_last:
                complete_after_shards(self.context, self.csv, self.table, task.window)
        if failures:
            # What may heal by itself has been tried again already.
            raise Failure("\n".join(failures), allow_retries=False)

    def _refuse_one_file(self, shard: Shard, twin: Shard) -> None:
        """Refuse a shard whose file would be another shard's too."""
        folder = self.csv.folder(shard.table, self.context.partition_key)
        if folder.is_one_file(shard.file_stem, twin.file_stem):
            raise ShardError(
                f"{shard}",
                expected="a file of its own",
                got=f"that of {twin} too: {folder.location('')} ignores letter case",
                next_step="export into a folder that tells them apart, or into two logical tables",
            )

    def _largest_first(self, shards: Mapping[str, Shard]) -> Mapping[str, Shard]:
        """A lane's shards, by the size of their last files."""
        if len(shards) == 1:
            return shards
        sizes = last_sizes(self.csv.directory, self.table)
        ordered = dict(sorted(shards.items(), key=lambda item: -sizes.get(item[1], 0)))
        say_order(self.context, [self.keys[shard] for shard in ordered.values()])
        return ordered

    def _refuse_other_shards(self) -> None:
        """Refuse a folder of other shards before anything is read for it."""
        try:
            self.csv.refuse_other_shards(self.table, self.context.partition_key)
        except EtlAssetsError as error:
            raise Failure(str(error), allow_retries=False) from error

    def _proven_before(self, task: ShardTask, run: ExportRun) -> CommittedShard | None:
        """A shard that needs no export: a run that this one resumes has proven it.

        Dagster's re-execution from failure repeats the whole step of a lane.
        """
        tags = self.context.run.tags
        if tags.get(RESUME_RETRY_TAG) != "true" or task.limit is not None:
            return None
        folder = self.csv.folder(task.shard.table, task.window.key)
        request = WindowRequest.of(self.table, task.window)
        manifest = kept_manifest(folder, request, task.shard, ongoing_export(folder))
        if manifest is None or manifest.run_id not in ancestors(self.context):
            return None
        self.context.log.info("%s: kept, proven by the run that this one repeats", task.shard)
        return keep_shard(folder, manifest, run)

    def _window(self) -> Window:
        window = window_of(self.table, self.context.partition_key)
        record = self.context.instance.get_run_record_by_id(self.context.run_id)
        if record is not None:
            refuse_canceled(record.dagster_run)
            # By the time of the request: a run may wait until a newer window has ended.
            refuse_old_snapshot(self.table, window, record.create_timestamp)
        return window

    def _tasks(self) -> Callable[[Shard], ShardTask]:
        """What to export, for any shard of the step."""
        settings = self.table.settings
        return partial(
            ShardTask,
            table=settings,
            window=self._window(),
            limit=self.csv.limit,
            count=self.config.execution.verify == "count",
            retries=self.config.execution.retries,
            run_id=self.context.run_id,
            first=None if settings.is_snapshot else first_window(self.table),
        )

    def _services(self, slots: Slots) -> Services:
        """What all exports of the step share."""
        # Read once for all shards of a lane, and not before the first is exported.
        united = cache(lambda: read_united_columns(self.database.engines, self.table))
        return Services(
            self.database.engines,
            united=united if self.table.settings.on_drift == "union" else None,
            spare=slots.spare,
            on_retry=self.context.log.warning,
            on_note=self.context.log.warning,
        )

    def _committed(
        self, task: ShardTask, services: Services, run: ExportRun, place: str
    ) -> CommittedShard:
        """Export a shard.

        Here and not in `handle_output`, where an error would end the whole lane.
        """
        folder = self.csv.folder(task.shard.table, task.window.key)
        log = ProgressLog(self.context, task.shard, self.keys[task.shard], place)
        with hearing_interrupts() as check_interrupts:

            def on_progress(progress: Progress) -> None:
                check_interrupts()
                log(progress)

            staged = stage_shard(task, folder, replace(services, on_progress=on_progress))
        with staged:
            try:
                done = commit_shard(folder, staged, run)
            except StoreError as error:
                # It names a file; which shard that is has to be said too.
                raise ShardError(f"{task.shard}: {error}") from error
        notice_removed(self.context.get_step_execution_context(), done)
        return done

    def _verified(self, shard: Shard) -> Iterator[AssetCheckResult]:
        """A check that is executed alone: the files are read against their proof."""
        if (
            dg.AssetCheckKey(self.keys[shard], CHECK_NAME)
            not in self.context.selected_asset_check_keys
        ):
            return
        partition = checked_partition(self.context, self.keys[shard])
        causes = list(verify_shard(self.csv.folder(shard.table, partition), partition, shard))
        metadata = {"partition": partition, **({CAUSE: "; ".join(causes)} if causes else {})}
        yield from self._checked(shard, passed=not causes, metadata=metadata)

    def _checked(
        self, shard: Shard, *, passed: bool, metadata: dict[str, Any]
    ) -> Iterator[AssetCheckResult]:
        """The result of a shard's check, where the run asked for it."""
        key = self.keys[shard]
        if dg.AssetCheckKey(key, CHECK_NAME) in self.context.selected_asset_check_keys:
            yield AssetCheckResult(
                passed=passed,
                check_name=CHECK_NAME,
                asset_key=key,
                description=metadata.get(CAUSE),
                metadata=metadata,
            )

    def _passed(self, output: str, manifest: ShardManifest) -> Iterator[Any]:
        """The result of the check of a shard that this step has exported."""
        rows = {"rows": manifest.rows, "source_rows": manifest.source_rows}
        for result in self._checked(manifest.shard, passed=True, metadata=rows):
            if not self._is_lane:
                yield result
                continue
            # What Dagster makes of it, but for a look through all checks of the lane, and one for
            # what the step has materialized: that may be in the index later (`instance.storage`).
            yield dg.Output(None, output_name=check_output(output))
            yield dg.AssetCheckEvaluation(
                asset_key=self.keys[manifest.shard],
                check_name=CHECK_NAME,
                passed=True,
                metadata=rows,
                blocking=True,
                partition=manifest.partition,
            )

    def _sample(self, done: CommittedShard) -> AssetObservation:
        """A trial is observed, not materialized: the partition must not count as complete."""
        manifest = done.manifest
        return AssetObservation(
            self.keys[manifest.shard],
            partition=manifest.partition,
            description=f"A trial of at most {manifest.sample} rows.",
            metadata={**self.csv.shard_metadata(done), "sample": manifest.sample},
        )
