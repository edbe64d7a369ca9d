"""What cannot be served: one line that says why, exit code 2, and nothing is created."""

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from etl_assets import kernels
from etl_assets.cli.app import run
from etl_assets_tests.support.command import started_etl_assets
from etl_assets_tests.support.shop import CONFIG, DAY, EXPORT, Shop
from etl_assets_tests.support.wrong_configurations import CONFIGURATIONS, changed, shards

ARGUMENTS = {
    "an unknown table": (("export", "oders", "--partition", DAY), "'oders'"),
    "an unknown table beside a known one": (("export", "orders", "x", "--partition", DAY), "'x'"),
    "no key": (("export", "orders"), "--partition"),
    "a key that is no date": (("export", "orders", "--partition", "today"), "'today'"),
    "a day that does not exist": (("export", "orders", "--partition", "2026-11-31"), "2026-11-31"),
    "a key before the start": (("export", "orders", "--partition", "2026-10-31"), "2026-10-31"),
    "a window that has not ended": (("export", "orders", "--partition", "2199-01-01"), "2199"),
    "a key of another cadence": (("export", "--partition", "2026-11-02-13:00"), "13:00"),
    "a known key and an unknown one": ((*EXPORT, "2026-11-99"), "2026-11-99"),
    "from without to": (("export", "orders", "--from", DAY), "--to"),
    "to without from": (("export", "orders", "--to", DAY), "--from"),
    "from after to": (("export", "--from", "2026-11-03", "--to", DAY), "--from"),
    "from an unknown key": (("export", "--from", "2026-10-03", "--to", DAY), "2026-10-03"),
    "an unknown option": ((*EXPORT, "--parallel", "3"), "--parallel"),
    "an unknown command": (("exprot", "orders"), "exprot"),
    "a limit of nothing": ((*EXPORT, "--limit", "0"), "--limit"),
    "a limit that is no number": ((*EXPORT, "--limit", "many"), "many"),
    "no processes": ((*EXPORT, "--processes", "0"), "--processes"),
    "a trial to resume": ((*EXPORT, "--resume", "--limit", "3"), "--limit"),
    "an option without its value": (("export", "orders", "--partition"), "--partition"),
    "another configuration that is not there": ((*EXPORT, "--config", "no.yaml"), "no.yaml"),
    "verify without a key": (("verify", "orders"), "--partition"),
    "verify an unknown table": (("verify", "oders", "--partition", DAY), "'oders'"),
    "verify a key of another cadence": (("verify", "--partition", "2026-11-02-13:00"), "a day"),
    "verify a key of a trial": (("verify", "orders", "--partition", f"{DAY}.sample"), "a day"),
    "verify a key before the start": (("verify", "--partition", "2026-10-31"), "from 2026-11-01"),
    "plan an unknown table": (("plan", "oders"), "'oders'"),
    "discover with a table": (("discover", "orders"), "orders"),
    "init without a server": (("init",), "--url"),
    "init with a password in the URL": (
        ("init", "--url", "mysql://x:opensesame@h"),
        "--password-env",
    ),
    "init where a configuration is": (("init", "--url", "mysql://h"), "--output"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configuration alone, where the command line works in this process."""
    Shop(tmp_path).configure(CONFIG)
    monkeypatch.chdir(tmp_path)
    for name in ("DAGSTER_HOME", "ETL_ASSETS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


Refusal = Callable[..., str]


@pytest.fixture
def refusal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refusal:
    """The one line that a command says in this process; nothing is created."""

    def refused(*arguments: str) -> str:
        before = sorted(folder.iterdir())
        monkeypatch.setattr(sys, "argv", ["etl-assets", *arguments])
        assert run() == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        (problem,) = shown.err.splitlines()
        assert sorted(folder.iterdir()) == before
        return problem

    return refused


def is_untouched(folder: Path) -> bool:
    """Whether nothing was created beside the configuration."""
    return [path.name for path in folder.iterdir()] == ["etl_assets.yaml"]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_wrong_configuration_is_one_line_with_file_and_line(
    folder: Path, refusal: Refusal, name: str
) -> None:
    text, line, words = CONFIGURATIONS[name]
    Shop(folder).configure(text)
    problem = refusal(*EXPORT)
    assert problem.startswith(f"etl-assets: etl_assets.yaml:{line}: ")
    assert words in problem
    assert "opensesame" not in problem


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_wrong_command_is_one_line(refusal: Refusal, name: str) -> None:
    arguments, words = ARGUMENTS[name]
    problem = refusal(*arguments)
    assert problem.startswith("etl-assets: ")
    assert words in problem
    assert "opensesame" not in problem


@pytest.mark.parametrize("lock", ["", "{}", "[1]", '{"patterns": [{"table": 1}]}', "\xff"])
def test_a_broken_lock_is_one_line_with_its_file(folder: Path, refusal: Refusal, lock: str) -> None:
    Shop(folder).configure(shards("[{host: demo, match: '^s'}]"))
    (folder / "etl_assets.lock").write_text(lock, encoding="latin-1")
    problem = refusal(*EXPORT)
    assert problem.startswith("etl-assets: etl_assets.lock:1")
    assert "discover" in problem


@pytest.mark.parametrize("content", [b"\xff\xfe", b"hosts: \x00\n"])
def test_a_configuration_that_is_no_text_is_one_line(
    folder: Path, refusal: Refusal, content: bytes
) -> None:
    (folder / "etl_assets.yaml").write_bytes(content)
    assert refusal(*EXPORT).startswith("etl-assets: etl_assets.yaml")


@pytest.mark.parametrize("name", ["unknown host", "an unresolved match", "no YAML"])
def test_the_console_script_refuses_a_configuration(folder: Path, name: str) -> None:
    text, line, words = CONFIGURATIONS[name]
    Shop(folder).configure(text)
    done = started_etl_assets(folder, *EXPORT)
    assert (done.code, done.out) == (2, "")
    (problem,) = done.problems
    assert problem.startswith(f"etl-assets: etl_assets.yaml:{line}: ")
    assert words in problem
    assert is_untouched(folder)


@pytest.mark.parametrize("name", ["an unknown table", "a day that does not exist", "no key"])
def test_the_console_script_refuses_a_command(folder: Path, name: str) -> None:
    arguments, words = ARGUMENTS[name]
    done = started_etl_assets(folder, *arguments)
    assert (done.code, done.out) == (2, "")
    (problem,) = done.problems
    assert words in problem
    assert is_untouched(folder)


def test_an_old_window_of_a_snapshot_is_refused_with_the_reason(folder: Path) -> None:
    Shop(folder).configure(changed(", column: created_at", ""))
    done = started_etl_assets(folder, *EXPORT)
    assert (done.code, done.out) == (2, "")
    (problem,) = done.problems
    assert "a snapshot shows the table as it is now" in problem
    assert is_untouched(folder)


def test_ui_refuses_a_wrong_configuration_before_anything_starts(folder: Path) -> None:
    Shop(folder).configure(shards("[{host: dmeo, tables: a.b}]"))
    done = started_etl_assets(folder, "ui")
    assert (done.code, len(done.problems)) == (2, 1)
    assert is_untouched(folder)


def test_the_version_says_which_encoder_is_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(kernels.SWITCH, "off")

    monkeypatch.setattr(sys, "argv", ["etl-assets", "--version"])

    assert run() == 0

    told = capsys.readouterr().out
    assert told.startswith(f"etl-assets {version('etl-assets')} (encoder: numpy; dagster 1.")
