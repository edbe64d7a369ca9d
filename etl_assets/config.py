"""etl_assets.yaml as a frozen, validated ExportConfig.

Every problem is one ConfigError that names file, line, key and value. Nothing here connects to a
database, and no password is ever a value of the configuration: it names environment variables.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import ConfigError
from etl_assets.yaml_lines import Lines, Location, read_yaml

CONFIG_VARIABLE = "ETL_ASSETS_CONFIG"
CONFIG_NAME = "etl_assets.yaml"

RESERVED_TABLES = frozenset({"mysql", "sqlite"})
"""First parts of the upstream tables' asset keys."""

SECRET_OPTIONS = frozenset({"password", "passwd"})
FIXED_OPTIONS = SECRET_OPTIONS | {
    "charset",
    "init_command",
    "conv",
    "cursorclass",
    "use_unicode",
    "autocommit",
    "sql_mode",
    "user",
    "host",
    "port",
    "database",
    "db",
}
"""Driver options that the product sets itself: another value would cost values or secrets."""

_UNKNOWN_KEY = "unknown_key"


def _refuse_unknown_keys(value: object, known: Iterable[str]) -> object:
    if isinstance(value, dict):
        for key in value.keys() - set(known):
            raise PydanticCustomError(
                _UNKNOWN_KEY,
                "wanted one of {known}, found {key}",
                {"key": str(key), "known": ", ".join(known)},
            )
    return value


class Model(BaseModel):
    """A frozen part of the configuration that knows all its keys."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, value: object) -> object:
        return _refuse_unknown_keys(value, cls.model_fields)


def _url(value: str) -> str:
    try:
        url = make_url(value)
    except ArgumentError:
        # The text is not repeated: it may hold a password.
        raise ValueError(
            "wanted a SQLAlchemy URL such as mysql+pymysql://user@host:3306 "
            "or sqlite:///folder/{database}.db, found none"
        ) from None
    if url.password is not None or SECRET_OPTIONS & set(url.query):
        raise ValueError(
            "wanted a URL without a password, found one in it; name an environment variable "
            "with `password: {env: NAME}` instead"
        )
    if refused := FIXED_OPTIONS & set(url.query):
        raise ValueError(
            f"wanted a URL without {', '.join(sorted(refused))}, found it in {value!r}"
        )
    backend = url.get_backend_name()
    if backend == "sqlite":
        return value
    if backend not in ("mysql", "mariadb") or ("+" in url.drivername and "pymysql" not in value):
        raise ValueError(f"wanted mysql+pymysql:// or sqlite:///, found {url.drivername!r}")
    if url.database:
        raise ValueError(
            f"wanted a server without a database, found {url.database!r}; "
            "shards name their databases"
        )
    return url.set(drivername="mysql+pymysql").render_as_string()


def _connect(options: dict[str, Any]) -> dict[str, Any]:
    if refused := FIXED_OPTIONS & set(options):
        raise ValueError(
            f"wanted options for the driver, found {', '.join(sorted(refused))}, "
            "which the product sets itself"
        )
    return options


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"wanted an IANA time zone such as Asia/Shanghai, found {value!r}"
        ) from None
    return value


def _text_of(value: object) -> object:
    """Dates arrive as text from some YAML loaders and as dates from others."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def _start(value: str) -> str:
    try:
        start = datetime.fromisoformat(re.sub(r"^(\d{4}-\d\d-\d\d)-(\d\d:\d\d)$", r"\1 \2", value))
    except ValueError:
        raise ValueError(
            f"wanted a date such as 2026-11-01 or 2026-11-01 13:00, found {value!r}"
        ) from None
    if start.tzinfo is not None or start.minute or start.second or start.microsecond:
        raise ValueError(f"wanted a whole hour on the clock of `timezone`, found {value!r}")
    return start.isoformat(sep=" ", timespec="minutes")


TimeZone = Annotated[str, AfterValidator(_zone)]


