"""What a table looks like is asked for once where another one is defined in the same words."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etl_assets.source.engines import Engines
from etl_assets.source.mysql.definition import definition_of
from etl_assets.source.mysql.failures import error_number
from etl_assets.source.mysql.session import pin_session
from etl_assets.source.snapshot import open_snapshot
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import HOST
from etl_assets_tests.support.servers import Server

FIRST = (
    "(`id` int PRIMARY KEY AUTO_INCREMENT, `na``me` varchar(9) COMMENT 'it''s; AUTO_INCREMENT=1',"
    " `at` datetime, KEY (`at`)) ENGINE=InnoDB AUTO_INCREMENT=5"
)


@pytest.fixture
def connection(engines: Engines, database: str) -> Iterator[Connection]:
    """A session that has looked at one table, `t``0`."""
    with engines.get(HOST, database).connect() as made:
        pin_session(made)
        yield made


def shard(database: str, name: str) -> Shard:
    """A shard table of the test's database."""
    return Shard("orders", HOST, database, name)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("AUTO_INCREMENT=5", "AUTO_INCREMENT=77"),
        ("AUTO_INCREMENT=1'", "AUTO_INCREMENT=2'"),
        ("varchar(9)", "varchar(10)"),
        ("varchar(9)", "varchar(9) NOT NULL"),
        ("varchar(9)", "varchar(9) COLLATE utf8mb4_bin"),
        ("`na``me`", "`na``m`"),
        ("KEY (`at`)", "KEY (`na``me`, `at`)"),
        ("InnoDB", "MyISAM"),
    ],
)
def test_a_table_looks_as_it_does_to_one_who_has_seen_no_other(
    server: Server, engines: Engines, database: str, connection: Connection, here: str, there: str
) -> None:
    server.execute(
        f"CREATE TABLE {database}.`t``0` {FIRST}",
        f"CREATE TABLE {database}.`t``1` {FIRST.replace(here, there)}",
    )
    definition_of(connection, shard(database, "t`0"))
    found = definition_of(connection, shard(database, "t`1"))
    with engines.get(HOST, database).connect() as other:
        pin_session(other)
        # As text: columns that are equal may differ in comments and collations.
        assert repr(found) == repr(definition_of(other, shard(database, "t`1")))
    assert found.is_seen_whole
    assert found.engine == ("MyISAM" if there == "MyISAM" else "InnoDB")
    assert "id" in found.indexed


def test_what_was_seen_of_a_table_says_nothing_of_one_that_is_seen_in_part(
    server: Server, engines: Engines, database: str
) -> None:
    reader = f"'{server.reader}'@'%'"
    server.execute(
        *(f"CREATE TABLE {database}.{name} {FIRST}" for name in ("whole", "part")),
        f"GRANT SELECT ON {database}.whole TO {reader}",
        f"GRANT SELECT (id) ON {database}.part TO {reader}",
        f"REVOKE SELECT ON *.* FROM {reader}",
    )
    try:
        with engines.get(HOST, database).connect() as connection:
            pin_session(connection)
            assert len(definition_of(connection, shard(database, "whole")).columns) == 3
            found = definition_of(connection, shard(database, "part"))
    finally:
        server.execute(f"GRANT SELECT ON *.* TO {reader}")
    assert [column.name for column in found.columns] == ["id"]
    assert not found.is_seen_whole


def test_a_table_that_is_altered_after_it_was_looked_at_cannot_be_read_any_more(
    server: Server, engines: Engines, database: str
) -> None:
    server.execute(*(f"CREATE TABLE {database}.t{i} {FIRST}" for i in range(2)))
    with open_snapshot(engines, shard(database, "t0")):
        # Before the next snapshot: seen in it, though the last table had other columns.
        server.execute(f"ALTER TABLE {database}.t1 ADD gift int")
    with open_snapshot(engines, shard(database, "t1")) as snapshot:
        assert [column.name for column in snapshot.columns][-1] == "gift"
        server.execute(f"ALTER TABLE {database}.t1 ADD later int, ALGORITHM=COPY")
        with pytest.raises(sa.exc.DBAPIError) as caught:
            snapshot.connection.exec_driver_sql(f"SELECT id FROM {database}.t1")
    assert error_number(caught.value) == 1412  # ER_TABLE_DEF_CHANGED


def test_a_view_is_looked_at_itself(server: Server, database: str, connection: Connection) -> None:
    server.execute(
        f"CREATE TABLE {database}.t {FIRST}",
        f"CREATE VIEW {database}.v AS SELECT id FROM {database}.t",
    )
    found = definition_of(connection, shard(database, "v"))
    assert [column.name for column in found.columns] == ["id"]
    assert (found.engine, found.indexed, found.is_seen_whole) == (None, frozenset(), False)
