"""A fork server that is warm at once: a fork of this process, instead of a new interpreter.

multiprocessing starts its fork server as a new Python that has to import everything again, one and
a half seconds before the first step. The process of a run on the command line has imported all of
it, has no connection open and no thread running yet: what a fork server has to be.
"""

import base64
import json
import multiprocessing
import os
import socket
import zlib
from collections.abc import Mapping
from typing import Any

from etl_assets.private.multiprocessing import (
    context_of_server,
    knows_server,
    new_address,
    serve,
    use_server,
)

STEPS = ["etl_assets.fork_server.preload"]
"""What a fork server imports before its first step."""
PARTS = [
    "etl_assets.export.split.part",
    "etl_assets.extract.cells",
    "etl_assets.extract.kernel",
    "etl_assets.extract.wire",
    "etl_assets.source.mysql.driver",
    "sqlalchemy.dialects.mysql.pymysql",
]
"""What it imports where it is for the parts of one shard table alone: nothing of Dagster."""


_JOB_VARIABLE = "_ETL_ASSETS_JOB"
"""Names the job whose code location the fork server loads: other means to tell it are none."""
_LONGEST_VARIABLE = 100_000
"""Linux takes 128 KiB."""


def preload_job(job: Mapping[str, object]) -> None:
    """Let the fork server of this process load a job; call it before its first step.

    Arguments:
        job: what Dagster makes of a reconstructable job.
    """
    packed = base64.b64encode(zlib.compress(json.dumps(job).encode())).decode()
    if len(packed) <= _LONGEST_VARIABLE:
        os.environ[_JOB_VARIABLE] = f"{os.getpid()} {packed}"


def job_to_preload() -> dict[str, Any] | None:
    """The job that the process which started this fork server wants to be loaded."""
    asking, _, packed = os.environ.get(_JOB_VARIABLE, "").partition(" ")
    # Whatever else that process starts has it in its environment too, with steps of its own.
    if asking != str(os.getppid()):
        return None
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(packed)))
    return found


def start_fork_server() -> None:
    """Make a fork of this process its fork server; call it before there is any thread.

    Where this Python's fork server is not known to work so, its own way stays.
    """
    if not knows_server():
        return
    with socket.socket(socket.AF_UNIX) as listener:
        address = new_address()
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
    use_server(address, alive_write, pid)


def _serve(listener: socket.socket, alive_read: int, alive_write: int) -> None:
    """Be the fork server; it ends with the last process that has `alive_write` open."""
    code = 1
    try:
        os.close(alive_write)
        serve(listener.detach(), alive_read, STEPS)
    except SystemExit:
        code = 0
    finally:
        os._exit(code)


def context_of_parts() -> Any:
    """Where the processes of parts come from: the fork server that this one comes from, if it does.

    It has imported all that is needed, and has no connection open.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    return context_of_server(PARTS)
