"""Every kind of database: a new one is named here, and in `BackendName` of `config.sql_text`."""

from collections.abc import Mapping

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.config.sql_text import BackendName
from etl_assets.source.backend import Backend
from etl_assets.source.mysql.backend import MySql
from etl_assets.source.sqlite import Sqlite

BACKENDS: Mapping[BackendName, Backend] = {"mysql": MySql(), "sqlite": Sqlite()}
"""By SQLAlchemy's names for them."""

_BY_DIALECT: Mapping[str, Backend] = {str(name): backend for name, backend in BACKENDS.items()}
_BY_DRIVER = {backend.driver: backend for backend in BACKENDS.values()}


def backend_of(connection: Connection) -> Backend:
    """The kind of database that a connection leads to."""
    return _BY_DIALECT[connection.dialect.name]


def backend_that_raised(error: DBAPIError) -> Backend:
    """The kind of database whose driver an error is from."""
    package = type(error.orig).__module__.partition(".")[0]
    # One that SQLAlchemy raised for itself has no number, and means nothing to any of them.
    return _BY_DRIVER.get(package, BACKENDS["mysql"])
