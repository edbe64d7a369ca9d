"""etl_assets.yaml as a frozen, validated ExportConfig.

Every problem is one ConfigError that names file, line, key and value. Nothing here connects to a
database, and no password is ever a value of the configuration: it names where one is.
"""

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
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

from etl_assets.config.driver import DriverOptions
from etl_assets.config.executors import (
    CeleryConfig,
    ExecutorName,
    Options,
)
from etl_assets.config.passwords import PasswordSource
from etl_assets.config.problems import located, refuse_unknown_keys
from etl_assets.config.sql_text import BackendName
from etl_assets.config.values import (
    Count,
    Directory,
    Duration,
    Flag,
    Lanes,
    Owner,
    Pattern,
    Positive,
    Share,
    Start,
    Tags,
    Text,
    TimeZone,
    Url,
)
from etl_assets.config.yaml_lines import Lines, Location
from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ConfigError, SettingError

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
            if self.backend == "sqlite" and getattr(self, key):
                raise SettingError(key, f"expected no `{key}` for SQLite, which has none, got one")
        return self

    @property
    def backend(self) -> BackendName:
        """The kind of database, as it stands in asset keys."""
        return "sqlite" if self.url.startswith("sqlite") else "mysql"

    @property
    def has_accounts(self) -> bool:
        """Whether whoever connects is somebody, with a password; a file asks for none."""
        return self.backend == "mysql"

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


class RetryConfig(Model):
    """When the failed shards of a run are exported again, in a run of their own."""

    after: Duration = timedelta(minutes=10)
    times: Positive = 3


class UsualRowsConfig(Model):
    """How many rows a window is expected to have, by those of the weeks before."""

    weeks: Positive = 4
    tolerance: Share = 0.5

    @model_validator(mode="after")
    def _compares(self) -> "UsualRowsConfig":
        if self.weeks == 1:
            raise SettingError("weeks", "expected at least 2, got 1")
        return self


def _usual_rows(value: object) -> object:
    if value is None or value is True:
        raise ValueError(f"expected `weeks` and `tolerance`, or false, got {value}")
    return None if value is False else value


UsualRows = Annotated[UsualRowsConfig | None, BeforeValidator(_usual_rows)]


class TableConfig(Model):
    """One logical table."""

    shards: tuple[ShardPattern, ...] = Field(min_length=1)
    partition: PartitionConfig
    description: Text | None = None
    owners: tuple[Owner, ...] = ()
    tags: Tags = {}
    columns: ColumnSelection | None = None
    where: Text | None = None
    schedule: Text | None = None
    automation: Text | None = None
    rows_as_usual: UsualRows = UsualRowsConfig()
    retry_failed: RetryConfig | None = None
    csv: Csv = Field(default=CsvFormat(), description="with those of `output` for what it omits")
    on_drift: Literal["fail", "union"] = "fail"
    rows_outside: Literal["warn", "fail"] = "warn"
    merge: Flag = False
    split: Positive = 1

    @model_validator(mode="after")
    def _starts_once(self) -> "TableConfig":
        if self.automation is not None and self.schedule is not None:
            raise SettingError("automation", "expected no `schedule` beside it, got one")
        return self

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
        # Wrong ones are reported where they stand, not once a table.
        if isinstance(tables, dict) and isinstance(general, dict) and _are_conventions(general):
            inherited = {name: _inherited(general, table) for name, table in tables.items()}
            return {**value, "tables": inherited}
        return value

    _path: Path = PrivateAttr(default=Path(CONFIG_NAME))
    _lines: Lines = PrivateAttr(default_factory=dict)

    def of_file(self, path: Path, lines: Lines) -> "ExportConfig":
        """This configuration, which was read from a file; `lines` says where each key stands."""
        self._path, self._lines = path, lines
        return self

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

    def line(self, *location: str | int) -> int:
        """The line of the file where a key stands; 1 for one that does not."""
        return self._lines.get(location, 1)

    def error(self, location: Location, problem: str) -> ConfigError:
        """A ConfigError that points to a key of the file."""
        return located(self._path, self._lines, location, problem)


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
