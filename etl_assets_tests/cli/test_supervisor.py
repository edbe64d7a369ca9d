"""However an export ends, it is the end of its run and of every process of it."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pytest

from etl_assets_tests.support.command import Done, etl_assets
from etl_assets_tests.support.endless import ENDLESS, SECONDS, endless_shop
from etl_assets_tests.support.recorded import claimed_slots, instance_of, step_pids, told, untold
from etl_assets_tests.support.running_command import Running, running
from etl_assets_tests.support.shop import (
    DAY,
    DAYS,
    EXPORT,
    SHARDS,
    Shop,
    rows_of,
    small_shop,
)

SIBLINGS = [f"demo.{d}.{t}" for d, t in SHARDS if f"demo.{d}.{t}" != ENDLESS]


@pytest.fixture
def export(tmp_path: Path) -> Iterator[Running]:
    """An export in the midst of an endless shard."""
    with running(endless_shop(tmp_path), *EXPORT) as command:
        command.wait_for(lambda: command.is_extracting(ENDLESS))
        yield command


def assert_canceled(command: Running, done: Done, code: int) -> None:
    """The run has ended as the manual says, and nothing is left of it."""
    assert done.code == code
    assert "Traceback" not in done.err
    assert command.processes() == {}
    assert command.temporary_files() == []
    home = command.shop.folder / ".dagster_home"
    if home.exists():
        with instance_of(home) as instance:
            statuses = [run.status for run in instance.get_runs()]
            assert statuses in ([], [dg.DagsterRunStatus.CANCELED])
            assert not any(claimed_slots(instance).values())


# Ctrl-C and SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.05, 0.5, 1.5, 2.5])
def test_a_signal_ends_the_export_at_any_moment_of_its_start(
    tmp_path: Path, after: float, number: signal.Signals
) -> None:
    with running(endless_shop(tmp_path), *EXPORT) as command:
        time.sleep(after)
        command.process.send_signal(number)
        done = command.end(SECONDS)
        if after < 0.1 and done.code == -number:
            # On a busy machine Python itself has not begun: to a shell that is 128 + number too.
            return
        assert_canceled(command, done, 128 + number)
        assert done.problems[-1].startswith("etl-assets: interrupted")


def test_a_signal_just_as_the_run_starts_cancels_it(tmp_path: Path) -> None:
    with running(endless_shop(tmp_path), *EXPORT) as command:
        # The run then writes that it has started after it was told to stop.
        command.wait_for(command.children)
        command.process.send_signal(signal.SIGINT)
        assert_canceled(command, command.end(SECONDS), 130)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_windows_amid_the_rows_of_a_shard(
    tmp_path: Path, number: signal.Signals
) -> None:
    shop = endless_shop(tmp_path)
    with running(shop, *EXPORT, DAYS[2]) as command:
        command.wait_for(lambda: command.is_extracting(ENDLESS))
        # As a terminal does it: to the whole group.
        os.killpg(command.process.pid, number)
        done = command.end(SECONDS)
        assert_canceled(command, done, 128 + number)
    (problem,) = done.problems
    assert problem.startswith("etl-assets: interrupted; the shards that are done stay. ")
    assert problem.endswith(f"--partition {DAY} --partition {DAYS[2]} --resume")
    assert shop.names(DAYS[2]) == []


def test_what_is_printed_after_a_signal_goes_on_with_what_is_left(tmp_path: Path) -> None:
    shop = endless_shop(tmp_path / "a shop")
    quick = "  archive:\n    shards: [{host: demo, tables: shop_00.orders_00}]\n"
    text = (shop.folder / "etl_assets.yaml").read_text("utf-8")
    settings = "    partition: {every: day, start: 2026-11-01, column: created_at}\n"
    shop.configure(text.replace("tables:\n", f"tables:\n{quick}{settings}", 1))
    roundabout = f"../{shop.folder.name}/etl_assets.yaml"
    given = ("--config", roundabout, "--processes", "3")
    with running(shop, "export", "--partition", DAY, *given) as command:
        command.wait_for(lambda: command.is_extracting(ENDLESS))
        command.process.send_signal(signal.SIGINT)
        done = command.end(SECONDS)
    assert done.code == 130
    (problem,) = done.problems
    assert shop.names(DAY) != []
    assert problem.endswith(
        f"Go on with: etl-assets export orders --partition {DAY} "
        f"--config '{shop.folder / 'etl_assets.yaml'}' --processes 3 --resume"
    )
    # However it ends, its runs can be seen.
    assert "export DAGSTER_HOME=" in done.out.splitlines()[-1]


def test_a_signal_between_the_exports_of_the_demo_ends_it(tmp_path: Path) -> None:
    with running(Shop(tmp_path), "demo") as command:
        assert command.process.stdout is not None
        # The last thing that its first export says.
        while "DAGSTER_HOME" not in command.process.stdout.readline():
            assert command.process.poll() is None
        command.process.send_signal(signal.SIGINT)
        done = command.end(SECONDS)
    assert done.code == 130
    assert "Open the UI" not in done.out
    assert done.problems[-1].startswith("etl-assets: interrupted")
    assert list((tmp_path / "exports" / "users").rglob("_manifest.json")) == []


def test_a_signal_ends_the_export_while_a_server_counts(tmp_path: Path) -> None:
    shop = endless_shop(tmp_path, verify="count")
    with running(shop, *EXPORT) as command:
        command.wait_for(lambda: all(f"{stem}.json" in shop.names() for stem in SIBLINGS))
        command.process.send_signal(signal.SIGINT)
        # SQLite counts in one call that nothing but the end of its process stops.
        assert_canceled(command, command.end(SECONDS), 130)


def test_a_worker_that_somebody_else_ends_leaves_no_check_without_a_result(
    export: Running, tmp_path: Path
) -> None:
    (worker,) = export.children()
    os.kill(worker, signal.SIGTERM)
    assert export.end(60).code == 1
    with instance_of(tmp_path / ".dagster_home") as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert untold(instance, run.run_id) == []
        passed, why = told(instance, run.run_id)["orders complete"]
    assert not passed
    assert "Execution was interrupted unexpectedly" in why


def test_further_signals_change_nothing(export: Running) -> None:
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT):
        if export.process.poll() is None:
            export.process.send_signal(number)
        time.sleep(0.2)
    assert_canceled(export, export.end(SECONDS), 130)


def test_what_was_done_before_a_signal_stays_and_resume_goes_on(tmp_path: Path) -> None:
    shop = endless_shop(tmp_path)
    with running(shop, *EXPORT) as command:
        command.wait_for(lambda: all(f"{stem}.json" in shop.names() for stem in SIBLINGS))
        command.process.send_signal(signal.SIGINT)
        assert_canceled(command, command.end(SECONDS), 130)
    shop.run("shop_00", "DROP VIEW orders_01")
    shop.fill("shop_00", "orders_01", rows_of(1))
    done = etl_assets(tmp_path, *EXPORT, "--resume")
    assert (done.code, done.err) == (0, "")
    assert f"orders {DAY}: 1 of 1 shards, 2 rows" in done.out


def test_a_signal_after_the_end_does_not_change_the_exit_code(tmp_path: Path) -> None:
    with running(small_shop(tmp_path), *EXPORT) as command:
        assert command.process.stdout is not None
        # The last thing that an export says.
        while "DAGSTER_HOME" not in command.process.stdout.readline():
            assert command.process.poll() is None
        while command.process.poll() is None:
            command.process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        assert command.process.returncode == 0


# SIGKILL


def test_a_killed_supervisor_takes_its_run_along_and_the_next_start_says_so(
    tmp_path: Path,
) -> None:
    # A step that counts hears nothing: it has to be ended from outside.
    shop = endless_shop(tmp_path, verify="count")
    # A short path: addresses of sockets are below it.
    with (
        TemporaryDirectory() as temporary,
        running(shop, *EXPORT, env={"TMPDIR": temporary}) as command,
    ):
        command.wait_for(lambda: all(f"{stem}.json" in shop.names() for stem in SIBLINGS))
        command.process.kill()
        command.process.wait()
        until = time.monotonic() + SECONDS
        while command.processes() and time.monotonic() < until:
            time.sleep(0.1)
        assert command.processes() == {}
        assert list(Path(temporary).iterdir()) == []
    done = etl_assets(tmp_path, *EXPORT, "--limit", "1")
    assert (done.code, done.err) == (0, "")
    with instance_of(tmp_path / ".dagster_home") as instance:
        trial, killed = instance.get_runs()
        assert trial.status is dg.DagsterRunStatus.SUCCESS
        assert killed.status in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
        assert not any(claimed_slots(instance).values())


def test_a_killed_worker_fails_the_export_with_a_line_that_says_so(export: Running) -> None:
    (worker,) = export.children()
    os.kill(worker, signal.SIGKILL)
    done = export.end(SECONDS)
    assert done.code == 1
    problem, again = done.problems
    assert problem.startswith(
        f"orders {DAY}: The run's process ended by signal 9 (SIGKILL).; its log is "
    )
    assert again.endswith("--resume")
    assert export.processes() == {}
    assert export.temporary_files() == []
    with instance_of(export.shop.folder / ".dagster_home") as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert not any(claimed_slots(instance).values())
        assert untold(instance, run.run_id) == []
        passed, why = told(instance, run.run_id)["orders complete"]
        assert not passed
        assert "The run's process ended by signal 9 (SIGKILL)." in why


def test_a_killed_step_fails_its_shard_by_name_and_its_siblings_are_written(
    tmp_path: Path,
) -> None:
    shop = endless_shop(tmp_path)
    with running(shop, *EXPORT) as command:
        command.wait_for(lambda: command.is_extracting(ENDLESS))
        with instance_of(tmp_path / ".dagster_home") as instance:
            (run,) = instance.get_runs()
            pid = step_pids(instance, run.run_id)["orders__demo__shop_00__orders_01"]
        os.kill(pid, signal.SIGKILL)
        done = command.end(30)
        assert done.code == 1
        (failed,) = [line for line in done.problems if line.startswith("failed: ")]
        step = "orders__demo__shop_00__orders_01"
        assert failed.startswith(f"failed: {ENDLESS}: {step}: its process was killed by SIGKILL; ")
        assert "memory" in failed
        # The UI shows the same of the step, and of the run.
        with instance_of(tmp_path / ".dagster_home") as instance:
            for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE):
                (entry,) = instance.all_logs(run.run_id, of_type=kind)
                data: Any = entry.get_dagster_event().event_specific_data
                assert f"{step}: its process was killed by SIGKILL" in data.error.to_string()
                assert "ChildProcessCrashException" not in data.error.to_string()
        assert command.processes() == {}
        assert command.temporary_files() == []
    assert shop.names()[1:] == sorted(f"{s}.{end}" for s in SIBLINGS for end in ("csv", "json"))
    with instance_of(tmp_path / ".dagster_home") as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE
        assert not any(claimed_slots(instance).values())
        assert untold(instance, run.run_id) == []
        checks = told(instance, run.run_id)
        said = f"{step}: its process was killed by SIGKILL; "
        passed, why = checks["orders/demo/shop_00.orders_01 rows_match_source"]
        assert not passed
        assert why.startswith(said)
        assert f"{ENDLESS}: {said}" in checks["orders complete"][1]
