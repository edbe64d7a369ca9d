"""PyMySQL's connection, without what it does for nothing."""

import ssl
from typing import Any

from pymysql.connections import Connection


class DriverConnection(Connection):
    """Encrypts as PyMySQL does, and loads certificates only to verify with them.

    Without TLS settings PyMySQL encrypts where the server offers it and verifies nothing, yet it
    loads the system's certificates for that: 30 ms for each connection, more than a small shard
    table takes.
    """

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        if sslp:
            context: ssl.SSLContext = super()._create_ssl_ctx(sslp)  # type: ignore[misc]
            return context
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
