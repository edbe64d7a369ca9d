"""The commands and their options. Each command imports what it needs when it is called."""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from dotenv import load_dotenv

from etl_assets.cli.streams import lost
from etl_assets.errors import EtlAssetsError, UsageError
from etl_assets.printable import printable


def _tidy(context: click.Context, option: click.Parameter, given: Path | None) -> Path | None:
    """A path from anywhere, without `..` where that names the same; links are not followed."""
    del context, option
    if given is None:
        return None
    path = given.absolute()
    tidy = Path(os.path.normpath(path))
    # After a link to a folder, `..` is another folder than it looks.
    return path if path.exists() and not (tidy.exists() and tidy.samefile(path)) else tidy


_config = click.option(
    "--config",
    type=click.Path(path_type=Path),
    callback=_tidy,
    help="The configuration; by default $ETL_ASSETS_CONFIG, else ./etl_assets.yaml.",
)
_tables = click.argument("tables", nargs=-1, metavar="[TABLE]...")


def _partitions(**options: Any) -> Callable[..., Any]:
    return click.option(
        "--partition",
        "partitions",
        multiple=True,
        metavar="KEY...",
        help="The exact start of a window, such as 2026-11-02; several are taken.",
        **options,
    )


def _names_and_keys(
    words: tuple[str, ...], partitions: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell tables from keys: a name begins with a letter, so `--partition A B` reads well."""
    keys = tuple(word for word in words if partitions and word[:1].isdigit())
    return tuple(word for word in words if word not in keys), partitions + keys


def _version(context: click.Context, option: click.Parameter, wanted: bool) -> None:
    del option
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415

    from etl_assets.extract.encoders import encoder_name  # noqa: PLC0415

    click.echo(
        f"etl-assets {version('etl-assets')} (encoder: {encoder_name()}; "
        f"dagster {version('dagster')}, Python {platform.python_version()})"
    )
    context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the versions and the encoder of MySQL's rows, and exit.",
)
def cli() -> None:
    """Sharded MySQL tables to CSV as Dagster assets."""


@cli.command()
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    callback=_tidy,
    help="Where the demo lives; by default the working directory.",
)
def demo(directory: Path) -> int:
    """Seed a small sharded shop in SQLite files and export it."""
    from etl_assets.cli.demo import run_demo  # noqa: PLC0415

    return run_demo(directory)


@cli.command()
@_tables
@_config
@click.option("--check", is_flag=True, help="Connect, and compare with the servers.")
def plan(tables: tuple[str, ...], config: Path | None, *, check: bool) -> int:
    """Show logical tables, hosts, shards and windows."""
    from etl_assets.cli.plan import show_plan  # noqa: PLC0415

    return _written(show_plan(config, tables, check=check))


@cli.command()
@click.option(
    "--url",
    "urls",
    multiple=True,
    required=True,
    help="A server, such as mysql://etl@db-a:3306, or sqlite:///folder/{database}.db; "
    "several are taken.",
)
@click.option(
    "--host-name", "host_names", multiple=True, help="What a URL's host is called, in their order."
)
@click.option(
    "--password-env",
    "password_envs",
    multiple=True,
    metavar="NAME",
    help="The variable with a URL's password, in their order; by default HOST_NAME_PASSWORD.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("etl_assets.yaml"),
    callback=_tidy,
    help="The file to write; by default ./etl_assets.yaml. It must not be there yet.",
)
def init(
    urls: tuple[str, ...],
    host_names: tuple[str, ...],
    password_envs: tuple[str, ...],
    output: Path,
) -> int:
    """Find sharded tables on servers and write a commented etl_assets.yaml for them."""
    from etl_assets.cli.init import run_init  # noqa: PLC0415
    from etl_assets.cli.init_hosts import given_hosts  # noqa: PLC0415

    return _written(run_init(given_hosts(urls, host_names, password_envs), output))


@cli.command()
@_config
def discover(config: Path | None) -> int:
    """Resolve `match:` patterns into etl_assets.lock and say what changed."""
    from etl_assets.cli.discover import run_discover  # noqa: PLC0415

    return _written(run_discover(config))


@cli.command()
@_tables
@_config
@_partitions()
@click.option("--from", "first", metavar="A", help="The first key of a range.")
@click.option("--to", "last", metavar="B", help="The last key of a range; it is included.")
@click.option("--processes", type=click.IntRange(min=1), help="Shards exported at the same time.")
@click.option("--limit", type=click.IntRange(min=1), help="A trial: at most N rows a shard.")
@click.option("--resume", is_flag=True, help="Keep the shards that are proven already.")
@click.option("--shards-gone", is_flag=True, help="Remove files of shards not configured any more.")
def export(tables: tuple[str, ...], **options: Any) -> int:
    """Export windows of logical tables; without TABLE, of all that have the key."""
    from etl_assets.cli.export import run_export  # noqa: PLC0415
    from etl_assets.cli.export_request import ExportOptions  # noqa: PLC0415

    names, options["partitions"] = _names_and_keys(tables, options["partitions"])
    return run_export(ExportOptions(tables=names, **options))


@cli.command()
@_tables
@_config
@_partitions(required=True)
def verify(tables: tuple[str, ...], config: Path | None, partitions: tuple[str, ...]) -> int:
    """Read every CSV again and compare it with its manifest."""
    from etl_assets.cli.verify import run_verify  # noqa: PLC0415

    return _written(run_verify(config, *_names_and_keys(tables, partitions)))


@cli.command(context_settings={"ignore_unknown_options": True})
@_config
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def ui(config: Path | None, options: tuple[str, ...]) -> int:
    """Open Dagster's UI on this configuration; OPTIONS go to `dagster dev`."""
    from etl_assets.cli.ui import run_ui  # noqa: PLC0415

    return run_ui(config, options)


def run() -> int:
    """Run the command line and give its exit code; errors are one line on stderr."""
    try:
        _load_environment()
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.ClickException, EtlAssetsError, OSError) as error:
        return _failed(error)
    return code if isinstance(code, int) else 0


def _load_environment() -> None:
    """Take what `.env` in the working directory sets, as Dagster does.

    Raises:
        UsageError: it is no text, or there is no such directory any more.
    """
    try:
        folder = Path.cwd()
    except FileNotFoundError:
        raise UsageError(
            "the working directory", expected="a folder", got="none", next_step="go to another one"
        ) from None
    path = folder / ".env"
    try:
        load_dotenv(path)
    except (OSError, ValueError) as error:
        found = "other bytes" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UsageError(
            str(path), expected="text in UTF-8", got=found, next_step="fix or remove it"
        ) from None


def _written(code: int) -> int:
    """A command's exit code, which fails where what was asked for could not be written."""
    error = lost()
    if error is None:
        return code
    print(f"etl-assets: standard output: {error.strerror}", file=sys.stderr)
    return code or 1


def _failed(error: click.ClickException | EtlAssetsError | OSError) -> int:
    match error:
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return 2
        case click.ClickException():
            print(printable(f"etl-assets: {error.format_message()} See --help."), file=sys.stderr)
            return 2
        case EtlAssetsError():
            print(f"etl-assets: {error}", file=sys.stderr)
            return error.exit_code
        case _:
            print(printable(f"etl-assets: {error}"), file=sys.stderr)
    return 1
