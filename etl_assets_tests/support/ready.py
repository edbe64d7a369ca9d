"""A process that has imported what commands import, and forks for each of them.

An interpreter that imports Dagster takes a second, a fork of one that has done so nothing. What
is forked runs the console script itself, in a session of its own, as if it had just been started.
"""

import atexit
import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_REQUEST_BYTES = 1 << 20


def run_forked(
    folder: Path, command: Sequence[str], env: Mapping[str, str], seconds: float
) -> tuple[int, str, str]:
    """Run a Python script in a folder to its end; gives its exit code, stdout and stderr.

    Raises:
        TimeoutError: it has not ended in time; it is killed.
    """
    asked = _ready()
    request = json.dumps([str(folder), command, dict(env)]).encode()
    pipes = [os.pipe() for _ in range(3)]
    socket.send_fds(asked, [request], [writing for _, writing in pipes])
    for _, writing in pipes:
        os.close(writing)
    out, err, end = (reading for reading, _ in pipes)
    said = {descriptor: bytearray() for descriptor in (out, err, end)}
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as waiting:
        for descriptor in said:
            waiting.register(descriptor, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0, until - time.monotonic()))
            if not ready:
                os.killpg(int(said[end].split()[0]), signal.SIGKILL)
                raise TimeoutError(f"{command} has not ended: {said[out]!r} {said[err]!r}")
            for key, _ in ready:
                block = os.read(key.fd, 1 << 16)
                said[key.fd] += block
                if not block:
                    waiting.unregister(key.fd)
                    os.close(key.fd)
    return int(said[end].split()[1]), _text(said[out]), _text(said[err])


def _text(said: bytearray) -> str:
    """As subprocess gives it: with the same line ends everywhere."""
    return io.TextIOWrapper(io.BytesIO(said), encoding="utf-8").read()


@functools.cache
def _ready() -> socket.socket:
    """The way to this process's one, which ends when nobody holds the other end any more."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, __file__, str(its.fileno())],
            # Where no configuration is that could be imported.
            cwd="/",
            stdin=subprocess.DEVNULL,
            pass_fds=[its.fileno()],
        )

    def close() -> None:
        mine.close()
        process.wait()

    atexit.register(close)
    return mine


def _serve(asked: socket.socket) -> None:
    """Fork for each request; returns in the process that is to be the command."""
    # It would be imported here, for commands that are of other configurations.
    os.environ.pop("ETL_ASSETS_CONFIG", None)
    importlib.import_module("etl_assets.fork_server.preload")
    commands = importlib.import_module("etl_assets.cli")
    for module in pkgutil.iter_modules(commands.__path__, "etl_assets.cli."):
        importlib.import_module(module.name)
    gc.freeze()
    while True:
        request, descriptors, _, _ = socket.recv_fds(asked, _REQUEST_BYTES, 3)
        if not request:
            sys.exit()
        if not os.fork():
            break
        for descriptor in descriptors:
            os.close(descriptor)
        # Those of before; this one at the next request.
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    asked.close()
    out, err, end = descriptors
    command = os.fork()
    if command:
        os.close(out)
        os.close(err)
        os.write(end, f"{command} ".encode())
        _, status = os.waitpid(command, 0)
        os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(end)
    os.setsid()
    for descriptor, place in ((out, 1), (err, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    folder, sys.argv, env = json.loads(request)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.path[0] = str(Path(sys.argv[0]).parent)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_path(sys.argv[0], run_name="__main__")
