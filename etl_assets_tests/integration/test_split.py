"""A shard table in parts: the same file as in one, whatever its key is and whoever writes to it."""

import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.errors import CountMismatchError, ShardError, StoreError
from etl_assets.key_range import KeyRange
from etl_assets.shard_export import Progress
from etl_assets.source import boundaries
from etl_assets.source.boundaries import Cut, ranges_of
from etl_assets.source.keys import find_key
from etl_assets.source.locking import Lock
from etl_assets.split.plan import SplitPlan
from etl_assets.store.files import LocalFolder, StagedFile
from etl_assets.topology import Shard
from etl_assets_tests.integration.exporting import DIGITS, HOST, Exporter, table_config
from etl_assets_tests.integration.test_snapshots import ACCOUNTS, TOTAL, writing
from etl_assets_tests.servers import Server

ROWS = 1000
_N = f"(SELECT a.n + 10 * b.n + 100 * c.n AS i FROM ({DIGITS}) a, ({DIGITS}) b, ({DIGITS}) c) AS n"
"""ROWS rows with a number each."""

KEYS = {
    "int": ("k int, PRIMARY KEY (k)", "i * 7 - 3000"),
    "unsigned bigint": ("k bigint unsigned, PRIMARY KEY (k)", "18446744073709551615 - i * 3"),
    "both ends": (
        "k bigint, PRIMARY KEY (k)",
        "IF(i % 2, 9223372036854775807 - i, -9223372036854775808 + i)",
    ),
    "gaps": ("k bigint unsigned, PRIMARY KEY (k)", "IF(i < 990, i, 18446744073709551615 - i)"),
    "digits": ("k int, PRIMARY KEY (k)", "i"),
    "zerofill": ("k int(8) unsigned zerofill, PRIMARY KEY (k)", "i"),
    "decimal": ("k decimal(30, 10), PRIMARY KEY (k)", "i / 7 - 12345678901234"),
    "date": ("k date, PRIMARY KEY (k)", "IF(i = 0, '0000-00-00', '2026-11-02' - INTERVAL i DAY)"),
    "datetime": ("k datetime(6), PRIMARY KEY (k)", "'1999-01-01' + INTERVAL i * 1001 MICROSECOND"),
    "timestamp": ("k timestamp(3), PRIMARY KEY (k)", "'2020-01-01' + INTERVAL i MINUTE"),
    "time": ("k time(2), PRIMARY KEY (k)", "SEC_TO_TIME(i * 100.25 - 50000)"),
    "hex text": ("k char(32) CHARACTER SET ascii, PRIMARY KEY (k)", "LEFT(SHA2(i, 256), 32)"),
    "case-insensitive": (
        "k varchar(40) COLLATE utf8mb4_general_ci, PRIMARY KEY (k)",
        "CONCAT(IF(i % 2, 'user_', 'USER-'), i, IF(i % 3, '''\"\\\\%:x ', ' ä汉😀'), i)",
    ),
    "unicode": (
        "k varchar(40) COLLATE utf8mb4_unicode_ci, PRIMARY KEY (k)",
        "CONCAT(CHAR(945 + i % 20 USING ucs2), i)",
    ),
    "bin": (
        "k varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, PRIMARY KEY (k)",
        "CONCAT(IF(i % 2, 'a', 'A'), LPAD(i, i % 9 + 3, '_'))",
    ),
    "latin1": (
        "k varchar(40) CHARACTER SET latin1, PRIMARY KEY (k)",
        "CONCAT(CHAR(0xe4 + i % 20 USING latin1), i)",
    ),
    "gbk": ("k varchar(40) CHARACTER SET gbk, PRIMARY KEY (k)", "CONCAT(i % 7, '汉字\\\\', i)"),
    "utf16": ("k varchar(40) CHARACTER SET utf16, PRIMARY KEY (k)", "CONCAT('x', i)"),
    "varbinary": (
        "k varbinary(20), PRIMARY KEY (k)",
        "CONCAT(CHAR(0, i % 256, 39), UNHEX(LEFT(SHA2(i, 256), 32)))",
    ),
    "binary": ("k binary(16), PRIMARY KEY (k)", "UNHEX(LEFT(SHA2(i, 256), 32))"),
    "composite": (
        "t int, s varchar(10), k bigint, PRIMARY KEY (t, s, k)",
        "i % 3, ELT(i % 4 + 1, 'A', 'b', 'C', 'ä'), i * 5",
    ),
    "one heap": ("t int, k int, PRIMARY KEY (t, k)", "IF(i < 950, 1, i), i"),
    "behind an enum": (
        "t int, s enum('z', 'a') NOT NULL, k int NOT NULL, PRIMARY KEY (t, s, k)",
        "i DIV 100, i % 2 + 1, i",
    ),
    "unique": (
        "e int, u int NOT NULL, k int NOT NULL, UNIQUE (e), UNIQUE (u, k)",
        "IF(i % 2, i, NULL), i % 10, i",
    ),
}