class PasswordSource(Model):
    """Where a host's password comes from."""

    env: str = Field(min_length=1)

    def value(self) -> str:
        """The password; an empty string means none. KeyError where the variable is not set."""
        return os.environ[self.env]


class HostConfig(Model):
    """One database server, or one folder of SQLite files."""

    url: Annotated[str, AfterValidator(_url)]
    password: PasswordSource | None = None
    max_connections: int = Field(default=4, ge=1)
    connect: Annotated[dict[str, Any], AfterValidator(_connect)] = {}

    @property
    def backend(self) -> Literal["mysql", "sqlite"]:
        """The kind of source, as it stands in asset keys."""
        return "sqlite" if self.url.startswith("sqlite") else "mysql"


class ShardPattern(Model):
    """Shard tables of one host: named by a brace pattern, or found by a regular expression."""

    host: str
    tables: str | None = Field(default=None, min_length=1)
    match: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_of(self) -> "ShardPattern":
        if (self.tables is None) == (self.match is None):
            raise ValueError("wanted one of `tables` and `match`")
        if self.match is not None:
            try:
                re.compile(self.match)
            except re.error as error:
                raise ValueError(
                    f"wanted a regular expression, found {self.match!r} ({error})"
                ) from None
        return self


class PartitionConfig(Model):
    """How a logical table is cut into windows of time."""

    every: Literal["hour", "day", "week", "month"]
    start: Annotated[str, BeforeValidator(_text_of), AfterValidator(_start)]
    timezone: TimeZone = "UTC"
    column: str | None = Field(default=None, min_length=1)
    column_timezone: TimeZone | None = None
    unit: Literal["s", "ms"] | None = None

    @model_validator(mode="after")
    def _fits(self) -> "PartitionConfig":
        if self.every != "hour" and not self.start.endswith(" 00:00"):
            raise ValueError(
                f"wanted a date in `start` for every {self.every}, found {self.start!r}"
            )
        if self.column is None and (self.unit or self.column_timezone):
            raise ValueError("wanted `column` beside `unit` and `column_timezone`, found none")
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
        if (self.include is None) == (self.exclude is None):
            raise ValueError("wanted one of `include` and `exclude`")
        return self


class TableConfig(Model):
    """One logical table."""

    shards: tuple[ShardPattern, ...] = Field(min_length=1)
    partition: PartitionConfig
    columns: ColumnSelection | None = None
    where: str | None = Field(default=None, min_length=1)
    schedule: str | None = Field(default=None, min_length=1)
    on_drift: Literal["fail"] = "fail"
    merge: Literal[False] = False
    split: Literal[1] = 1

    @property
    def is_snapshot(self) -> bool:
        """Whether each window holds the whole table as it was when it was read."""
        return self.partition.column is None


def _csv(value: object) -> object:
    return _refuse_unknown_keys(value, CsvFormat.__dataclass_fields__)


class OutputConfig(Model):
    """Where files go and how they look."""

    directory: str = Field(default="exports", min_length=1)
    csv: Annotated[CsvFormat, BeforeValidator(_csv)] = CsvFormat()
    preview: int = Field(default=10, ge=0, description="records shown in the UI; 0 shows none")


def _lanes(value: object) -> object:
    if value in ("per_shard", "auto") or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"wanted per_shard, auto or a number of lanes, found {value!r}")


class ExecutionConfig(Model):
    """How a run's steps are executed."""

    processes: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    lanes: Annotated[str | int, BeforeValidator(_lanes)] = "auto"
    retries: int = Field(default=3, ge=0)
    verify: Literal["count", "none"] = "count"
    executor: Literal["multiprocess", "in_process"] = "multiprocess"


