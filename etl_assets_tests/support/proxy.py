"""A TCP proxy that breaks what passes through it, at a chosen byte of what the server sends."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

_PIECE = 1 << 14

Kind = Literal["cut", "reset", "stall"]


@dataclass
class Proxy:
    """A running proxy; change its faults at any time, they count for connections to come.

    Attributes:
        port: where it listens on loopback.
        faults: for each connection in turn, what happens at which byte; none for a healthy one.
        bytes_per_second: how fast it passes on what the server sends; None for as fast as it can.
        connections: how many were made.
    """

    port: int
    faults: list[tuple[Kind, int] | None] = field(default_factory=list)
    every: tuple[Kind, int] | None = None
    bytes_per_second: float | None = None
    connections: int = 0

    def next_fault(self) -> tuple[Kind, int] | None:
        """What is to happen to the next connection."""
        self.connections += 1
        return self.faults.pop(0) if self.faults else self.every


@contextmanager
def proxy_to(host: str, port: int) -> Iterator[Proxy]:
    """A proxy to a server; all its connections are closed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(listener.getsockname()[1])
        ended = threading.Event()
        open_sockets: list[socket.socket] = []
        threading.Thread(
            target=_accept, args=(listener, (host, port), proxy, open_sockets, ended), daemon=True
        ).start()
        try:
            yield proxy
        finally:
            ended.set()
            # Closing alone does not wake a thread that waits in accept.
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", proxy.port), 1).close()
            for opened in open_sockets:
                _end(opened)


def _accept(
    listener: socket.socket,
    target: tuple[str, int],
    proxy: Proxy,
    open_sockets: list[socket.socket],
    ended: threading.Event,
) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        if ended.is_set():
            client.close()
            return
        try:
            server = socket.create_connection(target)
        except OSError:
            # A server that is away: its clients learn it as they would without a proxy.
            client.close()
            continue
        open_sockets += [client, server]
        fault = proxy.next_fault()
        for work in (
            (_pass_on, (client, server)),
            (_pass_back, (server, client, proxy, fault, ended)),
        ):
            threading.Thread(target=work[0], args=work[1], daemon=True).start()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with suppress(OSError):
        while data := client.recv(_PIECE):
            server.sendall(data)
    _end(server)


def _pass_back(
    server: socket.socket,
    client: socket.socket,
    proxy: Proxy,
    fault: tuple[Kind, int] | None,
    ended: threading.Event,
) -> None:
    kind, left = fault or ("", 1 << 62)
    with suppress(OSError):
        while left and (data := server.recv(min(_PIECE, left))):
            client.sendall(data)
            left -= len(data)
            if proxy.bytes_per_second:
                time.sleep(len(data) / proxy.bytes_per_second)
    if not left and kind == "stall":
        ended.wait()
    if not left and kind == "reset":
        # Zero seconds of lingering: the peer gets a reset instead of an end. The thread that reads
        # from it has to be woken first, as it keeps the socket open.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            client.shutdown(socket.SHUT_RD)
        client.close()
    else:
        _end(client)
    _end(server)


def _end(opened: socket.socket) -> None:
    """Wake whoever waits for it, and close it."""
    with suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)
    opened.close()