@pytest.fixture
def histograms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boundaries as in large tables."""
    monkeypatch.setattr(boundaries, "WALKED_ROWS", 0)


@pytest.fixture
def locker(server: Server) -> Iterator[None]:
    """The reader may LOCK TABLES."""
    account = f"'{server.reader}'@'%'"
    server.execute(f"GRANT LOCK TABLES ON *.* TO {account}")
    try:
        yield
    finally:
        server.execute(f"REVOKE LOCK TABLES ON *.* FROM {account}")


def fill(server: Server, database: str, definition: str, values: str) -> None:
    """A table `t` of ROWS rows with NULLs and quotes behind its key."""
    server.execute(
        "SET SESSION sql_mode = ''",
        f"CREATE TABLE {database}.t ({definition}, x varchar(20)) ENGINE=InnoDB",
        f"INSERT INTO {database}.t SELECT {values}, IF(i % 3, CONCAT('\"', i), NULL) FROM {_N}",
        f"ANALYZE TABLE {database}.t",
    )


def both(exporter: Exporter, database: str, **settings: Any) -> tuple[bytes, bytes, Any]:
    """The file in one part and in four, and the manifest of the second."""
    column = settings.pop("column", None)
    found = []
    for split in (1, 4):
        exporter.notes.clear()
        done = exporter.export(database, "t", table_config(column, split=split, **settings))
        found.append((exporter.folder / done.manifest.files[0].file).read_bytes())
        assert done.manifest.rows == done.manifest.source_rows == len(done.rows)
    return found[0], found[1], done.manifest


@pytest.mark.parametrize("kind", KEYS)
def test_the_file_is_the_unsplit_one_to_the_byte(
    server: Server,
    database: str,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    fill(server, database, *KEYS[kind])
    whole, split, manifest = both(exporter, database)
    assert split == whole
    assert manifest.rows == ROWS
    assert manifest.snapshot.parts == 4
    monkeypatch.setattr(boundaries, "WALKED_ROWS", 0)
    estimated = exporter.export(database, "t", table_config(split=3)).manifest
    assert (estimated.sha256, estimated.snapshot.parts) == (manifest.sha256, 3)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_fewer_rows_than_parts(
    server: Server, database: str, exporter: Exporter, count: int
) -> None:
    fill(server, database, "k int PRIMARY KEY", "i")
    server.execute(f"DELETE FROM {database}.t WHERE k >= {count}")
    whole, split, manifest = both(exporter, database)
    assert split == whole
    assert manifest.rows == count
    assert manifest.snapshot.parts == (count if count > 1 else None)


@pytest.mark.parametrize(
    "definition",
    [
        "k int",
        "k int, UNIQUE (k)",
        "k int NOT NULL, INDEX (k)",
        "k float PRIMARY KEY",
        "k varchar(20) NOT NULL, UNIQUE (k(5))",
    ],
)
def test_without_a_usable_key_it_is_one_part_and_the_log_says_why(
    server: Server, database: str, exporter: Exporter, definition: str
) -> None:
    fill(server, database, definition, "i")
    whole, split, manifest = both(exporter, database)
    assert split == whole
    assert manifest.snapshot.parts is None
    assert "it has no primary key and no unique index" in exporter.notes[0]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compressed_parts_are_one_file_to_every_reader(
    server: Server, database: str, exporter: Exporter, compression: Any
) -> None:
    pandas = pytest.importorskip("pandas")
    fill(server, database, *KEYS["int"])
    rows = exporter.export(database, "t").rows
    exporter.csv = CsvFormat(null="NULL", compression=compression)
    done = exporter.export(database, "t", table_config(split=4))
    assert done.rows == rows
    read = pandas.read_csv(exporter.folder / done.manifest.files[0].file)
    assert list(read["k"]) == [int(row[0] or "") for row in rows]


@pytest.mark.parametrize("index", ["", ", INDEX (created_at)"])
@pytest.mark.usefixtures("histograms")
def test_a_window_with_a_condition(
    server: Server, database: str, exporter: Exporter, index: str
) -> None:
    definition = f"k int PRIMARY KEY, created_at datetime{index}"
    moment = "NULLIF('2026-11-01 18:00' + INTERVAL i MINUTE, '2026-11-01 18:07')"
    fill(server, database, definition, f"i * 7919 % {ROWS}, {moment}")
    settings = table_config("created_at", split=1, where="k % 2 = 0 -- even")
    whole = exporter.export(database, "t", settings)
    settings = table_config("created_at", split=4, where="k % 2 = 0 -- even")
    split = exporter.export(database, "t", settings)
    assert split.manifest.snapshot.parts == 4
    assert split.rows == sorted(whole.rows, key=lambda row: int(row[0] or ""))
    assert split.manifest.source_rows == len(whole.rows) == 320
    assert split.manifest.query == whole.manifest.query


def share_of_parts(exporter: Exporter, server: Server, database: str) -> list[int]:
    """How many rows each of four ranges holds."""
    engines = exporter.engines()
    key_of = Shard("orders", HOST, database, "t")
    with engines.get(HOST, "").connect() as connection:
        key = find_key(connection, key_of)
        assert key is not None
        ranges = ranges_of(connection, Cut(key), 4)
        dialect = connection.dialect
    engines.dispose()

    def rows(part: KeyRange) -> int:
        conditions = [str(c.compile(dialect=dialect)) for c in part.conditions] or ["true"]
        where = " AND ".join(f"({text})" for text in conditions).replace("%%", "%")
        return int(server.execute(f"SELECT COUNT(*) FROM {database}.t WHERE {where}")[0][0])

    return [rows(part) for part in ranges]


@pytest.mark.parametrize(
    "kind",
    ["int", "gaps", "both ends", "one heap", "composite", "hex text", "datetime", "varbinary"],
)
@pytest.mark.usefixtures("histograms")
def test_gaps_and_heaps_are_cut_into_about_equal_parts(
    server: Server, database: str, exporter: Exporter, kind: str
) -> None:
    fill(server, database, *KEYS[kind])
    parts = share_of_parts(exporter, server, database)
    assert sum(parts) == ROWS
    assert len(parts) == 4
    assert max(parts) <= 0.35 * ROWS, parts


# Kept parts


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_kept_parts_are_files_that_hold_the_unsplit_one_s_records_in_order(
    server: Server, database: str, exporter: Exporter, compression: Any
) -> None:
    fill(server, database, *KEYS["case-insensitive"])
    exporter.csv = CsvFormat(null="NULL", compression=compression)
    whole = exporter.export(database, "t")
    settings = table_config(split=4, keep_parts=True)
    manifest = (kept := exporter.export(database, "t", settings)).manifest
    assert (kept.names, kept.rows) == (whole.names, whole.rows)
    assert (manifest.file, manifest.sha256) == (None, None)
    assert manifest.rows == manifest.source_rows == ROWS
    suffix = {"none": "", "gzip": ".gz", "zstd": ".zst"}[compression]
    stem = f"{HOST}.{database}.t"
    assert [record.file for record in manifest.files] == [
        f"{stem}.part-{number}.csv{suffix}" for number in (1, 2, 3, 4)
    ]
    for record in manifest.files:
        stored = (exporter.folder / record.file).read_bytes()
        assert (record.bytes, record.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())


def test_kept_parts_of_a_table_that_is_read_in_one_are_its_one_file(
    server: Server, database: str, exporter: Exporter
) -> None:
    fill(server, database, "k int", "i")
    manifest = exporter.export(database, "t", table_config(split=4, keep_parts=True)).manifest
    assert (manifest.file, manifest.parts) == (f"{HOST}.{database}.t.csv", None)


@pytest.mark.parametrize("failing", ["stage", "fsync"])
def test_kept_parts_that_cannot_be_written_leave_nothing_half_written(
    server: Server,
    database: str,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    fill(server, database, *KEYS["int"])
    settings = table_config(split=3, keep_parts=True)
    if failing == "stage":
        stage = LocalFolder.stage

        def full(folder: LocalFolder, name: str) -> StagedFile:
            if "part-3" in name:
                raise StoreError(f"{name}: No space left on device")
            return stage(folder, name)

        monkeypatch.setattr(LocalFolder, "stage", full)
        with pytest.raises(ShardError, match=rf"^{HOST}\.{database}\.t: .*No space left"):
            exporter.stage(database, "t", settings)
    else:
        with exporter.stage(database, "t", settings) as staged:
            staged.files[0].commit()
    names = exporter.files()
    assert names == ([] if failing == "stage" else [f"{HOST}.{database}.t.part-1.csv"])


# One moment


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
    monkeypatch.setattr("etl_assets.source.locking.LOCK_WAIT_SECONDS", 1)
    fill(server, database, *KEYS["int"])
    with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute(f"UPDATE {database}.t SET x = 'open' LIMIT 1")
        export = exporter.export(database, "t", table_config(split=2))
        connection.rollback()
    assert (export.manifest.snapshot.locked, export.manifest.snapshot.exact) == (False, False)
    assert "open" not in export.column("x")
    assert any("others kept writing" in note for note in exporter.notes)


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

    def counting(plan: SplitPlan) -> Lock:
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


# What goes wrong


def slow(server: Server, database: str) -> None:
    """A table whose rows take a moment each."""
    fill(server, database, *KEYS["int"])
    server.execute(
        f"ALTER TABLE {database}.t ADD pad mediumtext",
        f"UPDATE {database}.t SET pad = REPEAT('x', 10000)",
    )


SLOW = "SLEEP(0.002) = 0"


def wait_until_idle(server: Server) -> None:
    until = time.monotonic() + 5
    while server.running("SLEEP(0.002)"):
        assert time.monotonic() < until, "a query goes on"
        time.sleep(0.05)


@contextmanager
def once_streaming(act: Callable[[], object]) -> Iterator[Callable[[Progress], None]]:
    """Do something once rows come; gives what to tell of progress."""
    streaming = threading.Event()

    def run() -> None:
        assert streaming.wait(30)
        act()

    thread = threading.Thread(target=run)
    thread.start()

    def note(progress: Progress) -> None:
        if progress.rows:
            streaming.set()

    try:
        yield note
    finally:
        streaming.set()
        thread.join()


def test_a_part_whose_connection_is_killed_makes_all_parts_begin_again(
    server: Server, database: str, exporter: Exporter
) -> None:
    slow(server, database)
    whole = exporter.export(database, "t").rows

    def kill_one() -> None:
        server.execute(f"KILL {max(server.running('SLEEP(0.002)'))}")

    with once_streaming(kill_one) as note:
        settings = table_config(split=3, where=SLOW)
        export = exporter.export(database, "t", settings, retries=2, count=False, on_progress=note)
    assert export.rows == whole
    assert len(exporter.retries) == 1
    assert f"{HOST}.{database}.t: error " in exporter.retries[0]
    assert multiprocessing.active_children() == []


def test_a_part_that_is_killed_is_told_and_leaves_nothing(
    server: Server, database: str, exporter: Exporter
) -> None:
    slow(server, database)

    def kill_one() -> None:
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)

    settings = table_config(split=3, where=SLOW)
    told = r"the process of part [23] of 3 ended: .*signal 9"
    with once_streaming(kill_one) as note, pytest.raises(ShardError, match=told):
        exporter.export(database, "t", settings, retries=2, count=False, on_progress=note)
    assert exporter.files() == []
    assert multiprocessing.active_children() == []
    wait_until_idle(server)


def test_an_error_of_one_part_has_the_shard_s_name_and_the_server_s_number(
    server: Server, database: str, exporter: Exporter
) -> None:
    fill(server, database, *KEYS["int"])
    # Of the rows of the last part alone; an error, as a subquery gives more than one row.
    where = "IF(k > 3900, (SELECT 1 UNION SELECT 2), 1) = 1"
    with pytest.raises(ShardError, match=rf"^{HOST}\.{database}\.t: error 1242: "):
        exporter.export(database, "t", table_config(split=4, where=where), retries=3)
    assert exporter.files() == []
    assert exporter.retries == []


@pytest.mark.parametrize("count", [True, False])
def test_an_interrupt_ends_all_parts_and_their_queries(
    server: Server, database: str, exporter: Exporter, count: bool
) -> None:
    slow(server, database)

    def interrupt(progress: Progress) -> None:
        del progress
        if len(server.running("SLEEP(0.002)")) == 3 or count:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        exporter.export(
            database, "t", table_config(split=3, where=SLOW), count=count, on_progress=interrupt
        )
    assert time.monotonic() - began < 10
    assert exporter.files() == []
    assert multiprocessing.active_children() == []
    wait_until_idle(server)


def test_a_wrong_count_of_a_part_leaves_no_file(
    server: Server, database: str, exporter: Exporter
) -> None:
    fill(server, database, *KEYS["int"])
    server.execute(f"ALTER TABLE {database}.t ENGINE=MyISAM")
    # Without transactions each statement sees other rows.
    with pytest.raises(CountMismatchError):
        exporter.export(database, "t", table_config(split=2, where="RAND() < 0.5"))
    assert exporter.files() == []


def test_a_daemonic_process_is_told_that_it_cannot(
    server: Server, database: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, database, *KEYS["int"])
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    with pytest.raises(ShardError, match="found one in a daemonic process"):
        exporter.export(database, "t", table_config(split=2))


def test_a_trial_is_not_split(server: Server, database: str, exporter: Exporter) -> None:
    fill(server, database, *KEYS["int"])
    manifest = exporter.export(database, "t", table_config(split=4), limit=7).manifest
    assert (manifest.rows, manifest.snapshot.parts) == (7, None)
