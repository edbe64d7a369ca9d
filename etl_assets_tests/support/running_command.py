"""A command that is watched while it runs: its processes, its files, its end."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from etl_assets_tests.support.command import SCRIPT, Done, environment, start
from etl_assets_tests.support.shop import Shop

_MARK = "ETL_ASSETS_TEST_MARK"


@dataclass(frozen=True)
class Running:
    """A command and every process that descends from it: all of them inherit its mark."""

    shop: Shop
    process: subprocess.Popen[str]
    mark: str

    def end(self, seconds: float) -> Done:
        """Its end, which has to come within so many seconds."""
        out, err = self.process.communicate(timeout=seconds)
        return Done(self.process.returncode, out, err)

    def processes(self) -> dict[int, str]:
        """All its processes that are alive, with their command lines."""
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and self.mark.encode() in _bytes(folder / "environ"):
                    command = _bytes(folder / "cmdline").replace(b"\0", b" ").decode()
                    found[int(folder.name)] = command
            except (OSError, UnicodeDecodeError):
                continue
        return found

    def children(self) -> list[int]:
        """The processes whose parent is the command itself."""
        return [pid for pid in self.processes() if parent_of(pid) == self.process.pid]

    def wait_for(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait until something is so while the command runs."""
        until = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until, "it has not come in time"
            time.sleep(0.05)

    def temporary_files(self) -> list[Path]:
        """Files that are being written."""
        return [path for path in self.shop.folder.rglob("exports/**/.*") if path.is_file()]

    def is_extracting(self, stem: str) -> bool:
        """Whether a shard is in the midst of its rows."""
        return any(
            path.name.startswith(f".{stem}.csv.") and path.stat().st_size > 100_000
            for path in self.temporary_files()
        )


def running(
    shop: Shop, *arguments: str, env: Mapping[str, str] | None = None
) -> AbstractContextManager[Running]:
    """This product's command in the shop's folder."""
    return running_command(shop, [str(SCRIPT), *arguments], environment(env))


@contextmanager
def running_command(
    shop: Shop, command_line: Sequence[str], env: Mapping[str, str]
) -> Iterator[Running]:
    """Any command in the shop's folder; whatever is left of it at the end is killed."""
    mark = uuid4().hex
    process = start(shop.folder, command_line, {**env, _MARK: mark})
    command = Running(shop, process, f"{_MARK}={mark}")
    try:
        yield command
    finally:
        # Nothing is sent to one that was waited for: its number may be a stranger's by now.
        process.kill()
        for pid in command.processes():
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def parent_of(pid: int) -> int | None:
    """A process's parent, field 4 of proc(5)'s stat; None where it has ended."""
    try:
        return int(_bytes(Path(f"/proc/{pid}/stat")).rpartition(b")")[2].split()[1])
    except OSError:
        return None


def _bytes(path: Path) -> bytes:
    return path.read_bytes()
