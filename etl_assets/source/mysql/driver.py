"""PyMySQL's connection, without what it does for nothing."""

import ssl
from typing import Any

from pymysql.connections import Connection


class DriverConnection(Connection):
    """Encrypts as PyMySQL does, and loads certificates only to verify with them.

    Without TLS settings PyMySQL encrypts where the server offers it and verifies nothing, yet it
    loads the system's certificates for that: 30 ms for each connection, more than a small shard
    table takes.

    `connect_timeout` counts until the server has let the account in. PyMySQL has it count until
    the socket is open, which a stalled proxy or a server that is stopped opens at once, and then
    waits for as long as a query may take.
    """

    _read_timeout: Any

    def connect(self, sock: Any = None) -> None:
        """Connect and log in."""
        usual = self._read_timeout
        self._read_timeout = self.connect_timeout
        try:
            super().connect(sock)
        finally:
            self._read_timeout = usual

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        if sslp:
            context: ssl.SSLContext = super()._create_ssl_ctx(sslp)  # type: ignore[misc]
            # Without a CA of one's own PyMySQL verifies against the system's and forgets the name.
            if sslp.get("check_hostname"):
                context.check_hostname = True
            return context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
