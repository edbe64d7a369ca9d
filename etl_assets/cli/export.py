"""`etl-assets export`: the windows that were asked for, one run each, to an exit code."""

import os
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.filesize import decimal

from etl_assets.cli.command_lines import export_command
from etl_assets.cli.display import open_display
from etl_assets.cli.export_request import Export, ExportOptions, requested_exports
from etl_assets.cli.progress import RunProgress, State
from etl_assets.cli.runs import create_run, explain_runs
from etl_assets.cli.supervisor import Interrupts, RecordedRun, supervise
from etl_assets.config import ExportConfig, load_config
from etl_assets.errors import IncompleteError, StoreError
from etl_assets.instance.home import HOME_VARIABLE, open_instance, prepare_home, telling_of
from etl_assets.steps.lanes import lanes_of
from etl_assets.steps.liveness import sweep_dead_runs
from etl_assets.store.complete import is_complete, unproven_shards
from etl_assets.store.folder import Folder
from etl_assets.store.leftovers import refuse_other_shards
from etl_assets.store.locks import while_waiting
from etl_assets.store.manifest import folder_parts
from etl_assets.store.ongoing import forget_export
from etl_assets.store.open_folder import open_folder
from etl_assets.store.recipe import WindowRequest
from etl_assets.tables.topology import Shard


def run_export(options: ExportOptions, interrupts: Interrupts | None = None) -> int:
    """Export; gives 0, 1 where something failed, 130 after Ctrl-C, 143 after SIGTERM.

    Arguments:
        options: what was asked for.
        interrupts: those of a command that exports more than once; a new one otherwise.

    Raises:
        UsageError: the configuration, a table, a key or an option; nothing was created.
    """
    config = load_config(options.config)
    exports = requested_exports(config, options)
    # From here on an interrupt is undone, not just obeyed.
    interrupts = interrupts or Interrupts()
    home_was_set = bool(os.environ.get(HOME_VARIABLE))
    home = prepare_home(config)
    # A name such as `:x:` is no picture.
    console = Console(emoji=False)
    left = list(exports)
    interrupted = True
    with (
        # What ends the wait for a lock.
        suppress(KeyboardInterrupt),
        while_waiting(partial(_say, console), interrupts.check),
        open_instance(home) as instance,
    ):
        with telling_of(home):
            explain_runs(instance, sweep_dead_runs(instance))
        try:
            for export in exports:
                if interrupts.received is not None:
                    break
                try:
                    with telling_of(home, StoreError):
                        done = _export(config, instance, export, options, interrupts, console)
                except (StoreError, IncompleteError) as error:
                    # The folder of one window; those of others may be elsewhere.
                    print(f"failed: {export.title}: {error}", file=sys.stderr)
                    continue
                if done:
                    left.remove(export)
            # What comes from here on changes nothing in the outcome.
            interrupted = interrupts.received is not None
            if len(exports) > 1 and not interrupted:
                _say_what_was_done(console, exports, left)
        finally:
            # However the export ends: its runs are recorded there.
            if not home_was_set:
                setting = f"export {HOME_VARIABLE}={shlex.quote(str(home))}"
                _say(console, f"To see the runs with Dagster's own tools: {setting}")
    if interrupted:
        _say_how_to_go_on(left, options, config.execution.executor)
        return interrupts.exit_code
    return 1 if left else 0


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
    if options.limit is None and not options.shards_gone:
        again = export_command([export], replace(options, shards_gone=True), resume=options.resume)
        refuse_other_shards(folder, export.window.key, shards, f"`{again}`")
    if options.resume:
        request = WindowRequest.of(export.table, export.window)
        shards = unproven_shards(folder, request)
        if not shards and is_complete(folder, request):
            forget_export(folder)
            _say(console, f"{export.title}: complete already, {folder.location('')}")
            return True
        _say(console, f"{export.title}: {len(export.table.shards) - len(shards)} shards are proven")
    run, job = create_run(
        instance,
        export.table,
        export.window,
        shards=shards,
        processes=options.processes,
        csv={
            **({} if options.limit is None else {"limit": options.limit}),
            **({"shards_gone": True} if options.shards_gone else {}),
        },
    )
    log = Path(instance.root_directory) / "logs" / f"{run.run_id}.log"
    progress = RunProgress.of(shards, lanes_of(config, export.table))
    began = time.monotonic()
    try:
        with open_display(console, export.title) as display:
            status = supervise(
                instance, RecordedRun(run, job, log), progress, interrupts, display.update
            )
    finally:
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
    print(f"again: {export_command([export], options, resume=resume)}", file=sys.stderr)


def _say_what_was_done(console: Console, exports: Sequence[Export], left: Sequence[Export]) -> None:
    rest = f"; not: {', '.join(export.title for export in left)}" if left else ""
    _say(console, f"{len(exports) - len(left)} of {len(exports)} windows are done{rest}")


def _say_how_to_go_on(left: Sequence[Export], options: ExportOptions, executor: str) -> None:
    done = "the shards that are done stay"
    if executor == "celery":
        done += ", and workers finish those that they have begun"
    rest = (
        f"Go on with: {export_command(left, options)}"
        if left
        else "All that was asked for is done."
    )
    print(f"etl-assets: interrupted; {done}. {rest}", file=sys.stderr)


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
