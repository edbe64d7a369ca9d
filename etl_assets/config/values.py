"""What single values of etl_assets.yaml have to look like, as types for its models.

Each check raises a ValueError that says what was expected and what was found; the key and the line
come from where the value stands. A value that may hold a password is never repeated.
"""

import re
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from etl_assets.config.secrets import holds_secret, is_secret_name
from etl_assets.errors import SettingError

_MYSQL_DRIVERS = frozenset({"mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"})
_PORTS = range(1, 65536)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}")
_TAG_KEY = re.compile(r"(?:[A-Za-z0-9_.-]{1,63}/)?[A-Za-z0-9_.-]{1,63}")
_TAG_VALUE = re.compile(r"[A-Za-z0-9_.-]{0,63}")
_TAKEN = ("dagster", "etl_assets")
"""In front of the slash of tags that Dagster and this product give themselves."""
_YEARS = range(1000, 9000)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _url(value: str) -> str:
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        # The text is not repeated: it may hold a password.
        raise ValueError(
            "expected a SQLAlchemy URL such as mysql+pymysql://user@host:3306 "
            "or sqlite:///folder/{database}.db, got none"
        ) from None
    is_file = url.drivername == "sqlite"
    address, _, query = value.partition("?")
    options = [unquote(pair.partition("=")[0]) for pair in query.split("&") if "=" in pair]
    if url.password is not None or holds_secret(value) or any(map(is_secret_name, options)):
        raise ValueError(
            "expected a URL without a password, got one in it; name where it is "
            "with `password: {env: NAME}` instead"
        )
    if address != value:
        named = ", ".join(options) or "something else"
        advice = "" if is_file else "; move it to `connect`"
        raise ValueError(f"expected a URL without options, got {named} after the ?{advice}")
    if is_file:
        if not url.database or not value.startswith("sqlite:///"):
            raise ValueError(f"expected sqlite:///folder/{{database}}.db, got {value!r}")
        return value
    return _server_url(url)


def _server_url(url: URL) -> str:
    if url.drivername not in _MYSQL_DRIVERS:
        raise ValueError(f"expected mysql+pymysql:// or sqlite:///, got {url.drivername!r}")
    if url.database:
        raise ValueError(
            f"expected a server without a database, got {url.database!r}; "
            "shards name their databases"
        )
    if url.port is not None and url.port not in _PORTS:
        raise ValueError(f"expected a port from {_PORTS[0]} to {_PORTS[-1]}, got {url.port}")
    return url.set(drivername="mysql+pymysql").render_as_string()


def _directory(value: str) -> str:
    if "://" in value and holds_secret(value):
        raise ValueError(
            "expected a URL without secrets, got one in it; give it to fsspec by an environment "
            "variable, such as FSSPEC_FTP_PASSWORD for ftp://"
        )
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"expected an IANA time zone such as Asia/Shanghai, got {value!r}"
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
            f"expected a date such as 2026-11-01 or 2026-11-01 13:00, got {value!r}"
        ) from None
    if start.tzinfo is not None or start.minute or start.second or start.microsecond:
        raise ValueError(f"expected a whole hour on the clock of `timezone`, got {value!r}")
    if start.year not in _YEARS:
        raise ValueError(f"expected a year from {_YEARS[0]} to {_YEARS[-1]}, got {value!r}")
    return start.isoformat(sep=" ", timespec="minutes")


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"expected a regular expression, got {value!r} ({error})") from None
    return value


def _owner(value: str) -> str:
    is_team = value.startswith("team:") and value.removeprefix("team:").strip()
    if not is_team and not _EMAIL.fullmatch(value):
        raise ValueError(f"expected an email address or a team such as team:shop, got {value!r}")
    return value


def _tags(value: dict[str, str]) -> dict[str, str]:
    plain = "letters, digits, _, - and ."
    for key, text in value.items():
        if not _TAG_KEY.fullmatch(key):
            problem = f"expected 1 to 63 {plain} as the tag's name, got {key!r}"
            raise SettingError(key, problem)
        if key.partition("/")[0] in _TAKEN and "/" in key:
            problem = f"expected a tag that is not Dagster's or this product's, got {key!r}"
            raise SettingError(key, problem)
        if not _TAG_VALUE.fullmatch(text):
            raise SettingError(key, f"expected at most 63 {plain}, got {text!r}")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError(f"expected some text, got {value!r}")
    return value


def _not_a_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"expected a whole number, got {str(value).lower()}")
    return value


def _duration(value: object) -> timedelta:
    found = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"expected a time such as 90s, 10m or 2h, got {value!r}")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])


def _lanes(value: object) -> object:
    if value in ("per_shard", "auto") or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"expected per_shard, auto or a number of lanes, got {value!r}")


Text = Annotated[str, AfterValidator(_not_blank)]
Count = Annotated[int, Field(ge=0), BeforeValidator(_not_a_boolean)]
Positive = Annotated[int, Field(ge=1), BeforeValidator(_not_a_boolean)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Url = Annotated[str, AfterValidator(_url)]
Flag = Annotated[bool, Field(strict=True)]
Directory = Annotated[Text, AfterValidator(_directory)]
TimeZone = Annotated[str, AfterValidator(_zone)]
Start = Annotated[str, BeforeValidator(_text_of), AfterValidator(_start)]
Pattern = Annotated[Text, AfterValidator(_pattern)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Owner = Annotated[str, AfterValidator(_owner)]
Tags = Annotated[dict[str, str], AfterValidator(_tags)]
Lanes = Annotated[str | int, BeforeValidator(_lanes)]
