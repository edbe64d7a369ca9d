"""`etl-assets export`: the windows that were asked for, one run each, to an exit code."""

import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.filesize import decimal

from etl_assets.cli.display import open_display
from etl_assets.cli.instance import HOME_VARIABLE, open_instance, prepare_home
from etl_assets.cli.program import program
from etl_assets.cli.progress import RunProgress, State
from etl_assets.cli.runs import create_run
from etl_assets.cli.selection import chosen_tables, load_tables
from etl_assets.cli.supervisor import Interrupts, RunRequest, supervise
from etl_assets.config import ExportConfig, load_config
from etl_assets.defs.liveness import sweep_dead_runs
from etl_assets.defs.partitions import partitions_of, refuse_old_snapshot, window_of
from etl_assets.defs.shard_assets import lanes_of
from etl_assets.errors import UsageError
from etl_assets.shard_export import query_record, window_record
from etl_assets.store.complete import is_complete, is_proven, reset_window
from etl_assets.store.files import Folder, open_folder
from etl_assets.store.manifest import folder_parts
from etl_assets.topology import LogicalTable, Shard
from etl_assets.windows import Window


@dataclass(frozen=True)
class ExportOptions:
    """What was asked for on the command line."""

    tables: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    processes: int | None = None
    limit: int | None = None
    resume: bool = False


@dataclass(frozen=True)
class Export:
    """One window of one logical table."""

    table: LogicalTable
    window: Window

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.table.name} {self.window.key}"


def run_export(config_path: Path | None, options: ExportOptions) -> int:
    """Export; gives 0, 1 where something failed, 130 after Ctrl-C, 143 after SIGTERM.

    Raises:
        UsageError: the configuration, a table, a key or an option; nothing was created.
    """
    config = load_config(config_path)
    exports = list(_exports(config, options))
    # From here on an interrupt is undone, not just obeyed.
    interrupts = Interrupts()
    home_was_set = bool(os.environ.get(HOME_VARIABLE))
    home = prepare_home(config)
    # A name such as `:x:` is no picture.
    console = Console(emoji=False)
    failed = False
    with open_instance(home) as instance:
        sweep_dead_runs(instance)
        for export in exports:
            succeeded = _export(config, instance, export, options, interrupts, console)
            failed = failed or not succeeded
            if interrupts.received is not None:
                _say_how_to_resume(exports, options)
                return interrupts.exit_code
    if not home_was_set:
        setting = f"export {HOME_VARIABLE}={shlex.quote(str(home))}"
        _say(console, f"To see the runs with Dagster's own tools: {setting}")
    return 1 if failed else 0


def _exports(config: ExportConfig, options: ExportOptions) -> Iterator[Export]:
    if options.resume and options.limit is not None:
        raise UsageError("--resume", wanted="a full export", found="--limit beside it")
    if options.processes is not None and config.execution.executor == "in_process":
        raise UsageError(
            "--processes", wanted="execution.executor: multiprocess", found="in_process"
        )
    tables = chosen_tables(load_tables(config), options.tables)
    found = False
    for key in dict.fromkeys(options.partitions):
        found = True
        yield from _having(tables, key, named=bool(options.tables))
    if options.first is not None or options.last is not None:
        found = True
        yield from _range(tables, options)
    if not found:
        raise UsageError("--partition", wanted="a key, or --from and --to", found="none")


def _having(tables: Sequence[LogicalTable], key: str, *, named: bool) -> Iterator[Export]:
    """The tables that have a window of this key; those that were `named` have to."""
    now = datetime.now(UTC)
    refusal: UsageError | None = None
    found = False
    for table in tables:
        try:
            window = window_of(table, key)
        except UsageError as error:
            if named:
                raise
            refusal = refusal or error
            continue
        try:
            refuse_old_snapshot(table, window, now)
        except UsageError as error:
            if named:
                raise
            print(f"left out: {error}", file=sys.stderr)
            refusal = error
            continue
        found = True
        yield Export(table, window)
    if refusal is not None and not found:
        raise refusal


