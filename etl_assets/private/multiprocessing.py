"""What is used of multiprocessing beyond its manual.

Python's fork server is a module's own instance, `_forkserver`, that knows an address, a pipe and a
process. What each function needs of it, and what to do when that moves, is in its docstring: read
`Lib/multiprocessing/forkserver.py` of the new Python first. Nothing here is needed for exports to
be right: `knows_server` may say no, and the fork server then starts in Python's own way.
"""

import sys
from collections.abc import Sequence
from multiprocessing import (
    connection,
    forkserver,
    get_context,
    reduction,
    resource_tracker,
    util,
)
from typing import Any

PRELOADED = (
    "multiprocessing.popen_forkserver",
    "multiprocessing.queues",
    "multiprocessing.resource_sharer",
    "multiprocessing.synchronize",
)
"""What starting a process imports by the way; one that has moved is left out."""


def knows_server() -> bool:
    """Whether this Python's fork server is as the functions below take it to be.

    From 3.14 on server and clients share a key, in a way of their own. Moved: say no.
    """
    return hasattr(forkserver, "_forkserver") and sys.version_info < (3, 14)


def new_address() -> Any:
    """A socket's address in multiprocessing's own folder, which goes with the process.

    Moved: one in a folder of `tempfile.mkdtemp`, removed in cli/worker.py.
    """
    return connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]


def sockets_folder() -> str:
    """That folder; made where it is first asked for, and removed by that process at its end.

    Moved: as for `new_address`.
    """
    return util.get_temp_dir()


def use_server(address: Any, alive: int, pid: int) -> None:
    """Let this process start its children by a fork server that is there already.

    Arguments:
        address: where it listens.
        alive: a pipe's end; the server ends when it is closed.
        pid: its process.

    Moved: `knows_server` says no.
    """
    server: Any = forkserver._forkserver
    server._forkserver_address = address
    server._forkserver_alive_fd = alive
    server._forkserver_pid = pid


def serve(listener: int, alive: int, preload: Sequence[str]) -> None:
    """Be the fork server until `alive` is closed. Moved: `knows_server` says no."""
    main: Any = forkserver.main
    main(listener, alive, list(preload))


def context_of_server(preload: Sequence[str]) -> Any:
    """How this process starts children by a fork server: by the one that made it, if one did.

    A process of a server knows its address, but would start one of its own all the same. `preload`
    is what a new server imports. Moved: `knows_server` says no.
    """
    context = get_context("forkserver")
    if forkserver.get_inherited_fds() is None or not knows_server():
        context.set_forkserver_preload(list(preload))
    else:
        server: Any = forkserver._forkserver
        server.ensure_running = resource_tracker.ensure_running
    return context


class Descriptor:
    """A file descriptor on its way into a process that is being started.

    Moved: what `multiprocessing.connection.Connection` pickles its own with.
    """

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (reduction.DupFd(self.number),)


def _received(duplicate: Any) -> Descriptor:
    return Descriptor(duplicate.detach())
