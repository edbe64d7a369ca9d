"""What is wrong with a configuration, as one line: file, line, key, what was expected and found."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from etl_assets.config.secrets import holds_secret, is_secret_name
from etl_assets.config.yaml_lines import Lines, Location, dotted
from etl_assets.errors import ConfigError, SettingError

_UNKNOWN_KEY = "unknown_key"

_EXPECTED = {
    "string_type": "text",
    "string_too_short": "some text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "greater_than_equal": "at least {ge}",
    "too_short": "at least one",
    "tuple_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "dataclass_type": "keys with values",
    "literal_error": "{expected}",
}
"""What pydantic's kinds of errors are about, in the words of a YAML file."""

_COUNTS = ("max_connections",)

_MAY_BE_SECRET = (("hosts",), *(("execution", name) for name in ("celery", "k8s", "docker")))
"""Where values are not repeated: one may be a password, in a wrong place."""


def refuse_unknown_keys(value: object, known: Iterable[str]) -> None:
    """Refuse the first key of a mapping that is not one of the known ones.

    Raises:
        PydanticCustomError: `config_error` makes a ConfigError of it.
    """
    names = list(known)
    for key, found in value.items() if isinstance(value, dict) else ():
        if key not in names:
            raise PydanticCustomError(
                _UNKNOWN_KEY,
                "expected one of {known}, got {key}",
                {"key": str(key), "known": ", ".join(names), "value": found},
            )


def config_error(error: ValidationError, lines: Lines, path: Path) -> ConfigError:
    """The first problem that pydantic found."""
    return located(path, lines, *first_problem(error))


def first_problem(error: ValidationError) -> tuple[Location, str]:
    """Where pydantic's first problem is, and what was expected and found there."""
    first = error.errors(include_url=False)[0]
    context: Mapping[str, Any] = first.get("ctx", {})
    location = first["loc"]
    cause = context.get("error")
    if first["type"] == _UNKNOWN_KEY:
        location = (*location, context["key"])
    elif isinstance(cause, SettingError):
        location = (*location, cause.key)
    return location, _sentence(first, context)


def located(path: Path, lines: Lines, location: Location, problem: str) -> ConfigError:
    """A ConfigError that points to the deepest part of the location that stands in the file."""
    known = location
    while known and known not in lines:
        known = known[:-1]
    where = dotted(location) or "the document"
    return ConfigError(f"{path.name}:{lines.get(known, 1)}: {where}: {problem}")


def _sentence(error: ErrorDetails, context: Mapping[str, Any]) -> str:
    match error["type"]:
        case type_ if type_ == _UNKNOWN_KEY:
            shown = _shown((*error["loc"], context["key"]), context["value"])
            return f"{error['msg']}: {shown}"
        case "missing":
            return "expected this key, got none"
        case "value_error":
            return str(context["error"])
        case type_:
            expected = _EXPECTED.get(type_, "").format(**context)
            # A kind that is not named here keeps pydantic's words.
            expected = expected or re.sub(r"^Input should (be )?", "", error["msg"])
            found = error.get("input")
            # YAML reads NULL, 5 and no as something else than text.
            is_bare = type_ == "string_type" and not isinstance(found, dict | list | tuple)
            advice = "; put it in quotes" if is_bare else ""
            return f"expected {expected}, got {_shown(error['loc'], found)}{advice}"


def _shown(location: Location, found: object) -> str:
    """A value as YAML calls it; what may be a password is not repeated."""
    # A key that is new to us may be a password's, wherever it stands.
    named = any(isinstance(part, str) and is_secret_name(part) for part in location)
    placed = any(location[: len(where)] == where for where in _MAY_BE_SECRET)
    may_be_secret = named or placed or (isinstance(found, str) and holds_secret(found))
    match found:
        case None:
            return "nothing"
        case bool():
            return str(found).lower()
        case dict():
            return "keys with values" if found else "none"
        case list() | tuple():
            return "a list" if found else "none"
        case _ if found != "" and may_be_secret and location[-1:] != _COUNTS:
            return "something else"
        case _:
            return repr(found)
