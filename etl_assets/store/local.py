"""A window's folder on this machine's file systems.

A file is staged under a temporary name in the same folder, locked while its writer lives, and
committed by flush, fsync and rename.
"""

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import IO
from uuid import uuid4

from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.locks import has_locks, lock, open_regular
from etl_assets.store.nameless import NamelessFile, store_error, write_all

TEMPORARY_MARK = ".part"
_AHEAD_BYTES = 1 << 24
"""So many bytes are on their way to the disk before the file is whole."""

_TEMPORARY = re.compile(rf"\..+\.[0-9a-f]{{12}}{re.escape(TEMPORARY_MARK)}", re.DOTALL)


class LocalFolder(Folder):
    """A folder of this machine's file systems."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"LocalFolder({str(self._path)!r})"

    def stage(self, name: str) -> StagedFile:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            return _LocalStagedFile(self._path, name)
        except OSError as error:
            raise store_error(self.location(name), error) from error

    def nameless_file(self) -> NamelessFile:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            return NamelessFile(
                tempfile.TemporaryFile(dir=self._path, buffering=0), str(self._path)
            )
        except OSError as error:
            raise store_error(str(self._path), error) from error

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[bool]:
        with contextlib.ExitStack() as held:
            yield self._locked(held)

    def _locked(self, held: contextlib.ExitStack) -> bool:
        """Lock the folder itself, so that no lock file stays in it."""
        try:
            folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, folder)
            return lock(folder, str(self._path))
        except OSError:
            # There is none yet.
            return False

    def open(self, name: str) -> IO[bytes]:
        return os.fdopen(open_regular(self._path / name), "rb")

    def size(self, name: str) -> int | None:
        try:
            status = (self._path / name).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(self.location(name), error) from error
        # A folder or a pipe of that name is not the file.
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def names(self) -> list[str]:
        try:
            return sorted(entry.name for entry in self._path.iterdir() if not _is_temporary(entry))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise store_error(str(self._path), error) from error

    def remove(self, name: str) -> None:
        try:
            (self._path / name).unlink(missing_ok=True)
        except OSError as error:
            raise store_error(self.location(name), error) from error

    def remove_proof(self, name: str) -> None:
        if os.path.lexists(self._path / name):
            self.remove(name)
            try:
                _keep_names(self._path)
            except OSError as error:
                raise store_error(self.location(name), error) from error

    def location(self, name: str) -> str:
        return str(self._path / name)

    def uri(self, name: str) -> str:
        return (self._path / name).as_uri()

    def sweep(self) -> list[str]:
        left = partial(_is_left, kind=fcntl.LOCK_EX, then=Path.unlink)
        return [entry.name for entry in self._temporary() if left(entry)]

    def abandoned(self) -> list[str]:
        # Shared: whoever only looks keeps nobody else from looking.
        return sorted(e.name for e in self._temporary() if _is_left(e, fcntl.LOCK_SH))

    def is_one_file(self, name: str, other: str) -> bool:
        # By temporary names: what is there under the final ones would tell nothing.
        with self.stage(name) as staged:
            return isinstance(staged, _LocalStagedFile) and staged.is_also(other)

    def unlocked(self) -> str:
        try:
            folder = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return ""
        try:
            with closing(self.nameless_file()) as file:
                lost = []
                if not has_locks(folder):
                    lost.append("export a window only once at a time")
                if not has_locks(file.fileno()):
                    lost.append("remove yourself what killed exports leave there")
        finally:
            os.close(folder)
        what = f"{self._path}: its file system lacks locks on folders or files"
        return f"{what}; {', and '.join(lost)}" if lost else ""

    def _temporary(self) -> list[Path]:
        try:
            return list(filter(_is_temporary, self._path.iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return []


def _keep_names(folder: Path) -> None:
    """Make durable which files a folder has.

    After each change that a later one relies on: no standard has a folder keep its changes in their
    order, and not every file system does.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_temporary(path: Path) -> bool:
    """Whether a file has a name that this product gives, not just one like it."""
    return _TEMPORARY.fullmatch(path.name) is not None


def _is_left(path: Path, kind: int, then: Callable[[Path], object] = bool) -> bool:
    """Whether a temporary file is one of a writer that is gone; then something is done with it.

    Those of living writers are locked; where there are no locks, nobody can tell.
    """
    try:
        # What is no regular file, or a link to one, this product has not written.
        descriptor = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        then(path)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


class _LocalStagedFile(StagedFile):
    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(name)
        self._final = folder / name
        self._temporary = folder / f".{name}.{uuid4().hex[:12]}{TEMPORARY_MARK}"
        self._is_durable = False
        self._written = self._begun = 0
        self._file = self._create()
        # A sweep may have come between making and locking it.
        while not os.fstat(self._file.fileno()).st_nlink:
            self._file.close()
            self._file = self._create()

    def _create(self) -> IO[bytes]:
        # Unbuffered: blocks arrive large already.
        file = self._temporary.open("xb", buffering=0)
        try:
            # The lock says that the writer lives: it goes with the process, however that ends.
            lock(file.fileno(), str(self._temporary))
        except BaseException:
            file.close()
            self._temporary.unlink(missing_ok=True)
            raise
        return file

    def is_also(self, name: str) -> bool:
        """Whether its temporary file is found by the name that another file's would have."""
        alias = self._temporary.name.replace(self.name, name, 1)
        return self._temporary.with_name(alias).exists()

    def write(self, data: bytes | bytearray) -> object:
        self._is_durable = False
        write_all(self._file, data, str(self._final))
        self._written += len(data)
        if self._written - self._begun >= _AHEAD_BYTES:
            self._begin_storing()
        return None

    def _begin_storing(self) -> None:
        """Let the system store what was written while more is made: the end waits for less.

        On Linux this advice does that with what is not stored yet, and keeps it in memory. Where
        the system or the file system does not know it, nothing is lost.
        """
        begun, self._begun = self._begun, self._written
        with contextlib.suppress(AttributeError, OSError):
            os.posix_fadvise(
                self._file.fileno(), begun, self._written - begun, os.POSIX_FADV_DONTNEED
            )

    def make_durable(self) -> None:
        try:
            if not self._is_durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise store_error(str(self._final), error) from error
        self._is_durable = True

    def _finish(self) -> None:
        self.make_durable()
        try:
            self._temporary.rename(self._final)
            self._file.close()
            _keep_names(self._final.parent)
        except OSError as error:
            raise store_error(str(self._final), error) from error

    def _abandon(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)
