"""etl_assets.yaml as a frozen, validated ExportConfig.

Every problem is one ConfigError that names file, line, key and value. Nothing here connects to a
database, and no password is ever a value of the configuration: it names where one is.
"""

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from etl_assets.config.driver import FILE_OPTIONS, DriverOptions
from etl_assets.config.executors import (
    SPLITTING,
    CeleryConfig,
    ExecutorName,
    Options,
    chosen_executor,
    missing_extra,
    unset_references,
)
from etl_assets.config.passwords import PasswordSource, unreadable
from etl_assets.config.problems import config_error, located, refuse_unknown_keys
from etl_assets.config.sql_text import BackendName, condition_problem
from etl_assets.config.values import (
    Count,
    Directory,
    Flag,
    Lanes,
    Pattern,
    Positive,
    Start,
    Text,
    TimeZone,
    Url,
)
from etl_assets.config.yaml_lines import Lines, Location, read_yaml
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ConfigError, SettingError

CONFIG_VARIABLE = "ETL_ASSETS_CONFIG"
CONFIG_NAME = "etl_assets.yaml"

RESERVED_TABLES = frozenset(get_args(BackendName))
"""First parts of the upstream tables' asset keys."""


class Model(BaseModel):
    """A frozen part of the configuration that knows all its keys."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, value: object) -> object:
        refuse_unknown_keys(value, cls.model_fields)
        return value


def _refuse_none_and_both(model: Model, one: str, other: str) -> None:
    given = [name for name in (one, other) if getattr(model, name) is not None]
    if len(given) != 1:
        found = "both" if given else "none"
        raise ValueError(f"expected one of `{one}` and `{other}`, got {found}")


class HostConfig(Model):
    """One database server, or one folder of SQLite files."""

    url: Url
    password: PasswordSource | None = None
    max_connections: Positive = 4
    connect: DriverOptions = {}

    @model_validator(mode="after")
    def _fits(self) -> "HostConfig":
        for key in ("password", "connect"):
            if not self.is_server and getattr(self, key):
                raise SettingError(key, f"expected no `{key}` for SQLite, which has none, got one")
        return self

    @property
    def backend(self) -> BackendName:
        """The kind of source, as it stands in asset keys."""
        return "sqlite" if self.url.startswith("sqlite") else "mysql"

    @property
    def is_server(self) -> bool:
        """Whether there are accounts and connections, and not only files."""
        return self.backend != "sqlite"

    @property
    def can_split(self) -> bool:
        """Whether a table can be read in parts; how to is written for MySQL alone."""
        return self.backend == "mysql"


class ShardPattern(Model):
    """Shard tables of one host: named by a brace pattern, or found by a regular expression."""

    host: str
    tables: Text | None = None
    match: Pattern | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "ShardPattern":
        _refuse_none_and_both(self, "tables", "match")
        return self


class PartitionConfig(Model):
    """How a logical table is cut into windows of time."""

    every: Literal["hour", "day", "week", "month"]
    start: Start
    timezone: TimeZone = "UTC"
    column: Text | None = None
    column_timezone: TimeZone | None = None
    unit: Literal["s", "ms"] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "PartitionConfig":
        if self.every != "hour" and not self.start.endswith(" 00:00"):
            raise SettingError(
                "start", f"expected a date for every {self.every}, got {self.start!r}"
            )
        for key in ("column_timezone", "unit"):
            if self.column is None and getattr(self, key) is not None:
                raise SettingError(key, "expected `column` beside it, got none")
        return self

    @property
    def start_time(self) -> datetime:
        """The start as a wall-clock reading in `timezone`."""
        return datetime.fromisoformat(self.start)


class ColumnSelection(Model):
    """Which columns are exported; all of them where neither list is given."""

    include: tuple[str, ...] | None = Field(default=None, min_length=1)
    exclude: tuple[str, ...] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_of(self) -> "ColumnSelection":
        _refuse_none_and_both(self, "include", "exclude")
        return self


def _csv(value: object) -> object:
    refuse_unknown_keys(value, CsvFormat.__dataclass_fields__)
    if isinstance(value, dict) and "zero_dates" in value:
        # YAML reads the word null as nothing.
        return {**value, "zero_dates": value["zero_dates"] or "null"}
    return value


Csv = Annotated[CsvFormat, BeforeValidator(_csv)]


class TableConfig(Model):
    """One logical table."""

    shards: tuple[ShardPattern, ...] = Field(min_length=1)
    partition: PartitionConfig
    columns: ColumnSelection | None = None
    where: Text | None = None
    schedule: Text | None = None
    csv: Csv = Field(default=CsvFormat(), description="with those of `output` for what it omits")
    on_drift: Literal["fail", "union"] = "fail"
    rows_outside: Literal["warn", "fail"] = "warn"
    merge: Flag = False
    split: Positive = 1

    @property
    def is_snapshot(self) -> bool:
        """Whether each window holds the whole table as it was when it was read."""
        return self.partition.column is None


class OutputConfig(Model):
    """Where files go and how they look."""

    directory: Directory = "exports"
    csv: Csv = CsvFormat()
    preview: Count = Field(default=10, description="records shown in the UI; 0 shows none")


class ExecutionConfig(Model):
    """How a run's steps are executed."""

    processes: Positive = Field(default_factory=lambda: os.cpu_count() or 1)
    lanes: Lanes = "auto"
    retries: Count = 3
    verify: Literal["count", "none"] = "count"
    executor: ExecutorName = "multiprocess"
    celery: CeleryConfig = CeleryConfig()
    k8s: Options = {}
    docker: Options = {}


