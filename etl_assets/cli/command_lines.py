"""Commands that a user can paste: how this program is called, and what exports these windows."""

import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence

from etl_assets.cli.export_request import Export, ExportOptions
from etl_assets.defs.next_steps import NAME
from etl_assets.defs.partitions import completed_between


def program() -> str:
    """The name where it is on PATH, else the path that it was called by."""
    return NAME if shutil.which(NAME) else sys.argv[0]


def export_command(
    exports: Sequence[Export], options: ExportOptions, *, resume: bool = True
) -> str:
    """What exports just these windows, as a shell takes it."""
    given = []
    if options.config is not None:
        given += ["--config", str(options.config)]
    if options.processes is not None:
        given += ["--processes", str(options.processes)]
    if options.limit is not None:
        given += ["--limit", str(options.limit)]
    elif resume:
        given.append("--resume")
    if options.shards_gone:
        given.append("--shards-gone")
    return " && ".join(
        shlex.join([program(), "export", *tables, *keys, *given])
        for tables, keys in _groups(exports, options)
    )


def _groups(
    exports: Sequence[Export], options: ExportOptions
) -> Iterator[tuple[list[str], list[str]]]:
    """Tables that lack the same windows: a table that is named has to have every key."""
    by_table: dict[str, list[Export]] = {}
    for export in exports:
        by_table.setdefault(export.table.name, []).append(export)
    by_keys: dict[tuple[str, ...], list[str]] = {}
    for name, of_table in by_table.items():
        by_keys.setdefault(tuple(_keys(of_table, options)), []).append(name)
    for keys, names in by_keys.items():
        yield names, list(keys)


def _keys(exports: Sequence[Export], options: ExportOptions) -> list[str]:
    """The windows of one table, as a range where one was asked for and nothing in it is done."""
    first, last = exports[0], exports[-1]
    keys = [export.window.key for export in exports]
    is_range = options.first is not None and len(keys) > 1
    if is_range and completed_between(first.table, first.window.start, last.window.end) == keys:
        return ["--from", keys[0], "--to", keys[-1]]
    return [word for key in keys for word in ("--partition", key)]