def _range(tables: Sequence[LogicalTable], options: ExportOptions) -> Iterator[Export]:
    if options.first is None or options.last is None:
        raise UsageError("--from and --to", wanted="both", found="one of them")
    for table in tables:
        if table.settings.is_snapshot:
            raise UsageError(
                f"{table.name}: --from and --to",
                wanted="a table with `partition.column`",
                found="a snapshot table, which has no past",
                next_step="name the tables to export",
            )
        first, last = window_of(table, options.first), window_of(table, options.last)
        if first.start.timestamp() > last.start.timestamp():
            raise UsageError(
                "--from and --to", wanted="--from before --to", found=f"{first.key}, {last.key}"
            )
        span = dg.TimeWindow(first.start, last.end)
        for key in partitions_of(table).get_partition_keys_in_time_window(span):
            yield Export(table, window_of(table, key))


def _export(
    config: ExportConfig,
    instance: dg.DagsterInstance,
    export: Export,
    options: ExportOptions,
    interrupts: Interrupts,
    console: Console,
) -> bool:
    """Export one window; whether it succeeded."""
    folder = open_folder(
        config.directory, *folder_parts(export.table.name, export.window.key, options.limit)
    )
    shards: Sequence[Shard] = export.table.shards
    if options.resume:
        shards = _unproven(folder, export)
        table = export.table
        if not shards and is_complete(folder, export.window.key, table.shards, table.settings):
            _say(console, f"{export.title}: complete already, {folder.location('')}")
            return True
        _say(console, f"{export.title}: {len(export.table.shards) - len(shards)} shards are proven")
    if options.limit is None:
        reset_window(folder, shards)
    run, job = create_run(
        instance,
        export.table,
        export.window,
        shards=shards,
        processes=options.processes,
        limit=options.limit,
    )
    log = Path(instance.root_directory) / "logs" / f"{run.run_id}.log"
    progress = RunProgress.of(shards, lanes_of(config, export.table))
    began = time.monotonic()
    with open_display(console, export.title) as display:
        status = supervise(
            instance, RunRequest(run, job, log), progress, interrupts, display.update
        )
    # Of steps that were killed; those of other living writers stay.
    folder.sweep()
    succeeded = status is dg.DagsterRunStatus.SUCCESS
    if succeeded:
        log.unlink(missing_ok=True)
    if interrupts.received is None:
        _report(console, export, progress, folder, time.monotonic() - began)
        if not succeeded:
            _report_failure(export, progress, options, log, status)
    return succeeded


def _unproven(folder: Folder, export: Export) -> list[Shard]:
    settings = export.table.settings
    query = query_record(settings)
    key = export.window.key
    window = window_record(settings, export.window)
    return [
        shard
        for shard in export.table.shards
        if not is_proven(folder, key, shard, settings.csv, query, window)
    ]


def _report(
    console: Console, export: Export, progress: RunProgress, folder: Folder, seconds: float
) -> None:
    for warning in progress.warnings:
        _say(console, f"warning: {warning}")
    _say(
        console,
        f"{export.title}: {progress.count(State.DONE)} of {len(progress.shards)} shards, "
        f"{progress.rows:,} rows, {decimal(progress.bytes)} in {seconds:.1f} s, "
        f"{folder.location('')}",
    )


def _report_failure(
    export: Export,
    progress: RunProgress,
    options: ExportOptions,
    log: Path,
    status: dg.DagsterRunStatus,
) -> None:
    for shard in progress.failed:
        print(f"failed: {shard.cause}", file=sys.stderr)
    if progress.refusal:
        print(f"refused: {progress.refusal}", file=sys.stderr)
    if not progress.failed and not progress.refusal:
        reason = progress.failure or f"the run ended as {status.value.lower()}"
        print(f"{export.title}: {reason}; its log is {log}", file=sys.stderr)
    # What is proven and yet refused would be refused again.
    resume = bool(progress.failed) or not progress.refusal
    print(f"again: {_command([export], options, resume=resume)}", file=sys.stderr)


def _say_how_to_resume(exports: Sequence[Export], options: ExportOptions) -> None:
    print(
        "etl-assets: interrupted; the shards that are done stay. "
        f"Go on with: {_command(exports, options)}",
        file=sys.stderr,
    )


def _command(exports: Sequence[Export], options: ExportOptions, *, resume: bool = True) -> str:
    tables = dict.fromkeys(export.table.name for export in exports)
    keys = dict.fromkeys(export.window.key for export in exports)
    mode = ["--resume"] if resume else []
    if options.limit is not None:
        mode = ["--limit", str(options.limit)]
    chosen = [word for key in keys for word in ("--partition", key)]
    return shlex.join([program(), "export", *tables, *chosen, *mode])


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
