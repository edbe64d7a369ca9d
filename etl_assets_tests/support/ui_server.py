"""`etl-assets ui` as a real process, and what its browser would ask of it."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from etl_assets_tests.support.command import SCRIPT, environment, etl_assets
from etl_assets_tests.support.shop import Shop

LOCATION = {"repositoryLocationName": "etl_assets", "repositoryName": "__repository__"}
_LAUNCHED = """{
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message stack }
    ... on RunConfigValidationInvalid { errors { message } }
  }
"""
LAUNCH = f"""
mutation($params: ExecutionParams!) {{
  launchPipelineExecution(executionParams: $params) {_LAUNCHED}
}}
"""
AGAIN = f"""
mutation($params: ReexecutionParams!) {{
  launchPipelineReexecution(reexecutionParams: $params) {_LAUNCHED}
}}
"""
TERMINATE = """
mutation($id: String!) {
  terminateRun(runId: $id) {
    __typename
    ... on TerminateRunFailure { message }
    ... on PythonError { message stack }
  }
}
"""
_START_SECONDS = 90
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")


@dataclass(frozen=True)
class Ui:
    """A running webserver with its daemon."""

    port: int
    pid: int = 0

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer to a GraphQL query or mutation."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            error.add_note(error.read().decode(errors="replace")[:4000])
            raise
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def launch(self, mutation: str, **variables: Any) -> str:
        """Launch a run by a mutation; gives its id."""
        (answer,) = self.ask(mutation, **variables).values()
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["run"]["runId"]
        return run_id

    def run(self, run_id: str) -> Mapping[str, Any]:
        """A run as its page shows it."""
        found: Mapping[str, Any] = self.ask(
            "query($id: ID!) { runOrError(runId: $id) { ... on Run { status jobName canTerminate "
            "tags { key value } assetSelection { path } repositoryOrigin "
            "{ repositoryLocationName } } } }",
            id=run_id,
        )["runOrError"]
        return found

    def end_of(self, run_id: str, seconds: float = 60) -> str:
        """The status that a run ends with."""
        wait(lambda: self.run(run_id)["status"] in _ENDED, seconds)
        status: str = self.run(run_id)["status"]
        return status


def export_all_but_one(shop: Shop, day: str) -> None:
    """A window whose third shard fails on the command line; its table is back by now."""
    shop.run("shop_01", "ALTER TABLE orders_00 RENAME TO away")
    try:
        assert etl_assets(shop.folder, "export", "orders", "--partition", day).code == 1
    finally:
        shop.run("shop_01", "ALTER TABLE away RENAME TO orders_00")


def params(job: str, day: str, keys: list[list[str]] | None = None) -> dict[str, Any]:
    """What the launch of a window sends."""
    selector: dict[str, Any] = {**LOCATION, "pipelineName": job}
    if keys is not None:
        selector["assetSelection"] = [{"path": key} for key in keys]
    return {
        "selector": selector,
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": day}]},
    }


def wait(condition: Callable[[], object], seconds: float) -> None:
    """Wait until something is so."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it has not come in time"
        time.sleep(0.2)


@contextmanager
def running_ui(shop: Shop) -> Iterator[Ui]:
    """`etl-assets ui` on a shop until the end, when nothing of it stays."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        ui = Ui(probe.getsockname()[1])
    log = shop.folder / "ui.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [SCRIPT, "ui", "-p", str(ui.port)],
            cwd=shop.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ui = replace(ui, pid=process.pid)
    try:
        wait(lambda: _is_ready(ui, process), _START_SECONDS)
        yield ui
    except AssertionError as error:
        error.add_note(log.read_text("utf-8", errors="replace")[-4000:])
        raise
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        # Dagster's own shutdown may leave a code server that waits for its heartbeat.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_ready(ui: Ui, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "the UI ended"
    try:
        ui.ask("{ version }")
    except (urllib.error.URLError, ConnectionError):
        return False
    return True
