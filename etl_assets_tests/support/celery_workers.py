"""Celery workers as somebody would start them, on a broker that is a folder."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etl_assets_tests.support.command import SCRIPT, environment
from etl_assets_tests.support.running_command import parent_of

SECRET_VARIABLE = "ETL_ASSETS_TEST_BROKER_SECRET"


@dataclass(frozen=True)
class Worker:
    """A worker with one process that executes steps."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text("utf-8") if self.log.exists() else ""

    def is_ready(self) -> bool:
        """Whether it takes steps."""
        return " ready." in self.said

    def child(self) -> int:
        """The process that executes steps."""
        (pid,) = (
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and parent_of(int(folder.name)) == self.process.pid
        )
        return pid


def execution(folder: Path) -> str:
    """The section `execution` for a broker of files below a folder."""
    places = {name: str(folder / name) for name in ("queue", "control", "results")}
    for place in places.values():
        Path(place).mkdir(parents=True, exist_ok=True)
    # Of two workers that make this at the same time, one would hear nothing.
    Path(places["control"], "celery.pidbox.exchange").write_text("[]")
    queue = {f"data_folder_{way}": places["queue"] for way in ("in", "out")}
    options = {
        "broker_transport_options": {**queue, "control_folder": places["control"]},
        # Ten seconds otherwise before a killed process counts as lost.
        "worker_lost_wait": 1,
        # It is given to Celery, and nobody connects with it here.
        "redis_password": {"env": SECRET_VARIABLE},
    }
    celery = {
        "broker": "filesystem://",
        "backend": f"file://{places['results']}",
        "config_source": options,
    }
    return f"execution: {json.dumps({'executor': 'celery', 'celery': celery})}\n"


@contextmanager
def workers(folder: Path, names: Sequence[str]) -> Iterator[list[Worker]]:
    """Workers that are ready; at the end every process of them is gone."""
    started: list[Worker] = []
    try:
        started.extend(_start(folder, name) for name in names)
        for worker in started:
            wait_for(worker.is_ready, worker)
        yield started
    finally:
        for worker in started:
            os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()


def wait_for(condition: Callable[[], object], worker: Worker, seconds: float = 60) -> None:
    """Wait until something is so while a worker lives."""
    until = time.monotonic() + seconds
    while not condition():
        assert worker.process.poll() is None, worker.said
        assert time.monotonic() < until, f"it has not come in time: {worker.said[-2000:]}"
        time.sleep(0.05)


def _start(folder: Path, name: str) -> Worker:
    log = folder / f"{name}.log"
    command = f"celery -A etl_assets.celery_app worker -n {name}@%h --concurrency 1 --loglevel INFO"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [SCRIPT.with_name("python"), "-m", *command.split()],
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    return Worker(name, process, log)
