"""The executors of other machines: Dagster's own, with the configuration's settings."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.retries import RetryMode
from dagster_shared.serdes import serialize_value

from etl_assets.config import CONFIG_NAME
from etl_assets.config.executors import EXECUTOR_VARIABLE
from etl_assets.errors import ConfigError
from etl_assets_tests.support.location import CONFIG, load, shown

SECRET = "open-sesame-90210"
PROCESSES = "execution: {processes: 3}\n"

needs_docker = pytest.mark.skipif(
    find_spec("dagster_docker") is None, reason="needs the extra `docker`, which `test` leaves out"
)
needs_k8s = pytest.mark.skipif(
    find_spec("dagster_k8s") is None, reason="needs the extra `k8s`, which `test` leaves out"
)

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
contexts: [{name: here, context: {cluster: here, user: nobody}}]
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_A_PASSWORD", "")
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://:{SECRET}@queue.internal:6379/0")
    monkeypatch.delenv(EXECUTOR_VARIABLE, raising=False)


def definitions(folder: Path, execution: str) -> dg.Definitions:
    """The code location with this section `execution`."""
    return load(folder, CONFIG.replace(PROCESSES, f"execution: {execution}\n"))


def made(found: dg.Definitions, instance: dg.DagsterInstance, **given: object) -> Any:
    """Dagster's executor behind the product's, as a run gets it."""
    definition = found.executor
    assert isinstance(definition, dg.ExecutorDefinition)
    job = found.resolve_job_def("export_orders")
    run_config = {"execution": {"config": given}} if given else {}
    settings: Any = dg.validate_run_config(job, run_config)["execution"]
    own = settings.get("config") or next(iter(settings.values()))
    own = own.get("config", own)
    context = dg.InitExecutorContext(
        job=InMemoryJob(job), executor_def=definition, executor_config=own, instance=instance
    )
    create: Any = definition.executor_creation_fn
    return create(context)._inner


@pytest.fixture
def instance() -> Any:
    """An instance with pools."""
    with dg.DagsterInstance.local_temp() as made_here:
        yield made_here


# Celery

CELERY = """{executor: celery, celery: {broker: {env: CELERY_BROKER_URL},
  config_source: {redis_password: {env: CELERY_BROKER_URL}, result_expires: 60}}}"""


def test_celery_gets_its_broker_from_the_environment(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    executor = made(definitions(tmp_path, CELERY), instance)
    arguments = executor.app_args()
    assert arguments["broker"] == f"redis://:{SECRET}@queue.internal:6379/0"
    assert arguments["backend"] == "rpc://"
    assert arguments["config_source"].result_expires == 60
    assert arguments["config_source"].redis_password == arguments["broker"]
    assert executor.retries is RetryMode.ENABLED
    limits = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    assert limits == {"shop-a": 2, "demo": 4}


def test_the_brokers_password_is_nowhere_in_what_dagster_stores_or_shows(tmp_path: Path) -> None:
    found = definitions(tmp_path, CELERY)
    repository = found.get_repository_def()
    texts = [
        repr(found),
        shown(repository),
        *(
            serialize_value(repository.get_job(name).get_job_snapshot())
            for name in repository.job_names
        ),
    ]
    assert not [text for text in texts if SECRET in text]


def test_nothing_of_the_other_executors_is_imported_for_this_one(tmp_path: Path) -> None:
    path = tmp_path / CONFIG_NAME
    path.write_text(CONFIG, encoding="utf-8")
    program = """
import sys
from etl_assets.config import load_config
from etl_assets.defs.build import stand_alone_definitions
stand_alone_definitions(load_config(sys.argv[1])).get_repository_def().load_all_definitions()
heavy = {"celery", "kombu", "dagster_celery", "dagster_k8s", "kubernetes"}
heavy |= {"dagster_docker", "docker"}
print(sorted(heavy & sys.modules.keys()))
"""
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Docker and Kubernetes


@needs_docker
@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_docker_gets_the_settings_of_the_configuration(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGE", "registry.example.com/etl:1")
    found = definitions(
        tmp_path,
        "{executor: docker, processes: 3, "
        "docker: {image: {env: IMAGE}, network: etl, env_vars: [SHOP_A_PASSWORD]}}",
    )
    executor = made(found, instance)
    handler = executor._step_handler
    assert handler._image == "registry.example.com/etl:1"
    assert handler._container_context.networks == ["etl"]
    assert handler._container_context.env_vars == ["SHOP_A_PASSWORD"]
    assert executor._max_concurrent == 3
    assert {limit["value"]: limit["limit"] for limit in executor._tag_concurrency_limits} == {
        "shop-a": 2,
        "demo": 4,
    }
    assert made(found, instance, max_concurrent=9)._max_concurrent == 9


@needs_docker
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("{imagee: x}", "docker.imagee: expected image, got imagee"),
        ("{imagee: x, networkk: y}", "docker.imagee: expected image, got imagee"),
        ("{image: [x]}", "docker.image: expected "),
        ("{networks: x}", "docker.networks: expected "),
        (
            "{registry: {url: x, user: y}}",
            "docker.registry.user: expected a key that Dagster knows",
        ),
        (
            "{registry: {url: x, username: y}}",
            "docker.registry.password: expected this key, got none",
        ),
    ],
)
def test_a_setting_that_dagster_does_not_know_fails_the_loading(
    tmp_path: Path, settings: str, words: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        definitions(tmp_path, f"{{executor: docker, docker: {settings}}}")
    assert str(refusal.value).startswith(f"etl_assets.yaml:17: execution.{words}")


@needs_k8s
def test_kubernetes_gets_the_settings_of_the_configuration(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    (tmp_path / "kubeconfig").write_text(KUBECONFIG, encoding="utf-8")
    found = definitions(
        tmp_path,
        "{executor: k8s, k8s: {job_image: etl, job_namespace: exports, env_secrets: [etl], "
        f"load_incluster_config: false, kubeconfig_file: {tmp_path / 'kubeconfig'}, "
        "step_k8s_config: {container_config: {resources: {limits: {cpu: '1'}}}}}}",
    )
    executor = made(found, instance)
    handler = executor._step_handler
    assert handler._executor_image == "etl"
    context = handler._executor_container_context
    assert context.namespace == "exports"
    settings = str(context.run_k8s_config.container_config)
    assert "'secret_ref': {'name': 'etl'}" in settings
    assert "'limits': {'cpu': '1'}" in settings
    # This machine's processors mean nothing there.
    assert executor._max_concurrent is None


@needs_k8s
def test_a_setting_that_kubernetes_does_not_know_fails_the_loading(tmp_path: Path) -> None:
    text = r"^etl_assets\.yaml:17: execution\.k8s\.job_imagee: expected job_image, got job_imagee$"
    with pytest.raises(ConfigError, match=text):
        definitions(tmp_path, "{executor: k8s, k8s: {job_imagee: etl}}")
