"""What errors mean is for the database to say whose driver has raised them."""

import pymysql
import sqlalchemy as sa

from etl_assets.source.failures import is_transient, shard_error
from etl_assets.tables.topology import Shard

SHARD = Shard("orders", "shop-a", "shop", "t")


def raised(error: pymysql.Error) -> sa.exc.DBAPIError:
    """An error of MySQL's driver, as SQLAlchemy raises it."""
    return sa.exc.DBAPIError("SELECT 1", {}, error)


def test_words_of_sqlite_mean_nothing_in_an_error_of_mysql_without_a_number() -> None:
    error = raised(pymysql.InternalError("Packet with a syntax error"))
    told = str(shard_error(SHARD, error, where="id = 1"))
    assert told == (
        "shop-a.shop.t: Packet with a syntax error; "
        "see the server's own log and export with --resume"
    )


def test_a_number_of_mysql_tells_whether_to_try_again_and_what_to_do() -> None:
    lost = raised(pymysql.OperationalError(2013, "Lost connection (timed out)"))
    assert is_transient(lost)
    assert "raise them, and export with --resume" in str(shard_error(SHARD, lost))
    denied = raised(pymysql.OperationalError(1045, "Access denied"))
    assert not is_transient(denied)
    assert str(shard_error(SHARD, denied)) == (
        "shop-a.shop.t: error 1045: Access denied; "
        "check the account and the password variable of the host"
    )
