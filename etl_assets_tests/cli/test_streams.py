"""A display that fails is not a command that fails; whatever a name holds, it is shown as text."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from etl_assets_tests.support.command import (
    SCRIPT,
    Done,
    environment,
    etl_assets,
    started_etl_assets,
)
from etl_assets_tests.support.locked import held
from etl_assets_tests.support.running_command import running
from etl_assets_tests.support.shop import CONFIG, DAY, Shop, rows_of, small_shop

EXPORT = f"export orders --partition {DAY}"
ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
ODD = "订单_0"
ODD_CONFIG = CONFIG.replace("orders_{00..01}", f"{{orders_00,{ODD}}}").replace("{00..01}", "00")


def shell(folder: Path, line: str, env: Mapping[str, str] | None = None) -> Done:
    """A line of bash in a folder, where `E` is the command."""
    done = subprocess.run(
        ["bash", "-c", f'set -o pipefail; E() {{ {SCRIPT} "$@"; }}; {line}'],
        cwd=folder,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with a table that ASCII lacks."""
    made = small_shop(tmp_path_factory.mktemp("shop"), ODD_CONFIG)
    made.fill("shop_00", ODD, rows_of(9))
    return made


@pytest.mark.parametrize(
    "line",
    [f"E {EXPORT} | head -n 1", f"E {EXPORT} <&- >&- 2>&-", f"E {EXPORT} >/dev/full 2>/dev/full"],
    ids=["a reader who leaves", "closed", "full"],
)
def test_an_export_is_done_whatever_becomes_of_its_display(shop: Shop, line: str) -> None:
    (shop.window() / "_manifest.json").unlink(missing_ok=True)
    done = shell(shop.folder, line, ASCII)
    assert (done.code, done.err) == (0, "")
    assert len(shop.manifest()["shards"]) == 2
    assert f"demo.shop_00.{ODD}.csv" in shop.names()


def test_a_failed_export_that_nobody_watches_exits_1(tmp_path: Path) -> None:
    shop = small_shop(tmp_path, ODD_CONFIG)
    done = shell(shop.folder, f"E {EXPORT} >&- 2>/dev/full")
    assert (done.code, done.out, done.err) == (1, "", "")


@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ("E plan | head -n 0", 0, ""),
        ("E plan orders > /dev/full", 1, "No space left on device"),
        (f"E verify --partition {DAY} 2>&1 | head -n 0", 1, ""),
        ("E no-such-command 2>&-", 2, ""),
        ("E --help > /dev/full", 0, ""),
    ],
)
def test_other_commands_have_their_own_code(tmp_path: Path, line: str, code: int, err: str) -> None:
    Shop(tmp_path).configure(CONFIG)
    done = shell(tmp_path, line)
    assert done.code == code
    assert err in done.err
    assert len(done.problems) == bool(err)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_plan_shows_by_its_code_what_the_terminal_lacks(tmp_path: Path, encoding: str) -> None:
    Shop(tmp_path).configure(ODD_CONFIG)
    done = started_etl_assets(tmp_path, "plan", env={"PYTHONIOENCODING": encoding})
    assert (done.code, done.err) == (0, "")
    assert ODD.encode("ascii", "backslashreplace").decode() in done.out


def test_escape_sequences_in_names_never_reach_the_terminal(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    name = "orders_\x1b[2J\x9b1m"
    shop.configure(CONFIG.replace('tables: "shop_{00..01}.orders_{00..01}"', 'match: "orders"'))
    shop.fill("shop_00", name, rows_of(1))
    shop.run("shop_00", f'ALTER TABLE "{name}" RENAME COLUMN code TO "code\x1b[1m"')
    shown = r"orders_\x1b[2J\x9b1m"
    for command in ("discover", "plan", EXPORT, f"verify --partition {DAY}"):
        done = etl_assets(tmp_path, *command.split())
        assert done.code == 0
        assert "\x1b" not in done.out + done.err
        assert "\x9b" not in done.out + done.err
        assert shown in done.out or command.startswith("verify")
    shop.run("shop_00", f'DROP TABLE "{name}"')
    failed = etl_assets(tmp_path, *EXPORT.split())
    assert failed.code == 1
    assert "\x1b" not in failed.err
    assert f"failed: demo.shop_00.{shown}: " in failed.err


def test_the_command_line_says_who_has_the_folder_locked_and_can_be_interrupted(
    tmp_path: Path,
) -> None:
    shop = small_shop(tmp_path)
    shop.window().mkdir(parents=True)
    with held(shop.window()) as pid, running(shop, *EXPORT.split()) as command:
        out = command.process.stdout
        assert out is not None
        line = next(line for line in out if "waits for" in line)
        assert f"{shop.window()}: waits for process {pid} (python" in line
        command.process.send_signal(signal.SIGINT)
        done = command.end(30)
        assert done.code == 130
        assert "interrupted; " in done.err
        assert "Traceback" not in done.err
        assert command.processes() == {}


NOT_UTF_8 = b"NAME=caf\xe9\n"


def test_an_environment_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    Shop(tmp_path).configure(CONFIG)
    (tmp_path / ".env").write_bytes(NOT_UTF_8)
    done = etl_assets(tmp_path, "plan")
    assert done.code == 2
    (problem,) = done.problems
    assert problem.startswith(f"etl-assets: {tmp_path}/.env: expected text in UTF-8, got ")
    assert "caf" not in problem


def test_a_working_directory_that_is_gone_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = shell(tmp_path, 'cd gone; rmdir "$PWD"; E plan')
    assert done.code == 2
    (problem,) = done.problems
    assert problem.startswith("etl-assets: the working directory: expected a folder, got none; ")


def test_a_stream_that_takes_nothing_for_a_while_is_waited_for() -> None:
    program = (
        "from etl_assets.cli.streams import open_streams\nopen_streams()\nprint('a' * 1000000)"
    )
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with subprocess.Popen([sys.executable, "-c", program], stdout=write_end) as process:
        os.close(write_end)
        with os.fdopen(read_end, "rb") as pipe:
            assert len(pipe.read()) == 1_000_001
    assert process.returncode == 0


def test_a_reader_who_has_stopped_does_not_keep_the_end_away() -> None:
    program = (
        "import signal\n"
        "from etl_assets.cli.streams import hurry, open_streams\n"
        "open_streams()\n"
        "signal.signal(signal.SIGTERM, lambda *_: hurry())\n"
        "print('ready', flush=True)\n"
        "print('a' * 1000000)\n"
        "raise SystemExit(143)"
    )
    # What is never read stays in the pipe, which holds far less.
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert os.read(process.stdout.fileno(), 6) == b"ready\n"
        process.terminate()
        try:
            assert process.wait(30) == 143
        finally:
            process.kill()
