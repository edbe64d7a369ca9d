"""Whether a run's process is there, as other containers see it."""

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX

from etl_assets import processes
from etl_assets.steps.liveness import OWNER_TAG, owner_tag, owning, sweep_dead_runs
from etl_assets_tests.support.recorded import instance_in

OWNER = """
import sys
import dagster as dg
from etl_assets.steps.liveness import owning
with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    with owning(instance, instance.get_run_by_id(sys.argv[2])):
        print("owned", flush=True)
        sys.stdin.read()
"""


@dg.job
def export() -> None:
    """A job to have a run of."""


@pytest.mark.parametrize("ends", ["killed", "by itself"])
def test_another_container_sees_by_a_lock_that_a_run_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    with instance_in(tmp_path, kept=True) as instance:
        run = instance.create_run_for_job(export, status=dg.DagsterRunStatus.STARTED)
        (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        command = [sys.executable, "-c", OWNER, str(tmp_path), run.run_id]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as owner:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "owned\n"
            monkeypatch.setattr(processes, "_namespace", lambda: "pid:[1]")
            assert sweep_dead_runs(instance) == []
            if ends == "killed":
                owner.kill()
            owner.communicate()
        assert sweep_dead_runs(instance) == ([run.run_id] if ends == "killed" else [])
        assert list((tmp_path / "owners").iterdir()) == []


def test_where_there_are_no_locks_runs_go_on_and_nobody_of_another_container_judges_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with instance_in(tmp_path, kept=True) as instance:
        run = instance.create_run_for_job(export, status=dg.DagsterRunStatus.STARTED)
        monkeypatch.setattr(fcntl, "flock", refuse)
        with owning(instance, run):
            assert list((tmp_path / "owners").iterdir()) == []
            monkeypatch.setattr(processes, "_namespace", lambda: "pid:[1]")
            # As where locks were there when the run began.
            (tmp_path / "owners" / f"{run.run_id}.lock").touch()
            assert sweep_dead_runs(instance) == []


def test_a_run_goes_on_where_no_lock_file_can_be_made(tmp_path: Path) -> None:
    with instance_in(tmp_path, kept=True) as instance:
        run = instance.create_run_for_job(export, status=dg.DagsterRunStatus.STARTED)
        (tmp_path / "owners").write_text("in the way")
        with owning(instance, run):
            assert sweep_dead_runs(instance) == []


def test_what_a_killed_process_has_begun_to_lock_is_removed_with_its_run(tmp_path: Path) -> None:
    with instance_in(tmp_path, kept=True) as instance:
        run = instance.create_run_for_job(export, status=dg.DagsterRunStatus.STARTED)
        begun = tmp_path / "owners" / f"{run.run_id}.12345"
        begun.parent.mkdir()
        begun.touch()
        instance.add_run_tags(run.run_id, {OWNER_TAG: owner_tag(run.run_id)})
        assert sweep_dead_runs(instance) == []
        assert begun.exists()
        instance.report_run_failed(run)
        assert sweep_dead_runs(instance) == []
        assert not begun.exists()


def test_the_ui_hides_the_process_of_a_run() -> None:
    assert OWNER_TAG.startswith(HIDDEN_TAG_PREFIX)


def test_a_dead_run_of_an_earlier_version_is_swept(tmp_path: Path) -> None:
    with instance_in(tmp_path, kept=True) as instance:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as gone:
            identity = processes.process_identity(gone.pid)
        run = instance.create_run_for_job(export, status=dg.DagsterRunStatus.STARTED)
        assert sweep_dead_runs(instance) == []
        instance.add_run_tags(run.run_id, {"etl_assets/process": f"{run.run_id}/{identity}"})
        assert sweep_dead_runs(instance) == [run.run_id]
