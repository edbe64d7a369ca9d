"""A window's folder on an object store, through fsspec: uploads that are completed or absent."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import fsspec
from fsspec.config import conf
from fsspec.spec import AbstractBufferedFile
from upath import UPath

from etl_assets.errors import StoreError
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.local import LocalFolder
from etl_assets.store.nameless import store_error
from etl_assets.store.refusals import is_refusal, refusal

_PUT_WHOLE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
"""Where one request writes an object, whole or not at all; elsewhere only a commit does."""

PART_BYTES = 32 << 20
"""A larger file is uploaded in parts of this size while it is made; S3 takes 10,000 of them."""

_AT_ONCE = 32
"""Requests under way for the many files of one window."""

_S3_CLIENT = {
    "connect_timeout": 10,
    "read_timeout": 60,
    "retries": {"max_attempts": 3},
    "max_pool_connections": _AT_ONCE,
}
"""Seconds, and requests; whoever wants others says so in fsspec's own configuration."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def open_url(url: str | UPath, *parts: str) -> Folder:
    """The folder below an fsspec URL; a local one for `file://`."""
    path = url if isinstance(url, UPath) else UPath(url, **_options(url))
    path = path.joinpath(*parts)
    if path.protocol in ("", "file", "local"):
        return LocalFolder(Path(path.path))
    return RemoteFolder(path)


def _options(url: str) -> dict[str, Any]:
    protocol = url.partition("://")[0]
    if protocol not in ("s3", "s3a"):
        return {}
    own = conf.get("s3", {})
    return {"config_kwargs": {**_S3_CLIENT, **own.get("config_kwargs", {})}}


class RemoteFolder(Folder):
    """A prefix of an object store, through fsspec."""

    def __init__(self, path: UPath) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"RemoteFolder({str(self._path)!r})"

    def stage(self, name: str) -> StagedFile:
        return _Upload(self._path / name)

    def open(self, name: str) -> IO[bytes]:
        with _store_errors(self.location(name)):
            opened: IO[bytes] = self._path.fs.open((self._path / name).path, "rb")
        return opened

    def ask_all(self, ask: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
        with ThreadPoolExecutor(_AT_ONCE, "store") as threads:
            return list(threads.map(ask, items))

    def read(self, name: str) -> bytes:
        # One request, where opening asks for the size first.
        with _store_errors(self.location(name)):
            stored: bytes = self._path.fs.cat_file((self._path / name).path)
        return stored

    def blocks(self, name: str) -> Iterator[bytes]:
        with _store_errors(self.location(name)):
            yield from super().blocks(name)

    def size(self, name: str) -> int | None:
        # What the file system remembers of it may be from before another process wrote it.
        self._path.fs.invalidate_cache()
        try:
            with _store_errors(self.location(name)):
                return int(self._path.fs.size((self._path / name).path))
        except FileNotFoundError:
            return None

    def names(self) -> list[str]:
        # Listings may be remembered by the file system; completeness must see what is there now.
        self._path.fs.invalidate_cache()
        try:
            with _store_errors(self.location("")):
                return sorted(entry.name for entry in self._path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            # A prefix without files is no folder.
            return []

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), _store_errors(self.location(name)):
            self._path.fs.rm_file((self._path / name).path)

    def location(self, name: str) -> str:
        return str(self._path / name)


@contextlib.contextmanager
def _store_errors(location: str) -> Iterator[None]:
    """What a store says as an error of this product's, but that something is not there.

    The libraries of object stores have errors of their own, which are no OSError.
    """
    try:
        yield
    except (StoreError, FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise _store_error(location, error) from error
    except Exception as error:
        if not type(error).__module__.startswith(_LIBRARIES):
            raise
        raise refusal(location, error) from error


def _store_error(location: str, error: OSError) -> StoreError:
    return refusal(location, error) if is_refusal(error) else store_error(location, error)


_LIBRARIES = ("botocore", "aiobotocore", "aiohttp", "azure", "gcsfs", "google", "fsspec", "s3fs")


class _Upload(StagedFile):
    """Held back while it is small and can be put in one request, else uploaded in parts."""

    def __init__(self, path: UPath) -> None:
        super().__init__(path.name)
        self._path = path
        self._held: list[bytes | bytearray] = []
        self._size = 0
        self._file: Any = None
        if path.protocol not in _PUT_WHOLE:
            self._begin()

    def write(self, data: bytes | bytearray) -> object:
        if self._file is None:
            self._held.append(data)
            self._size += len(data)
            if self._size > PART_BYTES:
                self._begin()
            return None
        with self._store_errors():
            return self._file.write(data)

    def _begin(self) -> None:
        """Opened as in a transaction: closing sends the last part, only commit() completes it.

        Not every file system heeds `autocommit`, and those that do keep the file.
        """
        filesystem: fsspec.AbstractFileSystem = self._path.fs
        transaction = filesystem.transaction
        transaction.start()
        try:
            with self._store_errors():
                self._file = filesystem.open(self._path.path, "wb", block_size=PART_BYTES)
        finally:
            transaction.files.clear()
            transaction.complete()
        held, self._held = self._held, []
        for data in held:
            self.write(data)

    def make_durable(self) -> None:
        """Nothing: what is sent is as durable as it can be."""

    def _finish(self) -> None:
        with self._store_errors():
            if self._file is None:
                self._path.fs.pipe_file(self._path.path, b"".join(self._held))
            else:
                self._file.close()
                self._file.commit()

    def _abandon(self) -> None:
        self._held.clear()
        if self._file is None:
            return
        # An upload that cannot be withdrawn must not hide why it was given up.
        with contextlib.suppress(OSError, StoreError), self._store_errors():
            self._file.discard()
        if isinstance(self._file, AbstractBufferedFile):
            # Its destructor would close it, which sends what is left.
            self._file.closed = True

    @contextlib.contextmanager
    def _store_errors(self) -> Iterator[None]:
        """A bucket that is not there is no file that is not there."""
        try:
            with _store_errors(str(self._path)):
                yield
        except (FileNotFoundError, NotADirectoryError) as error:
            raise _store_error(str(self._path), error) from error
