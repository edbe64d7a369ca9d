"""Which executor runs the steps, and what the ones of other machines have to know.

Secrets are never values here: what may hold one names an environment variable, `{env: NAME}`, and
is read when the executor is made.
"""

import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from etl_assets.config.problems import refuse_unknown_keys
from etl_assets.config.secrets import holds_secret, is_reference, secrets_in
from etl_assets.config.values import Positive
from etl_assets.config.yaml_lines import Location
from etl_assets.errors import ConfigError, SettingError

EXECUTOR_VARIABLE = "ETL_ASSETS_EXECUTOR"

ExecutorName: TypeAlias = Literal["multiprocess", "in_process", "celery", "k8s", "docker"]
EXECUTORS: tuple[ExecutorName, ...] = get_args(ExecutorName)
SPLITTING: tuple[ExecutorName, ...] = ("multiprocess", "in_process")
"""Those whose steps may start processes: Celery's are daemonic, containers have the memory of one
shard."""

_PACKAGES: Mapping[str, str] = {
    "celery": "dagster_celery",
    "k8s": "dagster_k8s",
    "docker": "dagster_docker",
}
"""The package that an executor needs; the extra that brings it has the executor's name."""


def _url_or_reference(value: object) -> object:
    # The value is not repeated: it may hold a password.
    if is_reference(value):
        _refuse_blank(value)
    elif not isinstance(value, str) or "://" not in value:
        raise ValueError("expected a URL, or {env: NAME} for one with a password, got none")
    elif holds_secret(value):
        raise ValueError(
            "expected a URL without a password, got one in it; name an environment variable "
            "that holds the URL with {env: NAME} instead"
        )
    return value


def _refuse_blank(value: object) -> None:
    if isinstance(value, Mapping) and not value["env"].strip():
        raise ValueError("expected the name of an environment variable, got none")


def _without_secrets(options: dict[str, Any]) -> dict[str, Any]:
    for location in secrets_in(options):
        raise SettingError(
            str(location[0]),
            "expected options without secrets, got one in it; name an environment variable "
            "instead, with {env: NAME} or, where it is copied into a container, its name alone",
        )
    for _, value in _leaves(options):
        if is_reference(value):
            _refuse_blank(value)
    return options


def _leaves(value: object, location: Location = ()) -> Iterator[tuple[Location, object]]:
    match value:
        case dict() if not is_reference(value):
            for key, inner in value.items():
                yield from _leaves(inner, (*location, key))
        case list():
            for index, inner in enumerate(value):
                yield from _leaves(inner, (*location, index))
        case _:
            yield location, value


UrlOrReference = Annotated[str | dict[str, str], BeforeValidator(_url_or_reference)]
Options = Annotated[dict[str, Any], AfterValidator(_without_secrets)]


class CeleryConfig(BaseModel):
    """Where Celery's messages go, and how many seconds a worker may keep silent.

    Nothing has to be set for another executor.
    """

    model_config = ConfigDict(frozen=True)

    broker: UrlOrReference | None = None
    backend: UrlOrReference = "rpc://"
    config_source: Options = {}
    lost_after: Positive = 120

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, value: object) -> object:
        refuse_unknown_keys(value, cls.model_fields)
        return value

    def resolved(self) -> dict[str, Any]:
        """The settings with the values of their environment variables; never log them."""
        return {
            "broker": read_references(self.broker),
            "backend": read_references(self.backend),
            "config_source": read_references(self.config_source),
        }


def read_references(value: Any) -> Any:
    """A value with each `{env: NAME}` in it replaced. KeyError where a variable is not set."""
    if is_reference(value):
        return os.environ[value["env"]]
    match value:
        case dict():
            return {key: read_references(inner) for key, inner in value.items()}
        case list():
            return [read_references(inner) for inner in value]
        case _:
            return value


def unset_references(value: object) -> Iterator[tuple[Location, str]]:
    """Where environment variables are named that are not set, and their names."""
    for location, leaf in _leaves(value):
        if isinstance(leaf, dict) and is_reference(leaf) and leaf["env"] not in os.environ:
            yield (*location, "env"), leaf["env"]


def chosen_executor(configured: ExecutorName) -> ExecutorName:
    """The executor that the environment asks for, else the configured one.

    Raises:
        ConfigError: the environment names none that there is.
    """
    asked = os.environ.get(EXECUTOR_VARIABLE)
    if not asked:
        return configured
    for name in EXECUTORS:
        if name == asked:
            return name
    raise ConfigError(EXECUTOR_VARIABLE, expected="one of " + ", ".join(EXECUTORS), got=repr(asked))


def missing_extra(executor: str) -> str | None:
    """What to install for an executor whose package is not there."""
    package = _PACKAGES.get(executor)
    if package is None or find_spec(package) is not None:
        return None
    expected = package.replace("_", "-")
    return (
        f"expected the package {expected} for the executor {executor}, got none; "
        f"install etl-assets[{executor}]"
    )
