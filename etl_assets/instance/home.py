"""The Dagster instance that the command line and the UI share."""

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from etl_assets.config import CONFIG_VARIABLE, ExportConfig
from etl_assets.errors import EtlAssetsError, UsageError
from etl_assets.store.locks import lock

HOME_VARIABLE = "DAGSTER_HOME"
HOME_NAME = ".dagster_home"
PLANNED_AT_ONCE = 100_000
_OWN_FOLDER = re.compile(
    r"^( *base_dir: ).*(   # this folder, written out by `etl-assets`)$", re.MULTILINE
)


def prepare_home(config: ExportConfig) -> Path:
    """Make the instance's folder ready and put it and the configuration into the environment.

    It is $DAGSTER_HOME, else `.dagster_home` beside the configuration; one without dagster.yaml
    gets the product's own.

    Raises:
        UsageError: the folder cannot be made, read or written.
    """
    given = Path(os.environ.get(HOME_VARIABLE) or config.home / HOME_NAME)
    try:
        home = given.expanduser().absolute()
    except RuntimeError:
        raise UsageError(
            HOME_VARIABLE,
            expected="a folder, or `~` of an account that is here",
            got=str(given),
            next_step="set it to the whole path",
        ) from None
    with telling_of(home):
        home.mkdir(parents=True, exist_ok=True)
        write_settings(home)
    # Step processes and the UI's code server find both in their environment.
    os.environ[HOME_VARIABLE] = str(home)
    os.environ[CONFIG_VARIABLE] = str(config.path)
    # Dagster would else store what a run plans one by one: two seconds for a thousand shards.
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(PLANNED_AT_ONCE))
    return home


def write_settings(home: Path) -> None:
    """The product's dagster.yaml, where there is none; in it, where its folder is by now."""
    settings = home / "dagster.yaml"
    packaged = files("etl_assets") / "instance" / "dagster.yaml"
    try:
        found = settings.read_text(encoding="utf-8") if settings.exists() else None
    except UnicodeDecodeError as error:
        raise UsageError(str(settings), expected="text in UTF-8", got=error.reason) from None
    text = packaged.read_text(encoding="utf-8") if found is None else found
    # As JSON, which is YAML: a path may hold anything.
    text = _OWN_FOLDER.sub(lambda line: f"{line[1]}{json.dumps(str(home))}{line[2]}", text)
    if text != found:
        temporary = home / f".dagster.yaml.{os.getpid()}"
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(settings)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a prepared home.

    One process at a time opens it: two that met on an empty folder would both make its tables.

    Raises:
        UsageError: Dagster cannot open it.
    """
    with telling_of(home), _opening(home):
        try:
            instance = dg.DagsterInstance.from_config(str(home))
        except (SQLAlchemyError, sqlite3.Error, OSError):
            raise
        except Exception as error:
            # A package that is missing, a setting that is wrong.
            raise UsageError(
                str(home / "dagster.yaml"),
                expected="settings that Dagster can open an instance with",
                got=" ".join(str(error).split()) or type(error).__name__,
                next_step="fix them, or see to what they name",
            ) from error
    with instance:
        yield instance


@contextmanager
def _opening(home: Path) -> Iterator[None]:
    descriptor = os.open(home / ".opening.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        lock(descriptor, str(home))
        yield
    finally:
        os.close(descriptor)


@contextmanager
def telling_of(home: Path, kind: type[EtlAssetsError] = UsageError) -> Iterator[None]:
    """Make one line of what keeps the runs of a home from being recorded.

    Arguments:
        home: the instance's folder.
        kind: UsageError, exit code 2, as long as nothing was begun.

    Raises:
        kind: a database of the instance refuses, or a file of the home.
    """
    try:
        yield
    except DBAPIError as error:
        # Without the statement: its values are nobody's business.
        raise _refused(home, kind, str(error.orig)) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _refused(home, kind, str(error)) from error
    except OSError as error:
        if kind is not UsageError and not _is_inside(home, error):
            raise
        raise _refused(home, kind, error.strerror or str(error), error.filename) from error


def _is_inside(home: Path, error: OSError) -> bool:
    return isinstance(error.filename, str) and Path(error.filename).is_relative_to(home)


def _refused(
    home: Path, kind: type[EtlAssetsError], cause: str, file: object = None
) -> EtlAssetsError:
    where = str(file) if isinstance(file, str) and file.startswith(str(home)) else str(home)
    lowered = cause.lower()
    after = "" if kind is UsageError else "; then export with --resume"
    steps = (step for words, step in _NEXT_STEPS if any(word in lowered for word in words))
    return kind(
        f"{HOME_VARIABLE} {where}: the runs cannot be recorded there: {cause}",
        next_step=next(steps, f"see to what {home / 'dagster.yaml'} names") + after,
    )


_ELSEWHERE = f"or set {HOME_VARIABLE} to another folder"
_NEXT_STEPS = (
    (("no space", "is full", "quota", "disk i/o"), f"make room on its disk, {_ELSEWHERE}"),
    (
        ("read-only", "readonly", "permission", "unable to open", "not permitted"),
        f"let this account write there, {_ELSEWHERE}",
    ),
    (
        ("not a database", "malformed", "no such table", "no such column"),
        f"move its damaged folders `history` and `schedules` away: new ones are made, {_ELSEWHERE}",
    ),
    (("a directory", "exists"), f"move away what is there, {_ELSEWHERE}"),
)
