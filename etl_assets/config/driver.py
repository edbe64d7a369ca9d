"""`connect` of a host: the options of PyMySQL's connection that may be set, and their kinds.

They have no other place: what a URL's query says is text to the driver, whatever it is about.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StrictBool, StrictStr, TypeAdapter, ValidationError

from etl_assets.config.secrets import is_secret_name
from etl_assets.errors import SettingError

FIXED_OPTIONS = frozenset(
    {
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
)
"""Driver options that the product sets itself: another value would cost values."""

REFUSED_OPTIONS: Mapping[str, str] = {
    "ssl": "ssl_ca, ssl_cert, ssl_key and ssl_verify_identity, each on its own",
    # Its `host` and `socket` would win over the URL.
    "read_default_file": "the options themselves: a file of options could name another server",
    "read_default_group": "the options themselves: a file of options could name another server",
    "local_infile": "an option that reads: the server could ask for any file of this machine",
    "client_flag": "an option that reads: flags change what the server sends",
    "max_allowed_packet": "an option that reads: the driver heeds it for LOAD DATA alone",
    "binary_prefix": "an option that reads: the driver heeds it for parameters alone",
}
"""Driver options that would do something else than they seem to; what is expected instead."""

_SECONDS = Annotated[float, Field(gt=0, le=31_536_000)]
_COLLATION = Annotated[str, Field(pattern=r"^utf8mb4_\w+$")]
_TEXT = Annotated[StrictStr, Field(min_length=1)]

DRIVER_OPTIONS: Mapping[str, tuple[Any, str]] = {
    **dict.fromkeys(
        ("connect_timeout", "read_timeout", "write_timeout"), (_SECONDS, "a number of seconds")
    ),
    **dict.fromkeys(("ssl_ca", "ssl_cert", "ssl_key"), (_TEXT, "the path of a file")),
    **dict.fromkeys(
        ("ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"), (StrictBool, "true or false")
    ),
    **dict.fromkeys(("unix_socket", "bind_address", "program_name"), (_TEXT, "text")),
    "server_public_key": (_TEXT, "a public key in PEM"),
    # The driver puts it into a statement as it stands.
    "collation": (_COLLATION, "a collation of utf8mb4"),
}
"""The options that may be set: their types, in code and in words."""

FILE_OPTIONS = ("ssl_ca", "ssl_cert", "ssl_key")
"""Those that name a file, which has to be there."""
PATH_OPTIONS = (*FILE_OPTIONS, "unix_socket")
"""Those that name a path; a relative one starts beside the configuration."""


def _connect(options: dict[str, Any]) -> dict[str, Any]:
    if secrets := sorted(filter(is_secret_name, options)):
        raise ValueError(
            f"expected options without secrets, got {', '.join(secrets)}; name where the password "
            "is with `password: {env: NAME}` instead"
        )
    if refused := FIXED_OPTIONS & {name.lower() for name in options}:
        raise ValueError(
            f"expected options for the driver, got {', '.join(sorted(refused))}, "
            "which the product sets itself"
        )
    checked = {name: _option(name, value) for name, value in options.items()}
    _refuse_contradictions(checked)
    return checked


def _option(name: str, value: object) -> Any:
    if name in REFUSED_OPTIONS:
        raise SettingError(name, f"expected {REFUSED_OPTIONS[name]}, got {name}")
    if name not in DRIVER_OPTIONS:
        close = get_close_matches(name, DRIVER_OPTIONS, 1)
        expected = close[0] if close else "one of " + ", ".join(sorted(DRIVER_OPTIONS))
        raise SettingError(name, f"expected {expected}, got an option that the driver has not")
    kind, words = DRIVER_OPTIONS[name]
    try:
        if isinstance(value, bool) and kind is not StrictBool:
            raise TypeError
        return TypeAdapter(kind).validate_python(value)
    except (ValidationError, TypeError):
        # A text is not repeated: what stands at a host may be a secret.
        found = str(value).lower() if isinstance(value, bool | int | float) else "something else"
        raise SettingError(name, f"expected {words}, got {found}") from None


def _refuse_contradictions(options: Mapping[str, Any]) -> None:
    """Refuse what the driver would settle in silence, and not always for the safer side."""
    if options.get("ssl_disabled"):
        for name in options:
            if name.startswith("ssl_") and name != "ssl_disabled" and options[name] is not False:
                raise SettingError(name, "expected no `ssl_disabled: true` beside it, got one")
    if options.get("ssl_verify_cert") is False:
        for name in ("ssl_ca", "ssl_verify_identity"):
            if options.get(name):
                raise SettingError(
                    "ssl_verify_cert", f"expected true, as `{name}` is set, got false"
                )
    if "ssl_key" in options and "ssl_cert" not in options:
        raise SettingError("ssl_key", "expected `ssl_cert` beside it, got none")


DriverOptions = Annotated[dict[str, Any], AfterValidator(_connect)]