class ExportConfig(Model):
    """The whole of etl_assets.yaml."""

    hosts: dict[str, HostConfig] = Field(min_length=1)
    tables: dict[str, TableConfig] = Field(min_length=1)
    output: OutputConfig = OutputConfig()
    execution: ExecutionConfig = ExecutionConfig()

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
        return _located(self._path, self._lines, location, problem)

    def _problems(self) -> Iterator[tuple[Location, str]]:
        """What no single part of the configuration can see."""
        for name in self.hosts:
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name):
                wanted = "1 to 63 letters, digits, _ and - as the host's name"
                yield ("hosts", name), f"wanted {wanted}, found {name!r}"
        for name, table in self.tables.items():
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or name in RESERVED_TABLES:
                wanted = "a letter, then letters, digits and _, other than mysql and sqlite"
                yield ("tables", name), f"wanted {wanted}, found {name!r}"
            for index, pattern in enumerate(table.shards):
                if pattern.host not in self.hosts:
                    location = ("tables", name, "shards", index, "host")
                    known = ", ".join(self.hosts)
                    yield location, f"wanted one of the hosts {known}, found {pattern.host!r}"
        for name, host in self.hosts.items():
            if host.password is not None and host.password.env not in os.environ:
                wanted = f"the environment variable {host.password.env} set"
                none = "(to nothing where there is no password)"
                yield ("hosts", name, "password", "env"), f"wanted {wanted} {none}, found it unset"


def find_config(given: str | Path | None = None) -> Path:
    """The configuration's path: the one given, else $ETL_ASSETS_CONFIG, else ./etl_assets.yaml."""
    path = Path(given or os.environ.get(CONFIG_VARIABLE) or CONFIG_NAME).absolute()
    if not path.is_file():
        raise ConfigError(
            str(path),
            wanted="the configuration",
            found="no such file",
            next_step=f"write it, or name another with --config or ${CONFIG_VARIABLE}",
        )
    return path


def load_config(given: str | Path | None = None) -> ExportConfig:
    """Read and validate the configuration.

    Raises:
        ConfigError: with the file, the line, the key and the value of the first problem.
    """
    path = find_config(given)
    try:
        document, lines = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path.name}{error}" if isinstance(error, ValueError) else str(error)
        ) from None
    return parse_config(document, lines, path)


def parse_config(document: object, lines: Lines, path: Path) -> ExportConfig:
    """Validate a document that was read from YAML; `lines` says where each key stands."""
    try:
        config = ExportConfig.model_validate({} if document is None else document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        location = first["loc"]
        if first["type"] == _UNKNOWN_KEY:
            location = (*location, first["ctx"]["key"])
        raise _located(path, lines, location, _sentence(first)) from None
    config._path = path  # noqa: SLF001
    config._lines = lines  # noqa: SLF001
    for location, problem in config._problems():  # noqa: SLF001
        raise config.error(location, problem)
    return config


def _sentence(error: ErrorDetails) -> str:
    """What pydantic found, as wanted and found."""
    context: Mapping[str, Any] = error.get("ctx", {})
    found = error.get("input")
    match error["type"]:
        case type_ if type_ == _UNKNOWN_KEY:
            return error["msg"]
        case "missing":
            return "wanted this key, found none"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"wanted {context['expected']}, found {found!r}"
        case _:
            message = error["msg"].replace("Input should be ", "").replace("Input should ", "")
            # What stands where the password's variable should be named may be the password.
            is_hidden = isinstance(found, dict | list | tuple) or "password" in error["loc"]
            shown = "" if is_hidden else f", found {found!r}"
            return f"wanted {message[0].lower()}{message[1:]}{shown}"


def _located(path: Path, lines: Lines, location: Location, problem: str) -> ConfigError:
    """Point to the deepest part of the location that stands in the file."""
    known = location
    while known and known not in lines:
        known = known[:-1]
    key = ".".join(
        f"[{part}]" if isinstance(part, int) else str(part) for part in location
    ).replace(".[", "[")
    return ConfigError(f"{path.name}:{lines.get(known, 1)}: {key or 'the document'}: {problem}")
