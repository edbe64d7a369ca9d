"""A shard table in parts: the same file as in one, whatever its key is."""

import re
from typing import Any

import pytest

from etl_assets.csv_format import CsvFormat
from etl_assets.export.split import boundaries
from etl_assets.export.split.boundaries import Cut, ranges_of
from etl_assets.export.split.keys import find_key
from etl_assets.export.split.locking import LockAnswer
from etl_assets.export.split.plan import SplitPlan
from etl_assets.source.key_range import KeyRange
from etl_assets.tables.topology import Shard
from etl_assets_tests.support.exporting import HOST, Exporter, table_config
from etl_assets_tests.support.servers import Server
from etl_assets_tests.support.splitting import KEYS, ROWS, fill


@pytest.fixture
def histograms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boundaries as in large tables."""
    monkeypatch.setattr(boundaries, "WALKED_ROWS", 0)


def both(exporter: Exporter, database: str, **settings: Any) -> tuple[bytes, bytes, Any]:
    """The file in one part and in four, and the manifest of the second."""
    column = settings.pop("column", None)
    found = []
    for split in (1, 4):
        exporter.notes.clear()
        done = exporter.export(database, "t", table_config(column, split=split, **settings))
        found.append((exporter.folder / done.manifest.file).read_bytes())
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
    # No range is cut at a date that no calendar has: there may be fewer.
    fewer = 2 if kind == "invalid dates" else 0
    assert manifest.snapshot.parts == 4 - fewer
    monkeypatch.setattr(boundaries, "WALKED_ROWS", 0)
    estimated = exporter.export(database, "t", table_config(split=3)).manifest
    assert estimated.sha256 == manifest.sha256
    assert estimated.snapshot.parts == 3 or fewer


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


@pytest.mark.parametrize("padding", ["none", "of characters without weight"])
def test_a_key_that_an_index_orders_as_it_is_not_compared_is_not_cut(
    server: Server, database: str, exporter: Exporter, padding: str
) -> None:
    # MySQL's collations have the order of comparisons in InnoDB.
    engine, collation = "MyISAM", "utf8mb4_0900_as_cs"
    if server.is_mariadb:
        engine = "InnoDB"
        collation = "utf8mb4_nopad_bin" if padding == "none" else "utf8mb4_unicode_ci"
    server.execute(
        f"CREATE TABLE {database}.t (v char(4) CHARACTER SET utf8mb4 COLLATE {collation}, "
        f"n int, PRIMARY KEY (v, n)) ENGINE={engine}",
        f"INSERT INTO {database}.t VALUES ('a', 1), ('a\t', 2), ('a\n', 3), ('b', 4), "
        "('b\x01', 5), ('', 6), ('\\0', 13), ('\t', 7), ('a b', 8), "
        "('a\x1fb', 9), ('a-', 10), ('A', 11), ('A\t', 12)",
    )
    whole, split, manifest = both(exporter, database)
    assert split == whole
    assert (manifest.rows, manifest.snapshot.parts) == (13, None)
    assert "unique index of columns NOT NULL that can be cut" in exporter.notes[0]


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("lock", [LockAnswer.HELD, LockAnswer.BUSY])
def test_ranges_that_leave_out_a_row_are_found_and_the_whole_is_exported(
    server: Server,
    database: str,
    exporter: Exporter,
    monkeypatch: pytest.MonkeyPatch,
    count: bool,
    lock: LockAnswer,
) -> None:
    monkeypatch.setattr(SplitPlan, "lock", lambda _: lock)
    fill(server, database, "k int PRIMARY KEY", "i")
    # As an index would give them whose order is not that of comparisons.
    holes = (KeyRange(("k",), high=("500",)), KeyRange(("k",), low=("501",)))
    monkeypatch.setattr("etl_assets.export.split.plan.ranges_of", lambda *_: holes)
    exported = exporter.export(database, "t", table_config(split=2), count=count)
    assert len(exported.rows) == 1000
    assert exported.manifest.snapshot.parts is None
    assert re.search(
        r"t: split: expected 1000 rows .* got 999; it is exported in one part", exporter.notes[-1]
    )


@pytest.mark.parametrize("count", [True, False])
def test_the_source_s_rows_are_the_count_of_the_whole(
    server: Server, database: str, exporter: Exporter, count: bool
) -> None:
    fill(server, database, "k int PRIMARY KEY", "i")
    manifest = exporter.export(database, "t", table_config(split=3), count=count).manifest
    assert (manifest.rows, manifest.source_rows) == (ROWS, ROWS if count else None)


def test_cuts_that_do_not_ascend_by_comparisons_are_not_made(
    server: Server, database: str, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, database, "k int PRIMARY KEY", "i")
    monkeypatch.setattr(boundaries, "_in_order", lambda *_: [("500",), ("700",), ("250",)])
    assert share_of_parts(exporter, server, database) == [ROWS]


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
    read = pandas.read_csv(exporter.folder / done.manifest.file)
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
    [
        "int",
        "gaps",
        "both ends",
        "one heap",
        "composite",
        "hex text",
        "datetime",
        "varbinary",
        "top binary",
        "top decimal",
        "top datetime",
        "valid to",
        "valid to day",
    ],
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
