"""Claims on the pools: asked again soon, in turn between runs, and only for what can work."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_assets.processes import process_identity
from etl_assets.steps import claims
from etl_assets.steps.claims import RunLimits, claims_in_turn
from etl_assets.steps.liveness import OWNER_TAG, sweep_dead_runs
from etl_assets.steps.slots import Slots
from etl_assets_tests.support.recorded import instance_in

LIMITS = RunLimits({"a": 1, "b": 1})


@dg.job
def export() -> None:
    """A job to have runs of."""


class Run:
    """A run whose steps ask for slots as Dagster's executor does."""

    def __init__(self, instance: dg.DagsterInstance, tags: dict[str, str] | None = None) -> None:
        self.instance = instance
        self.run = instance.create_run_for_job(export, tags=tags)
        self.storage: Any = instance.event_log_storage

    def claims(self, step: str, pool: str = "a", priority: int = 0, seconds: float = 0) -> bool:
        """Whether a step gets a slot at once, or within so many seconds."""
        until = time.monotonic() + seconds
        while True:
            status = self.storage.claim_concurrency_slot(pool, self.run.run_id, step, priority)
            if status.is_claimed or time.monotonic() > until:
                return bool(status.is_claimed)
            # Dagster asks in turns that grow to 15 seconds where it is not told how soon.
            assert status.sleep_interval is not None
            assert status.sleep_interval <= 1
            time.sleep(status.sleep_interval)

    def ends(self, step: str) -> None:
        """A step has come to its end."""
        self.storage.free_concurrency_slot_for_step(self.run.run_id, step)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance whose pools have their limits."""
    with instance_in(tmp_path, kept=True) as made:
        for pool, limit in (("a", 1), ("b", 1), ("wide", 4)):
            made.event_log_storage.set_concurrency_slots(pool, limit)
        yield made


@contextmanager
def executed(home: Path, limits: RunLimits = LIMITS, **tags: str) -> Iterator[Run]:
    """A run in the hands of its own process's instance."""
    with instance_in(home, kept=True) as instance:
        run = Run(instance, {key.replace("_", "/"): value for key, value in tags.items()})
        with claims_in_turn(instance, run.run, limits):
            yield run


@pytest.fixture
def home(instance: dg.DagsterInstance) -> Path:
    """Where the instance is."""
    return Path(instance.root_directory)


def test_runs_take_turns_whatever_their_steps_priorities(home: Path) -> None:
    with executed(home) as many, executed(home) as few:
        assert many.claims("m1", priority=1000)
        assert not few.claims("f1", priority=1)
        # To the database, what comes within a second comes at once.
        time.sleep(1.1)
        assert not many.claims("m2", priority=999)
        many.ends("m1")
        assert not many.claims("m2", priority=999)
        assert few.claims("f1", priority=1, seconds=10)
        few.ends("f1")
        assert many.claims("m2", priority=999, seconds=10)


def test_a_run_with_a_priority_goes_first(home: Path) -> None:
    with executed(home) as one, executed(home) as two, executed(home, dagster_priority="3") as soon:
        assert one.claims("s")
        assert not two.claims("s")
        assert not soon.claims("s")
        one.ends("s")
        assert not two.claims("s", seconds=0.3)
        assert soon.claims("s", seconds=10)


def test_a_step_that_could_only_wait_is_not_started(
    home: Path, instance: dg.DagsterInstance
) -> None:
    with executed(home) as run:
        somebody = Slots(instance, "a", 1)
        assert somebody.take()
        assert not run.claims("s", seconds=0.3)
        # Its place in the queue is that of its first question.
        time.sleep(1.1)
        with executed(home) as later:
            assert not later.claims("s")
            somebody.release()
            assert not later.claims("s", seconds=0.3)
        assert run.claims("s", seconds=10)


def test_steps_that_take_several_connections_leave_processes_to_other_hosts(home: Path) -> None:
    parts = dict.fromkeys(("s1", "s2", "s3"), 2)
    with executed(home, RunLimits({"wide": 4, "b": 1}, parts, 4)) as run:
        assert run.claims("s1", "wide")
        assert run.claims("s2", "wide")
        # None of them has taken its connections yet.
        assert not run.claims("s3", "wide")
        assert run.claims("t", "b")
        run.ends("s1")
        assert run.claims("s3", "wide", seconds=10)


