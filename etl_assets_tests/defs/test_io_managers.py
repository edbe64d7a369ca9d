"""What a downstream asset gets: pandas frames that lost nothing."""

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from etl_assets.errors import UsageError
from etl_assets.store.manifest import TABLE_MANIFEST
from etl_assets_tests.support.in_process import failures, location, shard
from etl_assets_tests.support.shop import CONFIG, DAY, DAYS, SHARDS, Shop, small_shop

ORDERS = dg.AssetKey(["orders"])
DAILY = dg.DailyPartitionsDefinition(start_date=DAYS[0])


class Reader:
    """A user's asset that keeps the frame it was given."""

    def __init__(self, key: dg.AssetKey, mapping: dg.PartitionMapping | None = None) -> None:
        self.frames: list[pd.DataFrame] = []

        @dg.asset(
            key="reader",
            ins={"frame": dg.AssetIn(key=key, partition_mapping=mapping)},
            partitions_def=DAILY,
        )
        def reader(frame: pd.DataFrame) -> None:
            self.frames.append(frame)

        self.asset = reader

    @property
    def frame(self) -> pd.DataFrame:
        """The frame of the only run."""
        (frame,) = self.frames
        return frame


def read(
    folder: Path, key: dg.AssetKey, config: str = CONFIG, days: tuple[str, ...] = (DAY,), **of: Any
) -> pd.DataFrame:
    """Export the days of a small shop and load an asset of them downstream."""
    reader = Reader(key, **of)
    with location(small_shop(folder, config), reader.asset) as made:
        for day in days:
            assert made.export(day).success
        result = made.export(DAY, job="__ASSET_JOB", assets=[dg.AssetKey(["reader"])])
        assert result.success, failures(result)
    return reader.frame


def test_a_shard_loads_without_losing_a_digit_a_zero_or_a_null(tmp_path: Path) -> None:
    frame = read(tmp_path, shard(*SHARDS[0]))
    assert list(frame.columns) == ["id", "code", "price", "note", "photo", "created_at"]
    assert str(frame["id"].dtype) == "Int64"
    assert frame["id"].tolist() == [9_007_199_254_740_995, 9_007_199_254_740_996]
    assert frame["code"].tolist() == ["000", ""]
    assert frame["price"].tolist() == ["12345678901234567890.12", "-1.00"]
    assert frame["note"][0] == 'say "hi", then\nleave'
    assert pd.isna(frame["note"][1])
    assert frame["photo"].tolist() == [b"", b"\x22"]
    assert frame["created_at"].tolist() == [f"{DAY} 02:30:00", f"{DAY} 03:30:00"]


def test_typed_columns_become_numbers_that_hold_every_value(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    shop.run(
        "shop_00",
        "DROP TABLE orders_00",
        "CREATE TABLE orders_00 (id INTEGER, price DECIMAL(10,2), big BIGINT UNSIGNED,"
        " ratio DOUBLE, created_at DATETIME)",
        f"INSERT INTO orders_00 VALUES (1, 2.5, 9223372036854775807, 0.1, '{DAY} 00:00:00'),"
        f" (NULL, NULL, NULL, NULL, '{DAY} 00:00:00')",
    )
    reader = Reader(shard(*SHARDS[0]))
    tables: list[pa.Table] = []

    @dg.asset(ins={"table": dg.AssetIn(key=shard(*SHARDS[0]))}, partitions_def=DAILY)
    def as_table(table: pa.Table) -> None:
        tables.append(table)

    with location(shop, reader.asset, as_table) as made:
        assert made.export(job="__ASSET_JOB", assets=[shard(*SHARDS[0])]).success
        readers = [reader.asset.key, as_table.key]
        assert made.export(job="__ASSET_JOB", assets=readers).success
    first, second = (row[:-1] for row in reader.frame.itertuples(index=False))
    assert first == (1, Decimal("2.5"), 9_223_372_036_854_775_807, 0.1)
    assert all(pd.isna(value) for value in second)
    types = [pa.int64(), pa.decimal128(10, 2), pa.uint64(), pa.float64(), pa.large_string()]
    assert tables[0].schema.types == types
    first, second = (tuple(row.values())[:-1] for row in tables[0].to_pylist())
    assert first == (1, Decimal("2.50"), 9_223_372_036_854_775_807, 0.1)
    assert set(second) == {None}


def test_a_logical_table_loads_as_the_rows_of_all_shards_in_their_order(tmp_path: Path) -> None:
    frame = read(tmp_path, ORDERS)
    first = 9_007_199_254_740_993
    assert frame["id"].tolist() == [first + n * 100 + i for n in range(4) for i in (2, 3)]
    assert frame.index.tolist() == list(range(8))


def test_several_windows_load_in_the_order_of_their_keys(tmp_path: Path) -> None:
    three_days = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=1)
    # Exported out of order: the order is that of the windows all the same.
    days = (DAYS[2], DAYS[0], DAYS[1])
    frame = read(tmp_path, shard(*SHARDS[1]), days=days, mapping=three_days)
    assert [text[:10] for text in frame["created_at"]] == [day for day in DAYS for _ in range(2)]
    assert str(frame["id"].dtype) == "Int64"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What is read of a window without a setting."""
    return read(tmp_path_factory.mktemp("plain"), ORDERS)


@pytest.mark.parametrize(
    "csv",
    [
        r"{null: '\N', quoting: all, delimiter: ';'}",
        "{compression: gzip, binary: base64}",
        '{compression: zstd, header: false, delimiter: "\\t"}',
    ],
)
def test_frames_are_the_same_whatever_the_conventions(
    plain: pd.DataFrame, tmp_path: Path, csv: str
) -> None:
    other = read(tmp_path, ORDERS, f"{CONFIG}output: {{csv: {csv}}}\n")
    pd.testing.assert_frame_equal(plain, other)


def test_one_lane_or_many_give_the_same_frames(tmp_path: Path) -> None:
    plain = read(tmp_path / "plain", shard(*SHARDS[3]))
    lanes = CONFIG.replace("processes: 2", "lanes: 2")
    pd.testing.assert_frame_equal(plain, read(tmp_path / "lanes", shard(*SHARDS[3]), lanes))


def test_an_empty_window_loads_as_a_frame_of_the_same_types(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    shop.run("shop_00", "DELETE FROM orders_00")
    reader = Reader(shard(*SHARDS[0]))
    with location(shop, reader.asset) as made:
        assert made.export().success
        assert made.export(job="__ASSET_JOB", assets=[dg.AssetKey(["reader"])]).success
    assert len(reader.frame) == 0
    assert str(reader.frame["id"].dtype) == "Int64"


def test_a_window_that_was_never_exported_says_how_to_export_it(tmp_path: Path) -> None:
    reader = Reader(ORDERS)
    with location(small_shop(tmp_path), reader.asset) as made:
        result = made.export(job="__ASSET_JOB", assets=[dg.AssetKey(["reader"])])
    (message,) = failures(result).values()
    assert UsageError.__name__ in message
    assert f"export orders --partition {DAY} first" in message
    assert not reader.frames


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop with two windows."""
    with location(small_shop(tmp_path_factory.mktemp("exported"))) as made:
        assert made.export().success
        assert made.export(DAYS[0]).success
    return made.shop


