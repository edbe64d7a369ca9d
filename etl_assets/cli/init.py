"""`etl-assets init`: from what servers have to a first etl_assets.yaml."""

import os
import shlex
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from etl_assets.cli.command_lines import program
from etl_assets.cli.draft import Draft
from etl_assets.cli.init_hosts import GivenHost
from etl_assets.config import CONFIG_NAME, load_config
from etl_assets.errors import EtlAssetsError, ShardError, StoreError, UsageError
from etl_assets.printable import printable
from etl_assets.source.engines import Engines
from etl_assets.source.failures import is_denied, is_unreachable, server_text
from etl_assets.source.survey import first_days, hasty, survey
from etl_assets.store.nameless import store_error
from etl_assets.tables.families import Family, FoundTable, families
from etl_assets.tables.topology import load_topology
from etl_assets.tables.window_columns import window_columns


def run_init(hosts: Sequence[GivenHost], path: Path) -> int:
    """Write a configuration for the sharded tables of some hosts; gives 1 where there are none.

    Arguments:
        hosts: each with a name of its own.
        path: the file to write; what is there stays.

    Raises:
        UsageError: the file is there, its folder is not, or a password is missing.
        ShardError: a host cannot be asked.
        StoreError: the file cannot be written.
    """
    _refuse_what_is_there(path)
    found = [table for host in hosts for table in _survey(host, path.parent)]
    sharded, single = families(found)
    if not sharded:
        print(printable(f"etl-assets: {_nothing(hosts, found, path.parent)}"), file=sys.stderr)
        return 1
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    settings = {host.name: host.settings for host in hosts}
    # So that one window at least has ended.
    start = yesterday.replace(day=1)
    draft = Draft(settings, sharded, single, start, _first_days(hosts, sharded, path.parent))
    _write(path, draft.text, sharded)
    for family in sharded:
        print(printable(draft.summary(family)))
    if single:
        print(f"not sharded, so not exported but listed as comments: {len(single)}")
    doubts = f"; places in it that say `unsure`: {draft.doubts}" if draft.doubts else ""
    print(f"wrote {path}{doubts}")
    given = [] if path == Path.cwd() / CONFIG_NAME else ["--config", str(path)]
    print(f"next: {shlex.join([program(), 'plan', '--check', *given])}")
    export = [program(), "export", "--partition", str(yesterday), *given]
    print(f"then: {shlex.join(export)}")
    return 0


def _refuse_what_is_there(path: Path) -> None:
    # A link that leads nowhere is there too.
    if os.path.lexists(path):
        raise UsageError(
            str(path),
            expected="no such file yet",
            got="one, which stays as it is",
            next_step="move it away, or write another one with --output FILE",
        )
    if not path.parent.is_dir():
        raise UsageError(str(path.parent), expected="a folder to write into", got="none")


def _survey(host: GivenHost, home: Path) -> list[FoundTable]:
    engines = Engines({host.name: host.settings}, home)
    try:
        return survey(engines, host.name)
    except DBAPIError as error:
        raise _cannot_ask(host, error) from error
    finally:
        engines.dispose()


def _first_days(
    hosts: Sequence[GivenHost], sharded: Sequence[Family], home: Path
) -> dict[str, date]:
    """When the first rows came, where an index tells."""
    wanted = {}
    for family in sharded:
        columns = window_columns(family.tables)
        if columns and columns[0].fits and columns[0].indexed == len(family.tables):
            wanted[family.name] = family.tables, columns[0].column.name
    engines = Engines({host.name: hasty(host.settings) for host in hosts}, home)
    try:
        return first_days(engines, wanted)
    finally:
        engines.dispose()


def _cannot_ask(host: GivenHost, error: DBAPIError) -> EtlAssetsError:
    problem = f"{host.name}: {server_text(error)}"
    if is_denied(error) and host.settings.password is None:
        return UsageError(
            problem,
            expected=f"the password in the environment variable {host.variable}",
            got="it unset",
            next_step="set it, or name another variable with --password-env",
        )
    if is_denied(error):
        return ShardError(problem, next_step=f"check the account and {host.variable}")
    if is_unreachable(error):
        return ShardError(problem, next_step="see that it runs and can be reached from here")
    return ShardError(problem, next_step="see that the account may read the host's tables")


def _nothing(hosts: Iterable[GivenHost], found: Sequence[FoundTable], home: Path) -> str:
    databases = len({(table.host, table.database) for table in found})
    places = [
        host.settings.url + ("" if host.settings.has_accounts else f" from {home}")
        for host in hosts
    ]
    return (
        f"{', '.join(places)}: expected tables whose names differ in numbers alone, such as "
        "orders_00 and orders_01, or one name in shop_00 and shop_01, got none (tables: "
        f"{len(found)}, databases: {databases}); nothing is written; see to the URL, and that the "
        "tables can be seen from here"
    )


def _write(path: Path, text: str, sharded: Sequence[Family]) -> None:
    """Put the file there whole, once it is proven to load and to name just what was found."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _prove(temporary, sharded)
        try:
            # Unlike a rename it never replaces what somebody has put there meanwhile.
            os.link(temporary, path)
        except FileExistsError:
            _refuse_what_is_there(path)
        except OSError:
            # Not every file system has links.
            _refuse_what_is_there(path)
            temporary.replace(path)
    except OSError as error:
        raise store_error(str(path), error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _prove(path: Path, sharded: Sequence[Family]) -> None:
    named = {
        table.name: [(s.host, s.database, s.shard_table) for s in table.shards]
        for table in load_topology(load_config(path))
    }
    wanted = {
        family.name: {(table.host, table.database, table.name) for table in family.tables}
        for family in sharded
    }
    if {name: set(shards) for name, shards in named.items()} != wanted:
        raise StoreError(
            str(path), expected="just the shards that were found", got="others: a defect of init"
        )