class ExportConfig(Model):
    """The whole of etl_assets.yaml."""

    hosts: dict[str, HostConfig] = Field(min_length=1)
    tables: dict[str, TableConfig] = Field(min_length=1)
    output: OutputConfig = OutputConfig()
    execution: ExecutionConfig = ExecutionConfig()

    @model_validator(mode="before")
    @classmethod
    def _inherit_conventions(cls, value: object) -> object:
        """A logical table's conventions are those of the output, but for what it names itself."""
        if not isinstance(value, dict):
            return value
        tables, output = value.get("tables"), value.get("output")
        general = output.get("csv") if isinstance(output, dict) else None
        # Wrong ones are told where they stand, not in every table.
        if isinstance(tables, dict) and isinstance(general, dict) and _are_conventions(general):
            inherited = {name: _inherited(general, table) for name, table in tables.items()}
            return {**value, "tables": inherited}
        return value

    _path: Path = PrivateAttr(default=Path(CONFIG_NAME))
    _lines: Lines = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file that this was read from; absolute, links not followed."""
        return self._path

    @property
    def home(self) -> Path:
        """The folder that relative paths start from."""
        return self._path.parent

    @property
    def directory(self) -> str:
        """The output folder as an absolute path, or the URL as it stands."""
        given = self.output.directory
        return given if "://" in given else str(self.home / given)

    def error(self, location: Location, problem: str) -> ConfigError:
        """A ConfigError that points to a key of the file."""
        return located(self._path, self._lines, location, problem)

    def _problems(self) -> Iterator[tuple[Location, str]]:
        """What no single part of the configuration can see."""
        for name in self.hosts:
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name):
                expected = "1 to 63 letters, digits, _ and - as the host's name"
                yield ("hosts", name), f"expected {expected}, got {name!r}"
        for name, table in self.tables.items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED_TABLES:
                others = " and ".join(sorted(RESERVED_TABLES))
                expected = f"a letter, then letters, digits and _, other than {others}"
                yield ("tables", name), f"expected {expected}, got {name!r}"
            if table.split > 1 and self.execution.executor not in SPLITTING:
                expected = f"1, as split needs {' or '.join(SPLITTING)} as the executor"
                problem = f"expected {expected}, got {table.split} with {self.execution.executor}"
                yield ("tables", name, "split"), problem
            for index, pattern in enumerate(table.shards):
                if pattern.host not in self.hosts:
                    location = ("tables", name, "shards", index, "host")
                    known = ", ".join(self.hosts)
                    yield location, f"expected one of the hosts {known}, got {pattern.host!r}"
            yield from self._split_problems(name, table)
            yield from self._where_problems(name, table)

    def _split_problems(self, name: str, table: TableConfig) -> Iterator[tuple[Location, str]]:
        location = ("tables", name, "split")
        for pattern in table.shards if table.split > 1 else ():
            host = self.hosts.get(pattern.host)
            if host is not None and not host.can_split:
                yield location, f"expected 1 on SQLite (host {pattern.host}), got {table.split}"
            elif host is not None and table.split > host.max_connections:
                most = f"at most {host.max_connections}, the max_connections of {pattern.host}"
                yield location, f"expected {most}, got {table.split}"

    def _where_problems(self, name: str, table: TableConfig) -> Iterator[tuple[Location, str]]:
        hosts = (self.hosts.get(pattern.host) for pattern in table.shards)
        for backend in sorted({host.backend for host in hosts if host is not None}):
            problem = condition_problem(table.where or "", backend)
            if problem is not None:
                expected, found = problem
                text = f"expected {expected}, got {found} in {table.where!r}"
                yield ("tables", name, "where"), text

    def _missing_packages(self) -> Iterator[tuple[Location, str]]:
        """What would only be told when the first file is written."""
        if "://" in self.directory:
            # Imported where it is used: most write into a local folder.
            import fsspec  # noqa: PLC0415

            try:
                fsspec.get_filesystem_class(self.directory.partition("://")[0])
            except (ImportError, ValueError) as error:
                expected = "a URL that fsspec knows and has the package for"
                # The package of S3 is an extra of this product; those of others are the user's.
                hint = "; install etl-assets[s3]" if self.directory.startswith("s3") else ""
                problem = f"expected {expected}, got {self.directory!r}: {error}{hint}"
                yield ("output", "directory"), problem
        for name, table in self.tables.items():
            if table.csv.compression == "zstd" and find_spec("zstandard") is None:
                location = ("tables", name, "csv", "compression")
                yield location, "expected the package zstandard, got none; install etl-assets[zstd]"

    def _unreadable_secrets(self) -> Iterator[tuple[Location, str]]:
        """Passwords and certificates that are not there; only whoever connects needs them."""
        for name, host in self.hosts.items():
            if host.password is not None and (missing := host.password.missing(self.home)):
                yield ("hosts", name, "password", missing[0]), missing[1]
            for key in FILE_OPTIONS:
                if key in host.connect and (problem := unreadable(self.home / host.connect[key])):
                    yield ("hosts", name, "connect", key), problem

    def _unready_executor(self) -> Iterator[tuple[Location, str]]:
        """What the executor lacks; only whoever exports needs it."""
        execution = self.execution
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


def _are_conventions(value: object) -> bool:
    try:
        TypeAdapter(Csv).validate_python(value)
    except ValidationError:
        return False
    return True


def _inherited(general: Mapping[str, object], table: object) -> object:
    if not isinstance(table, dict) or not isinstance(own := table.get("csv", {}), dict):
        return table
    return {**table, "csv": {**general, **own}}


def find_config(given: str | Path | None = None) -> Path:
    """The configuration's path: the one given, else $ETL_ASSETS_CONFIG, else ./etl_assets.yaml."""
    path = Path(given or os.environ.get(CONFIG_VARIABLE) or CONFIG_NAME).absolute()
    if not path.is_file():
        raise ConfigError(
            str(path),
            expected="the configuration",
            got="no such file",
            next_step=f"write it, or name another with --config or ${CONFIG_VARIABLE}",
        )
    return path


