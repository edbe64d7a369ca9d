"""Tasks of workers that do not answer any more are given up, and no others."""

import time
from dataclasses import dataclass, field
from typing import Any

import pytest

from etl_assets.steps.celery_tasks import StepTask, WorkerWatch


@dataclass
class Workers:
    """Stands for a Celery app, its control and its inspection."""

    active_tasks: dict[str, list[str]] = field(default_factory=dict)
    reserved_tasks: dict[str, list[str]] = field(default_factory=dict)
    is_away: bool = False

    @property
    def control(self) -> "Workers":
        """As of an app."""
        return self

    def inspect(self, *, timeout: float) -> "Workers":
        """As of a control."""
        assert timeout > 0
        return self

    def active(self) -> dict[str, Any] | None:
        """What the workers execute; None where none answers."""
        if self.is_away:
            raise ConnectionError
        return _described(self.active_tasks)

    def reserved(self) -> dict[str, Any] | None:
        """What they have fetched."""
        return _described(self.reserved_tasks)


def _described(tasks: dict[str, list[str]]) -> dict[str, Any] | None:
    return {w: [{"id": name} for name in names] for w, names in tasks.items()} or None


@dataclass
class Result:
    """Stands for Celery's result of a task."""

    id: str = "a"
    state: str = "PENDING"
    info: Any = None
    revoked: int = 0

    def ready(self) -> bool:
        """As Celery says it."""
        return self.state == "SUCCESS"

    def revoke(self) -> None:
        """As Celery does it."""
        self.revoked += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [0.0]
    monkeypatch.setattr("etl_assets.steps.celery_tasks.time.monotonic", lambda: now[0])
    return now


def lost(watch: WorkerWatch, *tasks: str) -> list[str | None]:
    """Who lost each task."""
    return [watch.lost_by(task) for task in tasks]


def test_what_a_silent_worker_had_is_lost_when_patience_ends(clock: list[float]) -> None:
    app = Workers({"one": ["a"], "two": ["b"]}, {"one": ["c"]})
    watch = WorkerWatch(app, patience=100)
    watch.ask()
    del app.active_tasks["one"], app.reserved_tasks["one"]
    for clock[0] in (30, 60, 90):
        watch.ask()
        assert lost(watch, "a", "b", "c", "queued") == [None] * 4
    clock[0] = 120
    watch.ask()
    assert lost(watch, "a", "b", "c", "queued") == ["one", None, "one", None]


def test_a_task_that_another_worker_has_got_is_not_lost(clock: list[float]) -> None:
    app = Workers({"one": ["a"]})
    watch = WorkerWatch(app, patience=100)
    watch.ask()
    app.active_tasks = {}
    clock[0] = 60
    watch.ask()
    app.reserved_tasks = {"two": ["a"]}
    clock[0] = 120
    watch.ask()
    assert lost(watch, "a") == [None]


def test_without_the_broker_nobody_is_judged(clock: list[float]) -> None:
    app = Workers({"one": ["a"]})
    watch = WorkerWatch(app, patience=100)
    watch.ask()
    app.is_away = True
    for clock[0] in (60, 120, 180):
        watch.ask()
    app.is_away, app.active_tasks = False, {}
    clock[0] = 200
    watch.ask()
    assert lost(watch, "a") == [None]
    clock[0] = 300
    watch.ask()
    assert lost(watch, "a") == ["one"]


def test_a_worker_that_says_only_that_it_has_begun_can_be_lost(clock: list[float]) -> None:
    watch = WorkerWatch(Workers(), patience=100)
    result = Result()
    task = StepTask(result, None, watch)
    assert not task.ready()
    result.state, result.info = "STARTED", {"hostname": "one", "pid": 7}
    assert not task.ready()
    clock[0] = 120
    # Nobody has been asked since.
    assert not task.ready()
    watch.ask()
    assert task.ready()
    result.state = "SUCCESS"
    assert StepTask(result, None, watch).ready()


def test_the_thread_asks_until_the_run_is_over() -> None:
    app = Workers({"one": ["a"]})
    with WorkerWatch(app, patience=0.04) as watch:
        until = time.monotonic() + 30
        while not watch.knows("a"):
            assert time.monotonic() < until
            time.sleep(0.01)
        app.active_tasks = {}
        while watch.lost_by("a") is None:
            assert time.monotonic() < until
            time.sleep(0.01)
    watch._thread.join(30)
    assert not watch._thread.is_alive()
