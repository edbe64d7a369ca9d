"""PyMySQL's connection, without what it does for nothing."""

from pymysql.connections import Connection

from etl_assets.private.pymysql import LoginManners


class DriverConnection(LoginManners, Connection):
    """Encrypts as PyMySQL does, and loads certificates only to verify with them.

    Without TLS settings PyMySQL encrypts where the server offers it and verifies nothing, yet it
    loads the system's certificates for that: 30 ms for each connection, more than a small shard
    table takes.

    `connect_timeout` counts until the server has let the account in. PyMySQL has it count until
    the socket is open, which a stalled proxy or a server that is stopped opens at once, and then
    waits for as long as a query may take.
    """