def load_config(given: str | Path | None = None, *, connects: bool = True) -> ExportConfig:
    """Read and validate the configuration.

    Password variables need not be set for what never `connects`.

    Raises:
        ConfigError: with the file, the line, the key and the value of the first problem.
    """
    path = find_config(given)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path.name}:1: expected a file to read, got {error.strerror}") from None
    try:
        document, lines = read_yaml(data)
    except ValueError as error:
        raise ConfigError(f"{path.name}{error}") from None
    return parse_config(document, lines, path, connects=connects)


def parse_config(
    document: object, lines: Lines, path: Path, *, connects: bool = True
) -> ExportConfig:
    """Validate a document that was read from YAML; `lines` says where each key stands."""
    try:
        config = ExportConfig.model_validate({} if document is None else document)
    except ValidationError as error:
        raise config_error(error, lines, path) from None
    executor = chosen_executor(config.execution.executor)
    execution = config.execution.model_copy(update={"executor": executor})
    config = config.model_copy(update={"execution": execution})
    config._path = path  # noqa: SLF001
    config._lines = lines  # noqa: SLF001
    problems = [config._problems(), config._missing_packages()]  # noqa: SLF001
    if connects:
        problems += [config._unreadable_secrets(), config._unready_executor()]  # noqa: SLF001
    for location, problem in chain(*problems):
        raise config.error(location, problem)
    return config
