"""What a call of `etl-assets export` is for: its options to windows of logical tables."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from etl_assets.cli.selection import chosen_tables, load_tables
from etl_assets.config import ExportConfig
from etl_assets.defs.partitions import completed_between, refuse_old_snapshot, window_of
from etl_assets.errors import UsageError
from etl_assets.tables.topology import LogicalTable
from etl_assets.tables.windows import Window


@dataclass(frozen=True)
class ExportOptions:
    """What was asked for on the command line."""

    tables: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    config: Path | None = None
    first: str | None = None
    last: str | None = None
    processes: int | None = None
    limit: int | None = None
    resume: bool = False
    shards_gone: bool = False


@dataclass(frozen=True)
class Export:
    """One window of one logical table."""

    table: LogicalTable
    window: Window

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.table.name} {self.window.key}"


def requested_exports(config: ExportConfig, options: ExportOptions) -> list[Export]:
    """The windows that were asked for, each once, in the order of the options.

    Where no table was named, those that cannot be exported so are left out; a line on stderr says
    so, unless it is the key alone that tells one cadence from another.

    Raises:
        UsageError: a table, a key or an option cannot be served.
    """
    if options.resume and options.limit is not None:
        raise UsageError("--resume", expected="a full export", got="--limit beside it")
    executor = config.execution.executor
    if options.processes is not None and executor in ("in_process", "celery"):
        # How many shards a Celery worker exports at a time is an option of its own start.
        raise UsageError("--processes", expected="execution.executor: multiprocess", got=executor)
    if not options.partitions and options.first is None and options.last is None:
        raise UsageError("--partition", expected="a key, or --from and --to", got="none")
    tables = chosen_tables(load_tables(config), options.tables)
    exports: list[Export] = []
    for key in options.partitions:
        exports += _having(tables, key, named=bool(options.tables))
    if options.first is not None or options.last is not None:
        exports += _ranges(tables, options)
    # A key may be inside the range too.
    return list({(export.table.name, export.window.key): export for export in exports}.values())


def _having(tables: Sequence[LogicalTable], key: str, *, named: bool) -> list[Export]:
    """The tables that have a window of this key; those that were `named` have to."""
    now = datetime.now(UTC)
    exports: list[Export] = []
    lacking: list[UsageError] = []
    too_old: list[UsageError] = []
    for table in tables:
        refusals = lacking
        try:
            window = window_of(table, key)
            refusals = too_old
            refuse_old_snapshot(table, window, now)
        except UsageError as error:
            if named:
                raise
            refusals.append(error)
            continue
        exports.append(Export(table, window))
    if not exports:
        raise (too_old or lacking)[0]
    _say_left_out(too_old)
    return exports


def _ranges(tables: Sequence[LogicalTable], options: ExportOptions) -> list[Export]:
    """The windows from the first to the last key; tables that were named have to have both."""
    if options.first is None or options.last is None:
        raise UsageError("--from and --to", expected="both", got="one of them")
    exports: list[Export] = []
    refusals: list[UsageError] = []
    for table in tables:
        try:
            exports += _range(table, options.first, options.last)
        except UsageError as error:
            if options.tables:
                raise
            refusals.append(error)
    if not exports:
        raise refusals[0]
    _say_left_out(refusals)
    return exports


def _range(table: LogicalTable, first_key: str, last_key: str) -> list[Export]:
    if table.settings.is_snapshot:
        raise UsageError(
            f"{table.name}: --from and --to",
            expected="a table with `partition.column`",
            got="a snapshot table, which has no past",
            next_step="export its newest window with --partition",
        )
    first, last = window_of(table, first_key), window_of(table, last_key)
    if first.start.timestamp() > last.start.timestamp():
        raise UsageError(
            "--from and --to", expected="--from before --to", got=f"{first.key}, {last.key}"
        )
    keys = completed_between(table, first.start, last.end)
    return [Export(table, window_of(table, key)) for key in keys]


def _say_left_out(refusals: Iterable[UsageError]) -> None:
    for refusal in refusals:
        print(f"left out: {refusal}", file=sys.stderr)
