"""A window's folder on an object store, through fsspec: uploads that are completed or absent."""

import contextlib
from pathlib import Path
from typing import IO

import fsspec
from fsspec.spec import AbstractBufferedFile
from upath import UPath

from etl_assets.store.files import Folder, LocalFolder, StagedFile
from etl_assets.store.scratch import store_error


def open_url(url: str | UPath, *parts: str) -> Folder:
    """The folder below an fsspec URL; a local one for `file://`."""
    path = UPath(url).joinpath(*parts)
    if path.protocol in ("", "file", "local"):
        return LocalFolder(Path(path.path))
    return RemoteFolder(path)


class RemoteFolder(Folder):
    """A prefix of an object store, through fsspec."""

    def __init__(self, path: UPath) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"RemoteFolder({str(self._path)!r})"

    def stage(self, name: str) -> StagedFile:
        try:
            return _Upload(self._path.fs, (self._path / name).path, name)
        except OSError as error:
            raise store_error(self.location(name), error) from error

    def open(self, name: str) -> IO[bytes]:
        opened: IO[bytes] = self._path.fs.open((self._path / name).path, "rb")
        return opened

    def size(self, name: str) -> int | None:
        # What the file system remembers of it may be from before another process wrote it.
        self._path.fs.invalidate_cache()
        try:
            return int(self._path.fs.size((self._path / name).path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(self.location(name), error) from error

    def names(self) -> list[str]:
        # Listings may be remembered by the file system; completeness must see what is there now.
        self._path.fs.invalidate_cache()
        try:
            return sorted(entry.name for entry in self._path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            # A prefix without files is no folder.
            return []
        except OSError as error:
            raise store_error(self.location(""), error) from error

    def remove(self, name: str) -> None:
        try:
            self._path.fs.rm_file((self._path / name).path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise store_error(self.location(name), error) from error

    def location(self, name: str) -> str:
        return str(self._path / name)


class _Upload(StagedFile):
    def __init__(self, filesystem: fsspec.AbstractFileSystem, path: str, name: str) -> None:
        super().__init__(name)
        self._path = path
        # Opened as in a transaction: closing sends the last part, only commit() completes the
        # upload. Not every file system heeds `autocommit`, and those that do keep the file.
        transaction = filesystem.transaction
        transaction.start()
        try:
            self._file = filesystem.open(path, "wb")
        finally:
            transaction.files.clear()
            transaction.complete()

    def write(self, data: bytes) -> object:
        try:
            return self._file.write(data)
        except OSError as error:
            raise store_error(self._path, error) from error

    def _finish(self) -> None:
        try:
            self._file.close()
            self._file.commit()
        except OSError as error:
            raise store_error(self._path, error) from error

    def _abandon(self) -> None:
        # An upload that cannot be withdrawn must not hide why it was given up.
        with contextlib.suppress(OSError):
            self._file.discard()
        if isinstance(self._file, AbstractBufferedFile):
            # Its destructor would close it, which sends what is left.
            self._file.closed = True
