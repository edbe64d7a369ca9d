"""Where a host's password comes from; it is read at each connection and kept nowhere."""

import os
import subprocess
import time
from multiprocessing.connection import wait
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from etl_assets.config.problems import refuse_unknown_keys
from etl_assets.config.secrets import command_holds_secret
from etl_assets.config.values import Text
from etl_assets.errors import ConfigError

COMMAND_SECONDS = 30.0
MOST_BYTES = 1 << 16
"""No password is longer; a command that goes on and on would fill the memory."""


def _without_secrets(words: tuple[str, ...]) -> tuple[str, ...]:
    if command_holds_secret(words):
        raise ValueError("expected a command without secrets, got one in it")
    return words


def _a_list(value: object) -> object:
    # Its parts are not repeated: somebody may have put the password here.
    if not isinstance(value, list | tuple) or not all(isinstance(part, str) for part in value):
        raise ValueError("expected a list of a program and its arguments, got something else")
    return value


class PasswordSource(BaseModel):
    """An environment variable, a file or a command: one of them."""

    model_config = ConfigDict(frozen=True)

    env: Text | None = None
    file: Text | None = None
    command: (
        Annotated[
            tuple[str, ...],
            Field(min_length=1),
            BeforeValidator(_a_list),
            AfterValidator(_without_secrets),
        ]
        | None
    ) = None

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, value: object) -> object:
        refuse_unknown_keys(value, cls.model_fields)
        return value

    @model_validator(mode="after")
    def _one_of(self) -> "PasswordSource":
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"expected one of env, file and command, got {found}")
        return self

    def missing(self, home: Path) -> tuple[str, str] | None:
        """The key and the problem where it plainly cannot be read; a command is not run for this.

        Arguments:
            home: the configuration's folder.
        """
        if self.env is not None and self.env not in os.environ:
            expected = f"the environment variable {self.env} set"
            return (
                "env",
                f"expected {expected} (to nothing where there is no password), got it unset",
            )
        problem = unreadable(home / self.file) if self.file is not None else None
        return ("file", problem) if problem else None

    def value(self, home: Path) -> str:
        """The password now; an empty text means none.

        Arguments:
            home: the configuration's folder: where relative paths start and the command runs.

        Raises:
            ConfigError: it cannot be read. Nothing of what a file or a command says is in it.
        """
        if self.env is not None:
            return _of_variable(self.env)
        if self.file is not None:
            return _of_file(home / self.file)
        return _of_command(self.command or (), home)

    @property
    def environment(self) -> dict[str, str]:
        """The variable that another process needs in order to read it; never log it."""
        return {self.env: _of_variable(self.env)} if self.env is not None else {}


def unreadable(path: Path) -> str | None:
    """What is wrong with a file that has to be read; None where nothing is."""
    if path.is_file() and os.access(path, os.R_OK):
        return None
    found = "one that cannot be read" if path.is_file() else "none"
    return f"expected a file, got {found} at {path}"


def _of_variable(name: str) -> str:
    if name not in os.environ:
        raise ConfigError("password", expected=f"the environment variable {name} set", got="unset")
    return os.environ[name]


def _of_file(path: Path) -> str:
    try:
        return _without_line_break(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            "password", expected=f"a file to read at {path}", got=error.strerror or "none"
        ) from None


def _of_command(command: tuple[str, ...], home: Path) -> str:
    problem = f"password: the command {command[0]}"
    try:
        # A group of its own: what it starts ends with it. The session stays the export's, whose
        # end is the end of everything in it.
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
    except OSError as error:
        found = error.strerror or "none"
        raise ConfigError(problem, expected="a program that can be run", got=found) from None
    with process:
        try:
            said = _said(process)
        except BaseException as error:
            os.killpg(process.pid, 9)
            if isinstance(error, subprocess.TimeoutExpired):
                expected = f"a password within {COMMAND_SECONDS:g} s and {MOST_BYTES} bytes"
                raise ConfigError(problem, expected=expected, got="none yet") from None
            raise
    if process.returncode != 0:
        found = f"exit code {process.returncode}"
        raise ConfigError(
            problem, expected="exit code 0", got=found, next_step="run it by hand to see why"
        )
    return _without_line_break(said)


def _said(process: "subprocess.Popen[bytes]") -> bytes:
    """All that a command says until it ends.

    Raises:
        subprocess.TimeoutExpired: it does not end in time, or says too much.
    """
    assert process.stdout is not None
    give_up = time.monotonic() + COMMAND_SECONDS
    said = b""
    while len(said) <= MOST_BYTES and wait(
        [process.stdout.fileno()], max(0.0, give_up - time.monotonic())
    ):
        block = os.read(process.stdout.fileno(), MOST_BYTES)
        if not block:
            process.wait(max(0.0, give_up - time.monotonic()))
            return said
        said += block
    raise subprocess.TimeoutExpired(process.args, COMMAND_SECONDS)


def _without_line_break(data: bytes) -> str:
    """A text of any bytes, less the line break at its end."""
    end = b"\r\n" if data.endswith(b"\r\n") else b"\n"
    return data.removesuffix(end).decode("utf-8", "surrogateescape")
