"""Runs that Dagster started by itself and that are killed: nothing goes on or stays claimed."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from etl_assets.instance.home import HOME_NAME, write_settings
from etl_assets.steps.liveness import sweep_dead_runs
from etl_assets_tests.support.command import SCRIPT, environment, etl_assets
from etl_assets_tests.support.endless import ENDLESS, SECONDS, endless_shop
from etl_assets_tests.support.recorded import claimed_slots, instance_of, told, untold
from etl_assets_tests.support.running_command import Running, running, running_command
from etl_assets_tests.support.shop import DAY, EXPORT, Shop


@contextmanager
def materializing(shop: Shop) -> Iterator[Running]:
    """Dagster's own command, which knows nothing of this product's."""
    home = shop.folder / HOME_NAME
    home.mkdir()
    write_settings(home)
    command = [
        str(SCRIPT.with_name("dagster")), "asset", "materialize", "--select", "group:orders",
        "--partition", DAY, "-m", "etl_assets.definitions",
    ]  # fmt: skip
    with running_command(shop, command, environment({"DAGSTER_HOME": str(home)})) as started:
        yield started


def wait_until_gone(command: Running) -> float:
    """Seconds until no process of it is left."""
    began = time.monotonic()
    while command.processes():
        assert time.monotonic() - began < SECONDS, command.processes()
        time.sleep(0.1)
    return time.monotonic() - began


def with_one_connection(text: str) -> str:
    """A configuration in which one shard at a time may be read."""
    return text.replace('.db"}', '.db", max_connections: 1}')


@pytest.mark.parametrize("verify", ["none", "count"])
def test_the_steps_of_a_killed_run_stop_and_whoever_comes_by_fails_it(
    tmp_path: Path, verify: str
) -> None:
    shop = endless_shop(tmp_path, verify=verify)
    shop.configure(with_one_connection(shop.text))
    with materializing(shop) as command:
        is_busy = f"{ENDLESS}.csv" if verify == "none" else "demo.shop_00.orders_00.json"
        command.wait_for(
            lambda: command.is_extracting(ENDLESS) if verify == "none" else is_busy in shop.names()
        )
        os.kill(command.process.pid, signal.SIGKILL)
        command.process.wait()
        wait_until_gone(command)
    with instance_of(tmp_path / HOME_NAME) as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED
    done = etl_assets(tmp_path, *EXPORT, "--limit", "1")
    assert (done.code, done.err) == (0, "")
    with instance_of(tmp_path / HOME_NAME) as instance:
        assert instance.get_runs()[-1].status is dg.DagsterRunStatus.FAILURE
        assert not any(claimed_slots(instance).values())
    if verify == "none":
        assert command.temporary_files() == []


def test_the_sweep_leaves_living_runs_alone(tmp_path: Path) -> None:
    shop = endless_shop(tmp_path)
    with materializing(shop) as command:
        command.wait_for(lambda: command.is_extracting(ENDLESS))
        with instance_of(tmp_path / HOME_NAME) as instance:
            assert sweep_dead_runs(instance) == []
            (run,) = instance.get_runs()
            assert run.status is dg.DagsterRunStatus.STARTED
            command.process.send_signal(signal.SIGKILL)
            command.process.wait()
            wait_until_gone(command)
            assert sweep_dead_runs(instance) == [run.run_id]
            assert sweep_dead_runs(instance) == []


def test_a_terminal_interrupt_of_dagster_s_own_command_ends_its_steps(tmp_path: Path) -> None:
    with materializing(endless_shop(tmp_path)) as command:
        command.wait_for(lambda: command.is_extracting(ENDLESS))
        started = time.monotonic()
        os.killpg(command.process.pid, signal.SIGINT)
        subprocess.Popen.wait(command.process, timeout=SECONDS)
        wait_until_gone(command)
        assert time.monotonic() - started < SECONDS
        assert command.temporary_files() == []


def test_after_two_kills_the_one_connection_is_free_at_once(tmp_path: Path) -> None:
    shop = endless_shop(tmp_path)
    shop.configure(with_one_connection(shop.text))
    for _ in range(2):
        with running(shop, *EXPORT) as command:
            command.wait_for(lambda: command.is_extracting(ENDLESS))
            # All of it at once, however busy the machine is: nobody is left to clean up.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for pid in command.processes():
                    os.kill(pid, number)
            command.process.wait()
            # The next round must not take it for its own.
            (left,) = command.temporary_files()
            left.unlink()
    began = time.monotonic()
    done = etl_assets(tmp_path, *EXPORT, "--limit", "1")
    assert (done.code, done.err) == (0, "")
    assert time.monotonic() - began < 30
    with instance_of(tmp_path / HOME_NAME) as instance:
        trial, *killed = instance.get_runs()
        assert trial.status is dg.DagsterRunStatus.SUCCESS
        assert [run.status for run in killed] == [dg.DagsterRunStatus.FAILURE] * 2
        assert not any(claimed_slots(instance).values())
        assert [untold(instance, run.run_id) for run in killed] == [[], []]
        gone = "The process of this run is gone: killed, or out of memory."
        assert all(gone in told(instance, run.run_id)["orders complete"][1] for run in killed)
