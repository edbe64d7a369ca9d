"""A snapshot of a shard table: of one moment, read-only, whatever the server's settings are."""

import pytest
import sqlalchemy as sa

from etl_assets.source.engines import Engines
from etl_assets.source.mysql.failures import error_number
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import HOST
from etl_assets_tests.support.servers import Server


def test_a_snapshot_is_one_even_where_the_server_defaults_to_read_committed(
    server: Server, engines: Engines, shard: Shard
) -> None:
    name = "tx_isolation" if server.is_mariadb else "transaction_isolation"
    with (
        server.changed(**{name: "READ-COMMITTED"}),
        open_snapshot(engines, shard) as snapshot,
    ):
        # Written before the first read: without a snapshot the reader would see it.
        server.execute(f"INSERT INTO {shard.database}.t VALUES (3)")
        counted = f"SELECT COUNT(*) FROM {shard.database}.t"
        assert int(snapshot.connection.exec_driver_sql(counted).scalar_one()) == 2
        rows = snapshot.connection.exec_driver_sql(f"SELECT id FROM {shard.database}.t")
        assert [str(row.id) for row in rows] == ["1", "2"]
        assert snapshot.info.exact
        assert snapshot.info.isolation == "REPEATABLE READ"


def test_a_table_without_transactions_is_not_called_exact(
    server: Server, engines: Engines, database: str
) -> None:
    server.execute(f"CREATE TABLE {database}.m (id int) ENGINE=MyISAM")
    with open_snapshot(engines, Shard("orders", HOST, database, "m")) as snapshot:
        assert not snapshot.info.exact


def test_the_session_is_pinned_and_read_only(
    server: Server, engines: Engines, shard: Shard
) -> None:
    table = f"{shard.database}.t"
    with (
        server.changed(sql_mode="PAD_CHAR_TO_FULL_LENGTH", time_zone="+08:00", sql_select_limit=1),
        open_snapshot(engines, shard) as snapshot,
    ):
        values = snapshot.connection.exec_driver_sql(
            "SELECT @@sql_mode, @@time_zone, @@sql_select_limit"
        ).one()
        assert [str(value) for value in values] == ["", "+00:00", str(2**64 - 1)]
        assert len(snapshot.connection.exec_driver_sql(f"SELECT * FROM {table}").all()) == 2
        with pytest.raises(sa.exc.DBAPIError) as caught:
            snapshot.connection.exec_driver_sql(f"DELETE FROM {table}")
    assert error_number(caught.value) in {1142, 1792}


def test_an_account_that_may_write_cannot_by_its_snapshot(
    server: Server, engines: Engines, shard: Shard
) -> None:
    server.execute(f"GRANT DELETE ON {shard.database}.* TO '{server.reader}'@'%'")
    with (
        pytest.raises(sa.exc.DBAPIError) as caught,
        open_snapshot(engines, shard) as snapshot,
    ):
        snapshot.connection.exec_driver_sql(f"DELETE FROM {shard.database}.t")
    assert error_number(caught.value) == 1792  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
    assert server.execute(f"SELECT COUNT(*) FROM {shard.database}.t") == ((2,),)


def test_a_server_that_limits_statements_does_not_end_a_long_one(
    server: Server, engines: Engines, shard: Shard
) -> None:
    # Seconds and milliseconds.
    limit = {"max_statement_time": 0.2} if server.is_mariadb else {"max_execution_time": 200}
    slow = f"SELECT id FROM {shard.database}.t WHERE SLEEP(0.3) = 0"
    with server.changed(**limit), open_snapshot(engines, shard) as snapshot:
        rows = snapshot.connection.exec_driver_sql(slow).scalars()
        assert sorted(map(str, rows)) == ["1", "2"]
