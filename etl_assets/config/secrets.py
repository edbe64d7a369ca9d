"""What is a secret in etl_assets.yaml: the one rule, by a value's name and by the value itself.

A secret stands in no configuration, as logs, events and the UI show it. What may need one names
where it is instead. Whatever this calls a secret is refused, and no message repeats it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from etl_assets.config.yaml_lines import Location

_NAME = re.compile(
    r"passw|passphrase|passcode|(^|_)(pass|pwd)($|_)|secret|token|credential|signature|authorization"
    r"|api_?key|(access|account|private|encryption|secret)_?key|(^|_)(auth|sig|sas)$"
)
_POINTS_TO_ONE = re.compile(
    r"_(ids?|names?|refs?|files?|paths?|dir|ttl|timeout|seconds|age)$"
    r"|^(env|image_pull)_secrets$|^automount_"
)
"""Names of where a secret is, such as Kubernetes' `secret_key_ref`, or of how long it lasts."""

_PASSWORD = re.compile(r"passw|passphrase|(^|_)(pass|pwd)($|_)")
"""Names that make everything inside of them a secret."""

_URL = re.compile(r"[A-Za-z][\w+.-]*://(?P<authority>[^/?#\s]*)(?P<rest>\S*)")
_URL_BEGINS = re.compile(r"(?<![\w+.-])(?=[A-Za-z][\w+.-]*://)")
_ASSIGNED = re.compile(r"(?P<name>[\w.%-]+)(?:=|[\"']\s*:\s*)[\"']?(?P<value>[^\s\"'&;,]+)")
_HANDED = re.compile(
    r"(?<!\S)--?(?P<option>[\w-]+)\s+[\"']?[^\s\"'$-]|(?P<header>[\w-]+):[ \t]+[^\s$]"
)
"""What a command gets after an option, or in a header of HTTP; a shell's variable is none."""
_IN_A_QUERY = frozenset({"key", "code"})
"""Names that are a secret's in the query of a URL alone."""


def is_reference(value: object) -> bool:
    """Whether a value is `{env: NAME}`, which names an environment variable."""
    return isinstance(value, Mapping) and value.keys() == {"env"} and isinstance(value["env"], str)


def is_secret_name(name: str) -> bool:
    """Whether what stands under a name is a secret, such as `passwd` and `awsSecretAccessKey`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", unquote(name))
    plain = re.sub(r"[.\-]+", "_", words).lower().strip("_")
    return _NAME.search(plain) is not None and _POINTS_TO_ONE.search(plain) is None


def holds_secret(text: str) -> bool:
    """Whether a text has a secret in it: a URL's password, or `NAME=value` of a secret's name."""
    # Celery puts several into one text, and so does fsspec: each is looked at alone.
    for url in filter(None, map(_URL.match, _URL_BEGINS.split(text))):
        authority, rest = url["authority"], url["rest"]
        user, at, _ = authority.rpartition("@")
        if at and user.partition(":")[2]:
            return True
        # A password with a slash ends what a parser takes for the host.
        if "@" in rest and not at and re.search(r":\D|:\d+\D", authority + rest[:1]):
            return True
        query = rest.partition("?")[2]
        if any(pair.partition("=")[0].lower() in _IN_A_QUERY for pair in query.split("&")):
            return True
    return any(
        is_secret_name(found["name"]) and not _is_placeholder(found["value"])
        for found in _ASSIGNED.finditer(text)
    )


def command_holds_secret(words: Sequence[str]) -> bool:
    """Whether a command has a secret in it, also as a word of its own, as after `--password`."""
    for found in _HANDED.finditer(" ".join(words)):
        option, header = (found[group] or "" for group in ("option", "header"))
        # `--secret NAME` asks for one.
        if is_password_name(option) or option.endswith("token") or is_secret_name(header):
            return True
    return any(map(holds_secret, words))


def secrets_in(value: object, location: Location = ()) -> Iterator[Location]:
    """Where secrets stand in nested options."""
    match value:
        case dict() if not is_reference(value):
            names = [value.get("name")] if isinstance(value.get("name"), str) else []
            for key, inner in value.items():
                # A variable of a container: its name stands beside its value.
                named = [*location, *names] if key == "value" else location
                if any(True for _ in secrets_in(inner, (*named, key))):
                    yield (*location, key)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from secrets_in(inner, (*location, index))
        case str() | int() | float() if not isinstance(value, bool) and value != "":
            if _is_secret_at(location, value):
                yield location


def _is_secret_at(location: Location, value: object) -> bool:
    names = [part for part in location if isinstance(part, str)]
    if isinstance(value, str) and holds_secret(value):
        return True
    inside = any(map(is_password_name, names))
    named = names[-2:] if names[-1:] == ["value"] else names[-1:]
    return (inside or any(map(is_secret_name, named))) and not _is_placeholder(value)


def is_password_name(name: str) -> bool:
    """Whether all that is inside of a name is a secret."""
    return is_secret_name(name) and _PASSWORD.search(name.lower()) is not None


def _is_placeholder(value: object) -> bool:
    """Whether it is `$(NAME)` or `${NAME}`, which a container fills in."""
    return isinstance(value, str) and re.fullmatch(r"\$\(\w+\)|\$\{\w+\}", value) is not None
