"""Files without names, and what it means when bytes cannot be written into any file."""

import os
from collections.abc import Iterator
from typing import IO

from etl_assets.errors import StoreError

_BLOCK_BYTES = 1 << 20


class NamelessFile:
    """A file without a name, for bytes that are to become part of another one.

    It is gone with the last process that has it open.
    """

    def __init__(self, file: IO[bytes], location: str) -> None:
        self._file = file
        self._location = location

    @classmethod
    def of(cls, descriptor: int) -> "NamelessFile":
        """The file behind a descriptor of this process, which is closed with it."""
        return cls(open(descriptor, "r+b", buffering=0), "a part of a shard's file")

    def fileno(self) -> int:
        """Its descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes."""
        write_all(self._file, data, self._location)

    def blocks(self) -> Iterator[bytes]:
        """All of its bytes in blocks, whatever any process has written or read of it."""
        offset = 0
        while block := os.pread(self.fileno(), _BLOCK_BYTES, offset):
            yield block
            offset += len(block)


def write_all(file: IO[bytes], data: bytes | bytearray, location: str) -> None:
    """Write to an unbuffered file, which may take less at a time.

    Raises:
        StoreError: with the location.
    """
    view = memoryview(data)
    try:
        while view:
            view = view[file.write(view) or 0 :]
    except OSError as error:
        raise store_error(location, error) from error


def store_error(location: str, error: OSError) -> StoreError:
    """The operating system's error, with the file and what to do next."""
    if isinstance(error, IsADirectoryError):
        next_step = "move this folder to another one: a file has to have its name"
    else:
        next_step = "see to the space and the permissions there; the file before it stays"
    return StoreError(f"{location}: {error.strerror or error}", next_step=next_step)
