"""The snapshots of a shard table's parts: of one moment, whoever writes, within the limit."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.engine import Connection

from etl_assets.export.split.locking import LockAnswer
from etl_assets.export.split.plan import SplitPlan
from etl_assets.export.task import Progress
from etl_assets.source.mysql.session import address_of
from etl_assets_tests.support.exporting import DIGITS, Exporter, table_config
from etl_assets_tests.support.servers import Server
from etl_assets_tests.support.splitting import KEYS, ROWS, fill
from etl_assets_tests.support.writing import ACCOUNTS, TOTAL, writing


@pytest.fixture
def locker(server: Server) -> Iterator[None]:
    """The reader may LOCK TABLES."""
    account = f"'{server.reader}'@'%'"
    server.execute(f"GRANT LOCK TABLES ON *.* TO {account}")
    try:
        yield
    finally:
        server.execute(f"REVOKE LOCK TABLES ON *.* FROM {account}")


def accounts(server: Server, database: str) -> None:
    server.execute(
        f"CREATE TABLE {database}.t "
        "(id bigint primary key, money int, pair bigint, pad text) ENGINE=InnoDB",
        f"INSERT INTO {database}.t SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n, 1000, 0, "
        f"REPEAT('\"', 300) FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c, ({DIGITS}) d",
    )


@pytest.mark.usefixtures("locker")
def test_under_the_lock_all_parts_are_one_moment_amid_writes(
    server: Server, database: str, exporter: Exporter
) -> None:
    accounts(server, database)
    with writing(server, f"{database}.t") as done:
        for _ in range(5):
            before = done[0]
            export = exporter.export(database, "t", table_config(split=4))
            assert done[0] > before, "nobody wrote meanwhile"
            assert (export.manifest.snapshot.parts, export.manifest.snapshot.locked) == (4, True)
            assert export.manifest.snapshot.exact
            assert sum(int(money or 0) for money in export.column("money")) == TOTAL
            pairs = Counter(pair for pair in export.column("pair") if pair != "0")
            assert set(pairs.values()) <= {2}, "half a transaction"
            assert export.manifest.source_rows == export.manifest.rows == len(export.rows)
            ids = [int(value or "") for value in export.column("id")]
            assert ids == sorted(set(ids))
            assert ids[ACCOUNTS - 1] == ACCOUNTS - 1
    assert exporter.notes == []


@pytest.mark.usefixtures("locker")
def test_the_lock_and_its_connection_are_gone_before_rows_are_read(
    server: Server, database: str, exporter: Exporter
) -> None:
    fill(server, database, *KEYS["int"])
    connections: list[int] = []

    def write(progress: Progress) -> None:
        if progress.rows and not connections:
            rows = server.execute("SHOW PROCESSLIST")
            connections.append(sum(row[1] == server.reader for row in rows))
            server.execute(
                "SET SESSION lock_wait_timeout = 1", f"INSERT INTO {database}.t (k) VALUES (77777)"
            )

    done = exporter.export(database, "t", table_config(split=3), on_progress=write)
    assert done.manifest.snapshot.locked
    assert done.manifest.rows == ROWS
    assert connections[0] <= 3


def test_without_the_privilege_the_manifest_says_that_it_is_not_one_moment(
    server: Server, database: str, exporter: Exporter
) -> None:
    fill(server, database, *KEYS["int"])
    snapshot = exporter.export(database, "t", table_config(split=3)).manifest.snapshot
    assert (snapshot.parts, snapshot.locked, snapshot.exact) == (3, False, False)
    assert any("the account may not LOCK TABLES" in note for note in exporter.notes)


@pytest.mark.usefixtures("locker")
def test_a_table_that_others_keep_open_is_not_waited_for_without_end(
    server: Server, database: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl_assets.export.split.locking.LOCK_WAIT_SECONDS", 1)
    fill(server, database, *KEYS["int"])
    with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE {database}.t SET x = 'open' LIMIT 1")
        export = exporter.export(database, "t", table_config(split=2))
        connection.rollback()
    assert (export.manifest.snapshot.locked, export.manifest.snapshot.exact) == (False, False)
    assert "open" not in export.column("x")
    assert any("others kept writing" in note for note in exporter.notes)


@pytest.mark.usefixtures("locker")
def test_a_lock_on_another_server_than_the_parts_is_none(
    server: Server, database: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, database, *KEYS["int"])

    def then_another(connection: Connection) -> str:
        found = address_of(connection)
        # As if the next connections led to a replica beside it.
        server.execute("SET GLOBAL server_id = 4711")
        return found

    monkeypatch.setattr("etl_assets.export.split.plan.address_of", then_another)
    with server.changed(server_id=1):
        manifest = exporter.export(database, "t", table_config(split=3)).manifest
    assert (manifest.snapshot.locked, manifest.snapshot.exact) == (False, False)
    assert manifest.source_rows == ROWS
    assert any("leads to several servers" in note for note in exporter.notes)


@pytest.mark.usefixtures("locker")
@pytest.mark.parametrize(("has_spare", "parts"), [(True, 3), (False, 2)])
def test_the_lock_never_takes_one_connection_too_many(
    server: Server,
    database: str,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    has_spare: bool,
    parts: int,
) -> None:
    fill(server, database, *KEYS["int"])
    seen: list[int] = []
    entered: list[bool] = []

    @contextmanager
    def spare() -> Iterator[bool]:
        entered.append(True)
        yield has_spare
        entered.append(False)

    lock = SplitPlan.lock

    def counting(plan: SplitPlan) -> LockAnswer:
        rows = server.execute("SHOW PROCESSLIST")
        seen.append(sum(row[1] == server.reader for row in rows))
        return lock(plan)

    monkeypatch.setattr(SplitPlan, "lock", counting)
    done = exporter.export(database, "t", table_config(split=3), spare=spare)
    assert done.manifest.snapshot.parts == parts
    assert done.manifest.snapshot.exact
    assert seen == [parts + 1]
    assert entered == [True, False]
    assert any("raise `max_connections`" in note for note in exporter.notes) != has_spare
