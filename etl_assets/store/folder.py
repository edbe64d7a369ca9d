"""Files that are whole or absent: what a window's folder and a staged file promise, wherever it is.

A file is staged first and committed later. Until then nothing bears the final name, and afterwards
the file under it is whole. How that is done is in `local` and in `remote`.
"""

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any, Self, TypeVar

from etl_assets.store.nameless import NamelessFile, store_error

READ_BYTES = 1 << 20

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class StagedFile(ABC):
    """A file being written, not yet under its final name.

    As a context manager it discards itself unless it was committed.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._done = False

    @abstractmethod
    def write(self, data: bytes | bytearray) -> object:
        """Append bytes."""

    @abstractmethod
    def _finish(self) -> None:
        """Make the bytes durable and give them the final name."""

    @abstractmethod
    def _abandon(self) -> None:
        """Leave nothing behind."""

    @abstractmethod
    def make_durable(self) -> None:
        """Do what takes long of the commit beforehand: make durable what was written."""

    def commit(self) -> None:
        """Put the file under its final name."""
        self._finish()
        self._done = True

    def discard(self) -> None:
        """Drop what was written; nothing happens after a commit."""
        if not self._done:
            self._done = True
            self._abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.discard()


class Folder(ABC):
    """A folder of files with final names."""

    @abstractmethod
    def stage(self, name: str) -> StagedFile:
        """Begin a file; the folder is made where it is missing."""

    def nameless_file(self) -> NamelessFile:
        """A file without a name: where the folder is on an object store, in a local one."""
        try:
            return NamelessFile(tempfile.TemporaryFile(buffering=0), tempfile.gettempdir())
        except OSError as error:
            raise store_error(tempfile.gettempdir(), error) from error

    def exclusively(self) -> AbstractContextManager[bool]:
        """Keep everybody else who asks for it waiting; gives whether that is possible here.

        On an object store it is not.
        """
        return nullcontext(enter_result=False)

    @abstractmethod
    def open(self, name: str) -> IO[bytes]:
        """A file's stored bytes. Raises FileNotFoundError."""

    @abstractmethod
    def size(self, name: str) -> int | None:
        """A file's stored size in bytes; None where it is missing."""

    @abstractmethod
    def names(self) -> list[str]:
        """All files, temporary ones left out, sorted."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file where it is there."""

    def remove_proof(self, name: str) -> None:
        """Remove a manifest where it is there, for good before the file that it proves is replaced.

        A power cut must not bring it back beside another file.
        """
        self.remove(name)

    @abstractmethod
    def location(self, name: str) -> str:
        """A file's path or URL."""

    def sweep(self) -> list[str]:
        """Remove temporary files whose writers are dead; gives their names.

        On an object store there are none: an upload that was not completed is no file.
        """
        return []

    def abandoned(self) -> list[str]:
        """The temporary files that `sweep` would remove."""
        return []

    def is_one_file(self, name: str, other: str) -> bool:
        """Whether two names are one file's here, as where letter case makes no difference."""
        return name == other

    def unlocked(self) -> str:
        """What is lost, in one line, where files and folders cannot be locked; else nothing."""
        return ""

    def uri(self, name: str) -> str:
        """A file's URI."""
        return self.location(name)

    def blocks(self, name: str) -> Iterator[bytes]:
        """A file's stored bytes in blocks."""
        with self.open(name) as file:
            while block := file.read(READ_BYTES):
                yield block

    def ask_all(self, ask: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        """The results of asking this folder about each item, in their order.

        On an object store many are asked at the same time: each waits for an answer from afar.
        """
        return [ask(item) for item in items]

    def read(self, name: str) -> bytes:
        """All of a file's stored bytes. Raises FileNotFoundError."""
        with self.open(name) as file:
            return file.read()

    def read_json(self, name: str) -> Any:
        """A JSON file's value; None where it is missing or is not JSON."""
        try:
            return json.loads(self.read(name))
        except (FileNotFoundError, ValueError, RecursionError):
            # Brackets without end are no JSON of anybody's.
            return None

    def write_json(self, name: str, value: object) -> None:
        """Write a JSON file in one step."""
        with self.stage(name) as staged:
            staged.write(json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")
            staged.commit()
