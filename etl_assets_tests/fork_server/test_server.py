"""What a fork server is told to load."""

import subprocess
import sys

import pytest

from etl_assets.fork_server.server import preload_job

ASK = "from etl_assets.fork_server.server import job_to_preload; print(job_to_preload())"


def test_a_job_is_loaded_by_the_fork_server_of_the_process_that_asks_and_by_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Others have it in their environment: a command that a step starts, for one."""
    monkeypatch.setenv("_ETL_ASSETS_JOB", "")
    preload_job({"name": "export_orders"})
    own = [sys.executable, "-c", ASK]
    # The shell stays, as there is something left to do.
    others = ["sh", "-c", f"{sys.executable} -c '{ASK}'; :"]
    found = [subprocess.run(c, capture_output=True, text=True, check=True) for c in (own, others)]
    assert [ran.stdout.strip() for ran in found] == ["{'name': 'export_orders'}", "None"]
