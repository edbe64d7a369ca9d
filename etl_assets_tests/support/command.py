"""The real console script, as a user or a scheduler starts it."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl_assets_tests.support.ready import run_forked

SCRIPT = Path(sys.executable).parent / "etl-assets"

_NOT_INHERITED = ("DAGSTER_HOME", "ETL_ASSETS_CONFIG", "PYTHONDONTWRITEBYTECODE")
"""What would lead the command elsewhere, or make every process of it compile everything again."""
_SECONDS = 100


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines on stderr."""
        return self.err.splitlines()


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would lead the command elsewhere."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    # On PATH, as in an activated environment: messages then call it by its name.
    path = f"{SCRIPT.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**kept, "PATH": path, **(more or {})}


def start(
    folder: Path, command_line: Sequence[str], env: Mapping[str, str]
) -> subprocess.Popen[str]:
    """A command in a folder, running, in a session of its own."""
    return subprocess.Popen(
        command_line,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def etl_assets(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
    """The command in a folder, to its end."""
    return Done(*run_forked(folder, [str(SCRIPT), *arguments], environment(env), _SECONDS))


def started_etl_assets(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
    """The same in an interpreter of its own, where what is imported or how it begins matters."""
    process = start(folder, [str(SCRIPT), *arguments], environment(env))
    try:
        out, err = process.communicate(timeout=_SECONDS)
    finally:
        process.kill()
        process.wait()
    return Done(process.returncode, out, err)
