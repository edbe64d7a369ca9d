"""The hosts that `init` is given: what they are called, and where their passwords are."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.engine import make_url

from etl_assets.config import HostConfig
from etl_assets.config.passwords import PasswordSource
from etl_assets.errors import UsageError

_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


@dataclass(frozen=True)
class GivenHost:
    """A host of the command line.

    Attributes:
        name: in the configuration to be written.
        settings: likewise; without a password where its variable is not set and was not named.
        variable: the environment variable that holds its password, if it needs one.
    """

    name: str
    settings: HostConfig
    variable: str


def given_hosts(
    urls: Sequence[str], names: Sequence[str], variables: Sequence[str]
) -> list[GivenHost]:
    """The hosts of some URLs; the first name is the first URL's, and so is the first variable.

    An empty name or variable is the default's.

    Raises:
        UsageError: a URL that a configuration would refuse, a bad name, or too many of them.
    """
    for option, given in (("--host-name", names), ("--password-env", variables)):
        if len(given) > len(urls):
            raise UsageError(option, expected="at most one for each --url", got=str(len(given)))
    hosts: list[GivenHost] = []
    for url, name, variable in zip_longest(urls, names, variables, fillvalue=""):
        settings = _settings(url)
        taken = {host.name for host in hosts}
        if any(host.settings.url == settings.url for host in hosts):
            raise UsageError("--url", expected="each server once", got=f"{settings.url} twice")
        if name and (name in taken or not _HOST_NAME.fullmatch(name)):
            raise UsageError(
                "--host-name",
                expected="1 to 63 letters, digits, _ and -, and each name once",
                got=repr(name),
            )
        chosen = name or next(free for free in _default_names(settings.url) if free not in taken)
        hosts.append(_with_password(chosen, settings, variable))
    return hosts


def _settings(url: str) -> HostConfig:
    try:
        return HostConfig(url=url)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        text = str(problem.get("ctx", {}).get("error", problem["msg"]))
        advice = "here: --password-env NAME" if "`password:" in text else ""
        raise UsageError(f"--url: {text}", next_step=advice) from None


def _with_password(name: str, settings: HostConfig, given: str) -> GivenHost:
    variable = given or _default_variable(name)
    if given and not settings.has_accounts:
        raise UsageError(
            "--password-env",
            expected=f"none for {settings.url}, which has no accounts",
            got=given,
            next_step="give an empty one, '', where others need theirs",
        )
    source = PasswordSource(env=variable)
    if given and (missing := source.missing(Path())):
        raise UsageError(f"--password-env: {missing[1]}")
    if given or (settings.has_accounts and variable in os.environ):
        settings = settings.model_copy(update={"password": source})
    return GivenHost(name, settings, variable)


def _default_names(url: str) -> Iterator[str]:
    """Names for a host by its URL, the best one first, without an end."""
    parts = make_url(url)
    # Of a file it is the folder that tells which one it is.
    told = parts.host or Path(parts.database or "").parent.name or parts.get_backend_name()
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", told).strip("-")[:50] or "host"
    yield name
    if parts.port:
        yield f"{name}-{parts.port}"
    number = 1
    while True:
        number += 1
        yield f"{name}-{number}"


def _default_variable(name: str) -> str:
    words = re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_")
    # No shell sets a variable whose name begins with a digit.
    return f"{'DB_' if words[:1].isdigit() else ''}{words}_PASSWORD".lstrip("_")