def test_no_slot_is_set_aside_for_a_run_without_a_process_to_spare(home: Path) -> None:
    limits = RunLimits({"a": 1, "b": 1}, {}, 1)
    with executed(home, limits) as full, executed(home) as first, executed(home) as third:
        assert first.claims("s")
        assert not full.claims("s")
        time.sleep(1.1)
        assert not third.claims("s")
        assert full.claims("t", "b")
        first.ends("s")
        assert third.claims("s", seconds=10)


def test_many_steps_that_wait_make_no_long_turn_and_let_others_in(home: Path) -> None:
    # As of an executor that asks for all steps of a run: Celery's, or the one in this process.
    limits = RunLimits({"a": 1, "b": 1})
    with executed(home, limits) as many, executed(home, limits) as few:
        assert few.claims("f0")
        turns = []
        for _ in range(3):
            began = time.thread_time(), time.monotonic()
            assert not any(many.claims(f"m{number}") for number in range(300))
            turns.append((time.thread_time() - began[0], time.monotonic() - began[1]))
        idle = [wall - used for used, wall in turns]
        # A pause for each step would be six seconds; other processes may take a while too.
        assert min(idle) < 3
        infos = few.storage.get_concurrency_info("a")
        assert [step.step_key for step in infos.pending_steps if not step.assigned_timestamp] == [
            "m0"
        ]
        # To the database, what comes within a second comes at once.
        time.sleep(1.1)
        assert not few.claims("f1")
        few.ends("f0")
        assert many.claims("m0", seconds=10)
        many.ends("m0")
        assert few.claims("f1", seconds=10)


def test_a_place_in_the_queue_is_lost_where_nobody_asks_for_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_STARTED_SECONDS", 0.1)
    with executed(home) as run, executed(home) as other:
        assert other.claims("o")
        assert not run.claims("s5")
        other.ends("o")
        # The slot is set aside for s5, but a step that is tried again comes before it.
        assert run.claims("s1", seconds=10)


@pytest.mark.parametrize("priority", ["--3", "high", "²"])
def test_a_priority_that_is_no_number_is_none(home: Path, priority: str) -> None:
    with executed(home, dagster_priority=priority) as run:
        assert run.claims("s")


def test_a_slot_that_dagster_forgot_to_set_aside_is_claimed(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_STUCK_SECONDS", 0.1)
    with executed(home) as run:
        # Freed between its two questions whether there is one, and for a place in the queue.
        storage: Any = instance.event_log_storage
        storage.add_pending_step("a", run.run.run_id, "s", should_assign=False)
        assert run.claims("s", seconds=10)


def test_a_step_that_ended_without_a_word_does_not_keep_its_slot(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_STUCK_SECONDS", 0.1)
    monkeypatch.setattr(claims, "_STARTED_SECONDS", 0.1)
    with executed(home) as elsewhere:
        # Its steps are on other machines.
        assert elsewhere.claims("s1")
        assert not elsewhere.claims("s2", seconds=0.5)
    with executed(home, RunLimits({"b": 1}, {}, 2)) as run:
        assert run.claims("s1", "b")
        assert run.claims("s2", "b", seconds=10)


def test_what_a_killed_run_holds_is_free_for_the_next_at_once(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_STUCK_SECONDS", 0.1)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        identity = process_identity(process.pid)
        with ExitStack() as stack:
            killed = stack.enter_context(executed(home))
            tag = f"{killed.run.run_id}/{identity}"
            instance.add_run_tags(killed.run.run_id, {OWNER_TAG: tag})
            assert killed.claims("s")
            waits = stack.enter_context(executed(home))
            assert not waits.claims("s", seconds=0.5)
            process.kill()
            process.wait()
            # As Dagster does it where it has launched the run.
            instance.report_run_failed(killed.run)
            assert waits.claims("s", seconds=10)
            assert sweep_dead_runs(instance) == []
            assert instance.event_log_storage.get_concurrency_run_ids() == {waits.run.run_id}


def test_slots_of_runs_of_which_nothing_is_known_stay(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_STUCK_SECONDS", 0.1)
    with executed(home) as run:
        instance.event_log_storage.claim_concurrency_slot("a", "of somebody", "s")
        assert not run.claims("s", seconds=0.5)
        instance.event_log_storage.free_concurrency_slot_for_step("of somebody", "s")
        assert run.claims("s", seconds=10)
