"""The executor is chosen in the configuration or by the environment; no secret is in either."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from etl_assets.config import ExportConfig, load_config
from etl_assets.config import executors as config_executors
from etl_assets.config.executors import EXECUTOR_VARIABLE, EXECUTORS
from etl_assets.errors import ConfigError

SECRET = "open-sesame-52771"
BROKER = "CELERY_BROKER_URL"

CELERY = {"executor": "celery", "celery": {"broker": "amqp://etl@queue//"}}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EXECUTOR_VARIABLE, raising=False)
    monkeypatch.setenv(BROKER, f"redis://:{SECRET}@queue.internal:6379/0")
    # Whether a package is there is not the matter of these tests.
    monkeypatch.setattr(config_executors, "find_spec", lambda _: object())


def load(
    folder: Path, execution: Mapping[str, Any], *, connects: bool = True, split: int = 1
) -> ExportConfig:
    """A configuration with this section `execution`; its table is split in this many parts."""
    path = folder / "etl_assets.yaml"
    path.write_text(
        "hosts:\n  demo: {url: mysql+pymysql://etl@127.0.0.1:3306}\n"
        "tables:\n  orders:\n    shards: [{host: demo, tables: shop.orders}]\n"
        "    partition: {every: day, start: 2026-11-01}\n"
        f"    split: {split}\n"
        f"execution: {json.dumps(execution)}\n",
        encoding="utf-8",
    )
    return load_config(path, connects=connects)


# Which one


@pytest.mark.parametrize("name", EXECUTORS)
def test_each_executor_is_chosen_by_the_file_or_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    celery = CELERY["celery"]
    assert load(tmp_path, {"executor": name, "celery": celery}).execution.executor == name
    monkeypatch.setenv(EXECUTOR_VARIABLE, name)
    assert load(tmp_path, {"celery": celery}).execution.executor == name
    other = next(one for one in EXECUTORS if one != name)
    assert load(tmp_path, {"executor": other, "celery": celery}).execution.executor == name


def test_an_empty_variable_leaves_the_choice_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EXECUTOR_VARIABLE, "")
    assert load(tmp_path, {}).execution.executor == "multiprocess"
    assert load(tmp_path, {"executor": "in_process"}).execution.executor == "in_process"


def test_a_wrong_variable_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(EXECUTOR_VARIABLE, "slurm")
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, {})
    assert str(refusal.value) == (
        "ETL_ASSETS_EXECUTOR: expected one of multiprocess, in_process, celery, k8s, docker, "
        "got 'slurm'"
    )


@pytest.mark.parametrize("name", ["celery", "k8s", "docker"])
def test_an_executor_without_its_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(config_executors, "find_spec", lambda _: None)
    text = rf"^etl_assets\.yaml:8: execution\.executor: .*install etl-assets\[{name}\]$"
    with pytest.raises(ConfigError, match=text):
        load(tmp_path, {**CELERY, "executor": name})
    # Neither `verify` nor another executor needs it.
    load(tmp_path, {**CELERY, "executor": name}, connects=False)
    load(tmp_path, {**CELERY, "executor": "multiprocess"})


@pytest.mark.parametrize("name", EXECUTORS)
def test_a_split_needs_an_executor_whose_steps_may_start_processes(
    tmp_path: Path, name: str
) -> None:
    execution = {**CELERY, "executor": name}
    if name in ("multiprocess", "in_process"):
        assert load(tmp_path, execution, split=2).tables["orders"].split == 2
    else:
        text = rf"needs multiprocess or in_process as the executor, got 2 with {name}$"
        with pytest.raises(ConfigError, match=text):
            load(tmp_path, execution, split=2)


# Settings


def test_references_are_read_from_the_environment_at_any_depth(tmp_path: Path) -> None:
    options = {"broker_transport_options": {"sentinels": [{"url": {"env": BROKER}}]}}
    settings = {"broker": {"env": BROKER}, "config_source": {**options, "result_expires": 60}}
    config = load(tmp_path, {"executor": "celery", "celery": settings})
    url = f"redis://:{SECRET}@queue.internal:6379/0"
    assert config.execution.celery.resolved() == {
        "broker": url,
        "backend": "rpc://",
        "config_source": {
            "broker_transport_options": {"sentinels": [{"url": url}]},
            "result_expires": 60,
        },
    }
    assert SECRET not in repr(config) + config.model_dump_json()


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"executor": "celery"}, "celery.broker", "expected a URL, or {env: NAME}"),
    ({**CELERY, "celery": {"broker": f"redis://:{SECRET}@q/0"}}, "celery.broker", "password"),
    (
        {**CELERY, "celery": {"broker": f"amqp://a@b//;amqp://c:{SECRET}@d//"}},
        "celery.broker",
        "password",
    ),
    (
        {**CELERY, "celery": {"broker": "amqp://a@b//", "backend": f"db+x://a:{SECRET}@b"}},
        "celery.backend",
        "password",
    ),
    ({**CELERY, "celery": {"broker": {"env": "NOT_SET_1"}}}, "celery.broker.env", "NOT_SET_1 set"),
    ({**CELERY, "celery": {"broker": {"env": " "}}}, "celery.broker", "the name of an environment"),
    ({**CELERY, "celery": {"broker": SECRET}}, "celery.broker", "expected a URL"),
    ({**CELERY, "celery": {"broker": [SECRET]}}, "celery.broker", "expected a URL"),
    (
        {**CELERY, "celery": {"broker_url": SECRET}},
        "celery.broker_url",
        "expected one of broker, backend, config_source",
    ),
    ({**CELERY, "celery": SECRET}, "celery", "expected keys with values"),
    (
        {"celery": {"config_source": {"redis_password": SECRET}}},
        "celery.config_source.redis_password",
        "without secrets",
    ),
    (
        {"celery": {"config_source": {"transport": [{"passwd": SECRET}]}}},
        "celery.config_source.transport",
        "without secrets",
    ),
    (
        {**CELERY, "celery": {"broker": "amqp://b", "config_source": {"x": {"env": "NOT_SET_1"}}}},
        "celery.config_source.x.env",
        "NOT_SET_1 set",
    ),
    ({"docker": {"env_vars": [f"SHOP_PASSWORD={SECRET}"]}}, "docker.env_vars", "its name alone"),
    ({"docker": {"registry": {"password": SECRET}}}, "docker.registry", "without secrets"),
    ({"docker": {"env_vars": [f"FTP_TOKEN={SECRET}"]}}, "docker.env_vars", "without secrets"),
    (
        {"docker": {"container_kwargs": {"command": f"x --password={SECRET}"}}},
        "docker.container_kwargs",
        "without secrets",
    ),
    ({"docker": {"registry": {"password": {"value": SECRET}}}}, "docker.registry", "without"),
    ({"docker": {"registry": {"passphrase": 52771}}}, "docker.registry", "without secrets"),
    (
        {"k8s": {"x": {"env": [{"name": "SHOP_PASSWORD", "value": SECRET}]}}},
        "k8s.x",
        "without secrets",
    ),
    ({"k8s": {"x": [{"url": f"postgresql://a:{SECRET}@b/c"}]}}, "k8s.x", "without secrets"),
    (
        {"celery": {"config_source": {"s3_secret_access_key": SECRET}}},
        "celery.config_source.s3_secret_access_key",
        "without secrets",
    ),
    ({"celery": {"broker": f"sqs://q?aws_secret_access_key={SECRET}"}}, "celery.broker", "URL"),
    ({"k8s": SECRET}, "k8s", "expected keys with values"),
]


@pytest.mark.parametrize(("execution", "key", "words"), REFUSED)
def test_a_wrong_setting_is_told_without_its_value(
    tmp_path: Path, execution: dict[str, Any], key: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, execution)
    assert str(refusal.value).startswith(f"etl_assets.yaml:8: execution.{key}: ")
    assert words in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_what_only_looks_like_a_secret_may_stand(tmp_path: Path) -> None:
    k8s = {
        "env_secrets": ["etl-passwords"],
        "env_vars": ["DAGSTER_HOME=/opt/dagster", "SHOP_A_PASSWORD"],
        "volumes": [{"name": "passwords", "secret": {"secretName": "etl-passwords"}}],
        "automount_service_account_token": True,
        "tolerations": [{"key": "etl", "operator": "Exists"}],
        "image": "registry.example.com:5000/etl@sha256:00ff",
        "env": [{"name": "FTP_PASSWORD", "value": "$(OTHER)"}, {"name": "A", "value": "b"}],
        "x": {"value_from": {"secret_key_ref": {"name": "etl", "key": "password"}}},
    }
    assert load(tmp_path, {"executor": "k8s", "k8s": k8s}).execution.k8s == k8s
