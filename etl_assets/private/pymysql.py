"""What is used of PyMySQL beyond its interface: its connection's stream, and how it logs in.

A connection keeps its unread result in `_result`, reads packets from `_rfile` and counts them in
`_next_seq_id`; a result says what is left by `unbuffered_active`. When one of them moves, read
`pymysql/connections.py` again, from `MySQLResult` on: each function says what it is for. The driver
itself is not imported here, as not every export needs it.
"""

import ssl
from collections.abc import Callable
from typing import Any

_MORE_THAN_AHEAD = 1 << 20


def hang_up(driver: Any) -> None:
    """Close the socket of a driver's connection; what it has not read stays unread.

    Moved: see what `Connection.close` does beyond saying good-bye.
    """
    result = driver._result
    if result is not None:
        # Cursor and result would each read on to the end when they are collected.
        result.unbuffered_active = False
        driver._result = None
    driver._force_close()


def take_over(driver: Any) -> bool:
    """Keep the driver from reading an unbuffered result; whether no row of it was read yet.

    Moved: see what `MySQLResult._finish_unbuffered_query` asks, and what counts packets.
    """
    # It would read to the end of a result that it takes for unread.
    driver._result.unbuffered_active = False
    # Packets so far: the query's own, the column count, each column's definition, and EOF.
    expected = (driver._result.field_count + 3) % 256
    return bool(driver._next_seq_id == expected)


def stream_of(driver: Any) -> tuple[Callable[[memoryview], int], int]:
    """How to read what the server sends into a buffer, and the number of the next packet.

    Read are the bytes that there are, at least one; none at the stream's end. Moved: see what
    `Connection._read_packet` reads from.
    """
    reader = driver._rfile
    ahead = None

    def read_into(target: memoryview) -> int:
        nonlocal ahead
        if ahead is None:
            # What the driver has read ahead comes first; its buffer is empty from then on.
            ahead = memoryview(reader.read1(_MORE_THAN_AHEAD))
        if not ahead:
            size: int = reader.raw.readinto(target)
            return size
        taken, ahead = ahead[: len(target)], ahead[len(target) :]
        target[: len(taken)] = taken
        return len(taken)

    return read_into, driver._next_seq_id


def finish(driver: Any, packet: Any) -> bool:
    """Let the driver take the packet after the rows; whether the server has warnings.

    Moved: see what `MySQLResult._read_rowdata_packet_unbuffered` does with it.
    """
    result = driver._result
    result._check_packet_is_eof(packet)
    return bool(result.warning_count)


class LoginManners:
    """How PyMySQL's connection logs in; see `source.mysql.driver` for the reasons.

    Moved: see where `Connection.connect` sets the socket's timeout and makes its TLS context.
    """

    _read_timeout: Any
    connect_timeout: Any

    def connect(self, sock: Any = None) -> None:
        """Connect and log in."""
        usual = self._read_timeout
        self._read_timeout = self.connect_timeout
        driver: Any = super()
        try:
            driver.connect(sock)
        finally:
            self._read_timeout = usual

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        if sslp:
            driver: Any = super()
            context: ssl.SSLContext = driver._create_ssl_ctx(sslp)
            # Without a CA of one's own PyMySQL verifies against the system's and forgets the name.
            if sslp.get("check_hostname"):
                context.check_hostname = True
            return context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
