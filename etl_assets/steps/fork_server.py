"""A fork server that is warm at once: a fork of this process, instead of a new interpreter.

multiprocessing starts its fork server as a new Python that has to import everything again, one and
a half seconds before the first step. The process of a run on the command line has imported all of
it, has no connection open and no thread running yet: what a fork server has to be.
"""

import gc
import os
import socket
import sys
from multiprocessing import connection, forkserver
from typing import Any

PRELOAD = ["etl_assets.steps.preload"]
"""What a fork server imports before its first step."""


def start_fork_server() -> None:
    """Make a fork of this process its fork server; call it before there is any thread.

    Where this Python's fork server is not known to work so, its own way stays.
    """
    # From 3.14 on server and clients share a key, in a way of their own.
    if not hasattr(forkserver, "_forkserver") or sys.version_info >= (3, 14):
        return
    server: Any = forkserver._forkserver  # noqa: SLF001
    with socket.socket(socket.AF_UNIX) as listener:
        address: Any = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
        listener.bind(address)
        # An address in the file system; Linux's abstract ones have no mode.
        if not address.startswith("\0"):
            os.chmod(address, 0o600)  # noqa: PTH101
        listener.listen()
        alive_read, alive_write = os.pipe()
        pid = os.fork()
        if not pid:
            _serve(listener, alive_read, alive_write)
    os.close(alive_read)
    server._forkserver_address = address  # noqa: SLF001
    server._forkserver_alive_fd = alive_write  # noqa: SLF001
    server._forkserver_pid = pid  # noqa: SLF001


def _serve(listener: socket.socket, alive_read: int, alive_write: int) -> None:
    """Be the fork server; it ends with the last process that has `alive_write` open."""
    code = 1
    try:
        os.close(alive_write)
        # As Python's manual of gc.freeze advises: a collection in a child would otherwise write
        # to, and so copy, every page that holds an object.
        gc.freeze()
        main: Any = forkserver.main
        main(listener.detach(), alive_read, PRELOAD)
    except SystemExit:
        code = 0
    finally:
        os._exit(code)
