"""Whether a run's process is there, as other containers see it."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from etl_assets import processes
from etl_assets.defs.liveness import sweep_dead_runs
from etl_assets_tests.defs.test_storage import instance_in

OWNER = """
import sys
import dagster as dg
from etl_assets.defs.liveness import owning
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
