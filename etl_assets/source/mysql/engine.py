"""An engine for a server: PyMySQL, set to leave every value the server's own text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.pool import QueuePool

from etl_assets.config.driver import FILE_OPTIONS, PATH_OPTIONS
from etl_assets.errors import ConfigError
from etl_assets.source.backend import HostAccess

CONNECT_DEFAULTS: Mapping[str, Any] = {
    "connect_timeout": 10,
    # Silence while a long COUNT or sort runs is normal; silence for ten minutes is not.
    "read_timeout": 600,
    "write_timeout": 60,
}
"""Seconds, unless `connect:` says otherwise."""


def make_engine(host: HostAccess) -> Engine:
    """One engine serves all databases of a server.

    Raises:
        ConfigError: a file that the host's `connect` names is not there.
    """
    # Imported where it is used: a process that reads SQLite alone does without the driver.
    from pymysql.converters import encoders  # noqa: PLC0415

    from etl_assets.source.mysql.driver import DriverConnection  # noqa: PLC0415

    settings, home = host.settings, host.home
    _require_files(host)
    engine = sa.create_engine(
        make_url(settings.url),
        # One shard after another has the same connection; the step's end closes it. Whoever gives
        # it back has ended the transaction.
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=-1,
        pool_reset_on_return=None,
        connect_args={
            **CONNECT_DEFAULTS,
            # PyMySQL takes a CA and verifies nothing with it, unless it is told to.
            **({"ssl_verify_cert": True} if "ssl_ca" in settings.connect else {}),
            **beside(home, settings.connect),
            "charset": "utf8mb4",
            # Without decoders every value stays the server's own text, to the last digit.
            "conv": dict(encoders),
            # It decides padding, quoting and escapes; an empty one is the same everywhere. Set
            # before SQLAlchemy looks: under ANSI_QUOTES it would quote names in another way.
            "sql_mode": "",
        },
    )

    @sa.event.listens_for(engine, "do_connect")
    def connect(
        dialect: object, record: object, arguments: Sequence[Any], options: dict[str, Any]
    ) -> DriverConnection:
        del dialect, record
        # Read now, kept nowhere, and in no URL, which errors and logs may show. As bytes: the
        # driver would encode a text as latin1.
        secret = settings.password.value(home) if settings.password else ""
        password = secret.encode("utf-8", "surrogateescape")
        return DriverConnection(*arguments, **{**options, "password": password})

    return engine


def beside(home: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the driver takes them: absolute paths, and a key as bytes."""
    given = {
        name: str(home / value) if name in PATH_OPTIONS else value
        for name, value in options.items()
    }
    if "server_public_key" in given:
        given["server_public_key"] = given["server_public_key"].encode()
    return given


def _require_files(host: HostAccess) -> None:
    """The driver would only say that some file is missing."""
    for option in FILE_OPTIONS:
        given = host.settings.connect.get(option)
        if given is not None and not (host.home / given).is_file():
            raise ConfigError(
                f"hosts.{host.name}.connect.{option}",
                expected="a file",
                got=f"none at {host.home / given}",
            )
