"""What anybody's asset gives is a CSV file, and comes back as it was."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from etl_assets.defs.io_managers import CsvIOManager
from etl_assets_tests.support.in_process import failures, location, written
from etl_assets_tests.support.shop import CONFIG, DAY, DAYS, FILES, small_shop

DAILY = dg.DailyPartitionsDefinition(start_date=DAYS[0])
FRAME = pd.DataFrame(
    {
        "city": ["Köln", None, ""],
        "orders": pd.array([3, None, 0], dtype="Int64"),
        "share": [0.1, float("nan"), 1.0],
    }
)
TEXT = "city,orders,share\nKöln,3,0.1\n,,\n" + '"",0,1.0\n'
RANGE = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAY}


def run(
    assets: Sequence[dg.AssetsDefinition],
    folder: Path,
    *,
    csv: dict[str, Any] | None = None,
    **of: Any,
) -> dg.ExecuteInProcessResult:
    """Materialize assets whose IO manager `csv` writes into a folder."""
    manager = CsvIOManager(directory=str(folder), **(csv or {}))
    return dg.materialize(assets, resources={"csv": manager}, raise_on_error=False, **of)


def refusal(result: dg.ExecuteInProcessResult) -> str:
    """Why a run has failed."""
    (message,) = failures(result).values()
    return message


class Reader:
    """An asset that keeps what it was given."""

    def __init__(self, kind: type, of: str = "report", **settings: Any) -> None:
        self.given: list[Any] = []

        def reader(it: Any) -> None:
            self.given.append(it)

        reader.__annotations__ = {"it": kind, "return": None}
        mapping = settings.pop("partition_mapping", None)
        ins = {"it": dg.AssetIn(key=of, partition_mapping=mapping)}
        self.asset = dg.asset(ins=ins, **settings)(reader)


@dg.asset(io_manager_key="csv")
def report() -> pd.DataFrame:
    return FRAME


@dg.asset(io_manager_key="csv", partitions_def=DAILY)
def days(context: dg.AssetExecutionContext) -> Any:
    keys = context.partition_keys
    tables = {key: pa.table({"day": [key], "n": pa.array([None], pa.int32())}) for key in keys}
    return tables if len(keys) > 1 else tables[keys[0]]


def test_a_frame_is_a_csv_file_and_comes_back(tmp_path: Path) -> None:
    reader = Reader(pd.DataFrame)
    result = run([report, reader.asset], tmp_path)
    assert result.success, failures(result)
    pd.testing.assert_frame_equal(reader.given[0], FRAME)
    file = tmp_path / "_assets" / "report" / "report.csv"
    assert file.read_bytes().decode() == TEXT
    assert sorted(path.name for path in file.parent.iterdir()) == ["report.csv", "report.json"]
    shown = written(result)[dg.AssetKey("report")]
    assert shown["dagster/row_count"] == 3
    assert shown["bytes"] == len(TEXT.encode())
    assert shown["path"] == str(file)
    assert shown["dagster/uri"] == file.as_uri()
    types = {column.name: column.type for column in shown["dagster/column_schema"].columns}
    assert types == {"city": "str", "orders": "Int64", "share": "float64"}
    assert [tuple(record.data.values()) for record in shown["preview"].records] == [
        ("Köln", "3", "0.1"),
        ("NULL", "NULL", "NULL"),
        ('""', "0", "1.0"),
    ]


def test_partitions_of_a_table_load_in_order_as_one_frame(tmp_path: Path) -> None:
    mapping = dg.TimeWindowPartitionMapping(start_offset=-1)
    reader = Reader(pd.DataFrame, "days", partitions_def=DAILY, partition_mapping=mapping)
    with dg.DagsterInstance.ephemeral() as instance:
        first = run([days], tmp_path, partition_key=DAYS[0], instance=instance)
        second = run([days, reader.asset], tmp_path, partition_key=DAY, instance=instance)
    assert first.success
    assert second.success, failures(second)
    assert reader.given[0]["day"].tolist() == [*DAYS[:2]]
    assert str(reader.given[0]["n"].dtype) == "Int32"
    assert (tmp_path / "_assets" / "days" / DAY / "days.csv").exists()
    assert written(second)[dg.AssetKey("days")]["dagster/partition_row_count"] == 1


def test_one_run_of_several_partitions_gives_a_frame_for_each(tmp_path: Path) -> None:
    result = run([days], tmp_path, tags=RANGE)
    assert result.success, failures(result)
    for day in DAYS[:2]:
        text = (tmp_path / "_assets" / "days" / day / "days.csv").read_text("utf-8")
        assert text == f"day,n\n{day},\n"


@pytest.mark.parametrize(("given", "got"), [(FRAME, "one DataFrame"), ({DAY: FRAME}, DAY)])
def test_one_run_of_several_partitions_is_told_to_give_a_frame_for_each(
    tmp_path: Path, given: object, got: str
) -> None:
    @dg.asset(io_manager_key="csv", partitions_def=DAILY)
    def own() -> Any:
        return given

    assert (
        "the output of own: expected a dict of DataFrames with the keys "
        f"{DAYS[0]}, {DAYS[1]}, got {got}; give one for each partition"
    ) in refusal(run([own], tmp_path, tags=RANGE))
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_several_dimensions_and_any_name_is_a_folder(tmp_path: Path) -> None:
    partitions = dg.MultiPartitionsDefinition(
        {"day": DAILY, "where": dg.StaticPartitionsDefinition(["a/b", "c"])}
    )

    @dg.asset(key=["mart", "sales"], io_manager_key="csv", partitions_def=partitions)
    def sales() -> pd.DataFrame:
        return FRAME

    key = dg.MultiPartitionKey({"day": DAY, "where": "a/b"})
    result = run([sales], tmp_path, partition_key=key)
    assert result.success, failures(result)
    (file,) = tmp_path.rglob("*.csv")
    assert file.relative_to(tmp_path).parts == (
        *("_assets", "mart.sales", f"{DAY}%7Ca%2Fb", "mart.sales.csv"),
    )


def test_an_input_that_is_annotated_as_a_table_is_one(tmp_path: Path) -> None:
    reader = Reader(pa.Table)
    assert run([report, reader.asset], tmp_path).success
    (table,) = reader.given
    assert table.column("orders").to_pylist() == [3, None, 0]
    assert table.column_names == ["city", "orders", "share"]


def test_an_asset_that_gives_nothing_has_no_file(tmp_path: Path) -> None:
    @dg.asset(io_manager_key="csv")
    def nothing() -> None:
        return None

    @dg.asset(io_manager_key="csv")
    def anything():  # type: ignore[no-untyped-def]
        return None

    assert run([nothing, anything], tmp_path).success
    assert list(tmp_path.iterdir()) == []


def test_what_was_not_materialized_yet_is_asked_for(tmp_path: Path) -> None:
    reader = Reader(pd.DataFrame)
    message = refusal(run([report, reader.asset], tmp_path, selection=[reader.asset]))
    assert message.endswith("got none; materialize it first\n")


def test_a_trial_writes_no_frame(tmp_path: Path) -> None:
    message = refusal(run([report], tmp_path, csv={"limit": 1}))
    assert "the output of report: expected no `limit`" in message
    assert list(tmp_path.iterdir()) == []


def test_conventions_that_are_none_are_named(tmp_path: Path) -> None:
    message = refusal(run([report], tmp_path, csv={"csv": {"delimiter": ";;"}}))
    assert "the IO manager's config: csv.delimiter: expected one ASCII character" in message


def test_the_output_of_an_op_is_refused(tmp_path: Path) -> None:
    @dg.op(out=dg.Out(io_manager_key="csv"))
    def calculate() -> pd.DataFrame:
        return FRAME

    @dg.job(resource_defs={"csv": CsvIOManager(directory=str(tmp_path))})
    def job() -> None:
        calculate()

    assert "make it an asset" in refusal(job.execute_in_process(raise_on_error=False))


def test_beside_an_export_a_frame_keeps_the_conventions_and_leaves_its_window_alone(
    tmp_path: Path,
) -> None:
    @dg.asset(
        key=["orders", DAY],
        ins={"orders": dg.AssetIn(key="orders")},
        io_manager_key="csv",
        partitions_def=DAILY,
    )
    def summed(orders: pd.DataFrame) -> pd.DataFrame:
        return orders.groupby("code", dropna=False).size().reset_index(name="n")

    config = CONFIG + "output: {csv: {delimiter: ';'}}\n"
    with location(small_shop(tmp_path, config), summed) as made:
        assert made.export().success
        result = made.export(job="__ASSET_JOB", assets=[dg.AssetKey(["orders", DAY])])
        assert result.success, failures(result)
        assert made.shop.names() == FILES
    (file,) = (tmp_path / "exports" / "_assets").rglob("*.csv")
    assert file.read_text("utf-8").splitlines() == ["code;n", '"";4', "000;4"]