Refused = Callable[[dg.AssetKey, Callable[[Shop], object]], str]


@pytest.fixture
def refused(exported: Shop, tmp_path: Path) -> Refused:
    """Why an exported asset does not load once its window is damaged."""

    def refusal(key: dg.AssetKey, damage: Callable[[Shop], object]) -> str:
        shop = exported.copied(tmp_path / "copy")
        damage(shop)
        reader = Reader(key)
        with location(shop, reader.asset) as made:
            result = made.export(job="__ASSET_JOB", assets=[dg.AssetKey(["reader"])])
        (message,) = failures(result).values()
        assert not reader.frames
        return message

    return refusal


@pytest.mark.parametrize("key", [ORDERS, shard(*SHARDS[0])], ids=["table", "shard"])
@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (b"90071992547409", b"90071992547408", "expected SHA-256 "),
        (b"-1.00", b"-1.0", " bytes, got "),
        (b'"",-1.00', b'"" ,-1.00', "expected a whole record of 6 fields"),
        (b"created_at", b"Created_at", "expected the header "),
    ],
)
def test_a_file_that_does_not_fit_its_manifest_does_not_load(
    refused: Refused, key: dg.AssetKey, old: bytes, new: bytes, cause: str
) -> None:
    def damage(shop: Shop) -> None:
        path = shop.window() / "demo.shop_00.orders_00.csv"
        assert old in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(old, new, 1))

    message = refused(key, damage)
    assert message.startswith("etl_assets.errors.CsvError: ")
    assert "demo.shop_00.orders_00.csv: " in message
    assert cause in message
    assert "run `etl-assets verify`" in message


def test_a_logical_table_does_not_load_before_its_window_is_complete(refused: Refused) -> None:
    message = refused(ORDERS, lambda shop: (shop.window() / TABLE_MANIFEST).unlink())
    assert f"export orders --partition {DAY} first" in message


def test_a_logical_table_does_not_load_when_a_shard_is_no_longer_proven(refused: Refused) -> None:
    message = refused(ORDERS, lambda shop: (shop.window() / "demo.shop_01.orders_00.json").unlink())
    assert "IncompleteError" in message
    assert f"{TABLE_MANIFEST}: stale: expected demo.shop_01.orders_00.json" in message


@pytest.mark.parametrize("key", [ORDERS, shard(*SHARDS[0])], ids=["table", "shard"])
def test_the_files_of_another_window_do_not_load(refused: Refused, key: dg.AssetKey) -> None:
    def damage(shop: Shop) -> None:
        shutil.copytree(shop.window(key=DAYS[0]), shop.window(), dirs_exist_ok=True)

    message = refused(key, damage)
    assert f"expected the manifest of orders for {DAY}, got that of orders for {DAYS[0]}" in message


def test_windows_whose_types_differ_load_in_columns_that_hold_both(tmp_path: Path) -> None:
    shop = small_shop(tmp_path)
    reader = Reader(shard(*SHARDS[0]), dg.TimeWindowPartitionMapping(start_offset=-1))
    with location(shop, reader.asset) as made:
        for day, kind, value in ((DAYS[0], "BIGINT", -1), (DAY, "BIGINT UNSIGNED", 2**63 - 1)):
            shop.run(
                "shop_00",
                "DROP TABLE orders_00",
                f"CREATE TABLE orders_00 (id {kind}, created_at DATETIME)",
                f"INSERT INTO orders_00 VALUES ({value}, '{day} 00:00:00')",
            )
            run = made.export(day, job="__ASSET_JOB", assets=[shard(*SHARDS[0])])
            assert run.success, failures(run)
        assert made.export(job="__ASSET_JOB", assets=[dg.AssetKey(["reader"])]).success
    assert reader.frame["id"].tolist() == [-1, 2**63 - 1]


def test_an_asset_of_ones_own_with_this_io_manager_is_told_what_it_takes(tmp_path: Path) -> None:
    @dg.asset(io_manager_key="csv", partitions_def=DAILY)
    def own() -> int:
        return 1

    with location(small_shop(tmp_path), own) as made:
        result = made.export(job="__ASSET_JOB", assets=[dg.AssetKey(["own"])])
    (message,) = failures(result).values()
    assert "the output of own" in message
    assert "got int" in message
