"""What single values of etl_assets.yaml have to look like, as types for its models.

Each check raises a ValueError that says what was wanted and what was found; the key and the line
come from where the value stands. A value that may hold a password is never repeated.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from etl_assets.errors import SettingError

FIXED_OPTIONS = {
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
"""Driver options that the product sets itself: another value would cost values."""

_SECONDS = Annotated[float, Field(gt=0, le=31_536_000)]

DRIVER_OPTIONS: Mapping[str, tuple[Any, str]] = {
    **dict.fromkeys(
        ("connect_timeout", "read_timeout", "write_timeout"), (_SECONDS, "a number of seconds")
    ),
    **dict.fromkeys(("ssl_ca", "ssl_cert", "ssl_key", "server_public_key"), (str, "text")),
    **dict.fromkeys(("unix_socket", "bind_address", "collation", "program_name"), (str, "text")),
    **dict.fromkeys(("read_default_file", "read_default_group"), (str, "text")),
    **dict.fromkeys(
        ("ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"), (bool, "true or false")
    ),
    **dict.fromkeys(("binary_prefix", "local_infile"), (bool, "true or false")),
    **dict.fromkeys(("client_flag", "max_allowed_packet"), (int, "a whole number")),
    "ssl": (dict[str, Any], "keys with values"),
}
"""The options of PyMySQL's connection that may be set: their types, in code and in words."""

FILE_OPTIONS = ("ssl_ca", "ssl_cert", "ssl_key", "read_default_file")
"""Those that name a file, which has to be there."""
PATH_OPTIONS = (*FILE_OPTIONS, "unix_socket")
"""Those that name a path; a relative one starts beside the configuration."""

_MYSQL_DRIVERS = frozenset({"mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"})
_YEARS = range(1000, 9000)


def _url(value: str) -> str:
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # The text is not repeated: it may hold a password.
        raise ValueError(
            "wanted a SQLAlchemy URL such as mysql+pymysql://user@host:3306 "
            "or sqlite:///folder/{database}.db, found none"
        ) from None
    options = {name.lower() for name in url.query}
    if url.password is not None or any(map(_is_secret, options)):
        raise ValueError(
            "wanted a URL without a password, found one in it; name an environment variable "
            "with `password: {env: NAME}` instead"
        )
    if refused := FIXED_OPTIONS & options:
        raise ValueError(
            f"wanted a URL without {', '.join(sorted(refused))}, found it in {value!r}"
        )
    if url.drivername != "sqlite":
        _refuse_unknown_options(options)
    if url.drivername == "sqlite":
        if not url.database:
            raise ValueError(f"wanted sqlite:///folder/{{database}}.db, found {value!r}")
        return value
    if url.drivername not in _MYSQL_DRIVERS:
        raise ValueError(f"wanted mysql+pymysql:// or sqlite:///, found {url.drivername!r}")
    if url.database:
        raise ValueError(
            f"wanted a server without a database, found {url.database!r}; "
            "shards name their databases"
        )
    return url.set(drivername="mysql+pymysql").render_as_string()


def _connect(options: dict[str, Any]) -> dict[str, Any]:
    names = {name.lower() for name in options}
    if secrets := sorted(filter(_is_secret, names)):
        raise ValueError(
            f"wanted options without secrets, found {', '.join(secrets)}; name an environment "
            "variable with `password: {env: NAME}` instead"
        )
    if refused := FIXED_OPTIONS & names:
        raise ValueError(
            f"wanted options for the driver, found {', '.join(sorted(refused))}, "
            "which the product sets itself"
        )
    _refuse_unknown_options(options)
    return {name: _option(name, value) for name, value in options.items()}


def _option(name: str, value: object) -> Any:
    kind, words = DRIVER_OPTIONS[name]
    try:
        if isinstance(value, bool) and kind is not bool:
            raise TypeError
        return TypeAdapter(kind).validate_python(value)
    except (ValidationError, TypeError):
        # A text is not repeated: what stands at a host may be a secret.
        found = str(value).lower() if isinstance(value, bool | int | float) else "something else"
        raise SettingError(name, f"wanted {words}, found {found}") from None


def _refuse_unknown_options(names: Iterable[str]) -> None:
    for name in names:
        if name not in DRIVER_OPTIONS:
            close = get_close_matches(name, DRIVER_OPTIONS, 1)
            wanted = close[0] if close else "one of " + ", ".join(sorted(DRIVER_OPTIONS))
            raise SettingError(name, f"wanted {wanted}, found an option that the driver has not")


def _is_secret(option: str) -> bool:
    """Whether an option holds a password, such as `passwd` and `ssl_key_password`."""
    return "passw" in option


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
    if start.year not in _YEARS:
        raise ValueError(f"wanted a year from {_YEARS[0]} to {_YEARS[-1]}, found {value!r}")
    return start.isoformat(sep=" ", timespec="minutes")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"wanted a regular expression, found {value!r} ({error})") from None
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError(f"wanted some text, found {value!r}")
    return value


def _not_a_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"wanted a whole number, found {str(value).lower()}")
    return value


def _lanes(value: object) -> object:
    if value in ("per_shard", "auto") or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"wanted per_shard, auto or a number of lanes, found {value!r}")


Text = Annotated[str, AfterValidator(_not_blank)]
Count = Annotated[int, Field(ge=0), BeforeValidator(_not_a_boolean)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(_not_a_boolean)]
Url = Annotated[str, AfterValidator(_url)]
Flag = Annotated[bool, Field(strict=True)]
DriverOptions = Annotated[dict[str, Any], AfterValidator(_connect)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Start = Annotated[str, BeforeValidator(_text_of), AfterValidator(_start)]
Pattern = Annotated[Text, AfterValidator(_pattern)]
Lanes = Annotated[str | int, BeforeValidator(_lanes)]
