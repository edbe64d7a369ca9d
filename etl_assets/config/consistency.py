"""What no single part of the configuration can see: parts that do not fit, and what is not there.

Each function gives the places of its problems, and says what was expected there and what came.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec

from etl_assets.config.driver import FILE_OPTIONS
from etl_assets.config.executors import SPLITTING, CeleryConfig, missing_extra, unset_references
from etl_assets.config.model import RESERVED_TABLES, ExportConfig, TableConfig
from etl_assets.config.passwords import unreadable
from etl_assets.config.sql_text import condition_problem
from etl_assets.config.yaml_lines import Location


def contradictions(config: ExportConfig) -> Iterator[tuple[Location, str]]:
    """Parts that are wrong beside others."""
    for name in config.hosts:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name):
            expected = "1 to 63 letters, digits, _ and - as the host's name"
            yield ("hosts", name), f"expected {expected}, got {name!r}"
    for name, table in config.tables.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED_TABLES:
            others = " and ".join(sorted(RESERVED_TABLES))
            expected = f"a letter, then letters, digits and _, other than {others}"
            yield ("tables", name), f"expected {expected}, got {name!r}"
        if table.split > 1 and config.execution.executor not in SPLITTING:
            expected = f"1, as split needs {' or '.join(SPLITTING)} as the executor"
            problem = f"expected {expected}, got {table.split} with {config.execution.executor}"
            yield ("tables", name, "split"), problem
        for index, pattern in enumerate(table.shards):
            if pattern.host not in config.hosts:
                location = ("tables", name, "shards", index, "host")
                known = ", ".join(config.hosts)
                yield location, f"expected one of the hosts {known}, got {pattern.host!r}"
        yield from _split_problems(config, name, table)
        yield from _where_problems(config, name, table)


def _split_problems(
    config: ExportConfig, name: str, table: TableConfig
) -> Iterator[tuple[Location, str]]:
    location = ("tables", name, "split")
    for pattern in table.shards if table.split > 1 else ():
        host = config.hosts.get(pattern.host)
        if host is not None and not host.can_split:
            yield location, f"expected 1 on SQLite (host {pattern.host}), got {table.split}"
        elif host is not None and table.split > host.max_connections:
            most = f"at most {host.max_connections}, the max_connections of {pattern.host}"
            yield location, f"expected {most}, got {table.split}"


def _where_problems(
    config: ExportConfig, name: str, table: TableConfig
) -> Iterator[tuple[Location, str]]:
    hosts = (config.hosts.get(pattern.host) for pattern in table.shards)
    for backend in sorted({host.backend for host in hosts if host is not None}):
        problem = condition_problem(table.where or "", backend)
        if problem is not None:
            expected, found = problem
            text = f"expected {expected}, got {found} in {table.where!r}"
            yield ("tables", name, "where"), text


def missing_packages(config: ExportConfig) -> Iterator[tuple[Location, str]]:
    """What would otherwise fail as late as the first file is written."""
    if "://" in config.directory:
        # Imported where it is used: most write into a local folder.
        import fsspec  # noqa: PLC0415

        try:
            fsspec.get_filesystem_class(config.directory.partition("://")[0])
        except (ImportError, ValueError) as error:
            expected = "a URL that fsspec knows and has the package for"
            # The package of S3 is an extra of this product; those of others are the user's.
            hint = "; install etl-assets[s3]" if config.directory.startswith("s3") else ""
            problem = f"expected {expected}, got {config.directory!r}: {error}{hint}"
            yield ("output", "directory"), problem
    for name, table in config.tables.items():
        if table.csv.compression == "zstd" and find_spec("zstandard") is None:
            location = ("tables", name, "csv", "compression")
            yield location, "expected the package zstandard, got none; install etl-assets[zstd]"


def unreadable_secrets(config: ExportConfig) -> Iterator[tuple[Location, str]]:
    """Passwords and certificates that are not there; only whoever connects needs them."""
    for name, host in config.hosts.items():
        if host.password is not None and (missing := host.password.missing(config.home)):
            yield ("hosts", name, "password", missing[0]), missing[1]
        for key in FILE_OPTIONS:
            if key in host.connect and (problem := unreadable(config.home / host.connect[key])):
                yield ("hosts", name, "connect", key), problem


def unready_executor(config: ExportConfig) -> Iterator[tuple[Location, str]]:
    """What the executor lacks; only whoever exports needs it."""
    execution = config.execution
    if missing := missing_extra(execution.executor):
        yield ("execution", "executor"), missing
    if execution.executor == "celery" and execution.celery.broker is None:
        expected = "a URL, or {env: NAME} for one with a password"
        yield ("execution", "celery", "broker"), f"expected {expected}, got none"
    settings = getattr(execution, execution.executor, None)
    given = settings.model_dump() if isinstance(settings, CeleryConfig) else settings
    for location, name in unset_references(given):
        problem = f"expected the environment variable {name} set, got it unset"
        yield ("execution", execution.executor, *location), problem
