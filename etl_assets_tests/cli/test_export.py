"""`etl-assets export` and `verify` as real commands on a small shop in SQLite files."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from etl_assets_tests.support.command import Done, etl_assets
from etl_assets_tests.support.recorded import claimed_slots, instance_of, step_pids
from etl_assets_tests.support.shop import CONFIG, DAY, DAYS, FILES, STEMS, Shop, rows_of, small_shop

ADVICE = "fix the pattern of the shard, or put the table back and export with --resume"
MORE_TABLES = """\
  events:
    shards: [{host: demo, tables: shop_00.orders_00}]
    partition: {every: hour, start: 2026-11-01, column: created_at}
  users:
    shards: [{host: demo, tables: shop_00.orders_00}]
    partition: {every: day, start: 2026-11-01}
execution: {processes: 2}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Three tables of three cadences."""
    text = CONFIG.replace("execution: {processes: 2}\n", MORE_TABLES)
    return small_shop(tmp_path_factory.mktemp("shop"), text)


@pytest.fixture(scope="module")
def exported(shop: Shop) -> Done:
    """Two windows in one command, no table named."""
    return etl_assets(shop.folder, "export", "--partition", DAYS[0], DAYS[1])


@pytest.fixture
def instance(shop: Shop, exported: Done) -> Iterator[dg.DagsterInstance]:
    """The instance of that command."""
    assert exported.code == 0
    with instance_of(shop.folder / ".dagster_home") as opened:
        yield opened


@pytest.fixture
def copy(shop: Shop, exported: Done, tmp_path: Path) -> Shop:
    """What that command left, to be changed."""
    assert exported.code == 0
    return shop.copied(tmp_path / "copy")


def sizes_and_times(folder: Path) -> dict[str, tuple[int, int]]:
    """What tells whether a file was written again."""
    return {p.name: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.iterdir()}


# A window that succeeds


def test_an_export_writes_every_shard_and_exits_0(shop: Shop, exported: Done) -> None:
    assert exported.code == 0
    for day in DAYS[:2]:
        assert shop.names(day) == FILES
        assert shop.manifest(key=day)["rows"] == 8


def test_without_a_table_all_are_exported_whose_cadence_has_the_key(
    shop: Shop, exported: Done
) -> None:
    assert exported.code == 0
    # Events are hourly; for the snapshot of users the key is too old, which is said.
    told = exported.err.splitlines()
    assert [line.split(", ")[0] for line in told] == [
        f"left out: users: partition {day}: expected the newest complete window or the running one"
        for day in DAYS[:2]
    ]
    assert [path.name for path in (shop.folder / "exports").iterdir()] == ["orders"]


def test_plain_output_has_a_line_for_each_shard_and_a_summary(shop: Shop, exported: Done) -> None:
    lines = exported.out.splitlines()
    for day in DAYS[:2]:
        of_day = [line for line in lines if line.startswith(f"orders {day}: ")]
        assert of_day[0] == f"orders {day}: begins"
        numbers = [line.split(": ")[1].split()[0] for line in of_day[1:-1]]
        assert numbers == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
        assert {stem for stem in STEMS if any(stem in line for line in of_day)} == set(STEMS)
        assert f"orders {day}: 4 of 4 shards, 8 rows, " in of_day[-1]
        assert of_day[-1].endswith(str(shop.window(key=day)))
    assert "\x1b" not in exported.out


def test_the_line_that_sets_dagster_home_is_printed_where_it_is_not_set(
    shop: Shop, exported: Done
) -> None:
    assert exported.out.splitlines()[-1].endswith(
        f"export DAGSTER_HOME={shop.folder / '.dagster_home'}"
    )


def test_runs_are_recorded_as_the_ui_would_have_made_them(
    instance: dg.DagsterInstance, shop: Shop
) -> None:
    runs = instance.get_runs(ascending=True)
    assert [run.tags["dagster/partition"] for run in runs] == list(DAYS[:2])
    for run in runs:
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert run.job_name == "export_orders"
        assert run.remote_job_origin is not None
        origin = run.remote_job_origin.repository_origin.code_location_origin
        assert origin.location_name == "etl_assets"
        key = run.tags["dagster/partition"]
        assert {s["run_id"] for s in shop.manifest(key=key)["shards"]} == {run.run_id}
        assert instance.get_materialized_partitions(dg.AssetKey(["orders"])) == set(DAYS[:2])


def test_every_shard_has_a_process_of_its_own(instance: dg.DagsterInstance) -> None:
    for run in instance.get_runs():
        pids = step_pids(instance, run.run_id)
        # Four shards, their logical table and its check.
        assert len(pids) == 6
        assert len(set(pids.values())) == 6


def test_pools_have_the_limits_of_the_configuration_and_no_slot_stays_claimed(
    instance: dg.DagsterInstance,
) -> None:
    pools = instance.event_log_storage.get_pool_limits()
    assert {pool.name: pool.limit for pool in pools} == {"demo": 4}
    assert not any(claimed_slots(instance).values())


def test_a_home_without_settings_gets_the_products_and_no_log_stays(
    shop: Shop, exported: Done
) -> None:
    assert exported.code == 0
    home = shop.folder / ".dagster_home"
    assert "RedirectingComputeLogManager" in (home / "dagster.yaml").read_text("utf-8")
    assert list((home / "logs").iterdir()) == []


# verify


def test_verify_reads_everything_again_and_finds_nothing(shop: Shop, exported: Done) -> None:
    assert exported.code == 0
    done = etl_assets(shop.folder, "verify", "--partition", DAYS[0], DAYS[1])
    # A table that has the key and was never exported for it is one finding, not one a shard.
    users = [str(shop.window("users", day)) for day in DAYS[:2]]
    assert (done.code, done.problems) == (
        1,
        [*(f"{path}: nothing was exported; export the window" for path in users), "2 findings"],
    )
    assert [line.split(", ")[:2] for line in done.out.splitlines()] == [
        [f"orders {day}: 4 shards", "8 rows"] for day in DAYS[:2]
    ]


def test_verify_names_the_file_with_a_flipped_byte(copy: Shop) -> None:
    path = copy.window() / f"{STEMS[1]}.csv"
    content = bytearray(path.read_bytes())
    content[content.index(b"000")] ^= 1
    path.write_bytes(bytes(content))
    done = etl_assets(copy.folder, "verify", "orders", "--partition", DAY)
    assert done.code == 1
    finding, total = done.problems
    assert finding.startswith(f"{path}: expected SHA-256 ")
    assert total == "1 finding"


def test_verify_calls_a_csv_without_its_manifest_unproven(copy: Shop) -> None:
    (copy.window() / f"{STEMS[2]}.json").unlink()
    done = etl_assets(copy.folder, "verify", "orders", "--partition", DAY)
    assert done.code == 1
    assert f"{STEMS[2]}.csv: whole but unproven" in done.err


def test_verify_names_a_folder_in_place_of_the_tables_manifest(copy: Shop) -> None:
    manifest = copy.window() / "_manifest.json"
    manifest.unlink()
    manifest.mkdir()
    done = etl_assets(copy.folder, "verify", "orders", "--partition", DAY)
    assert done.code == 1
    cause = "Is a directory; see to its permissions, then verify again"
    assert done.problems[0] == f"{manifest}: {cause}"


def test_verify_of_a_window_that_was_never_exported_is_a_finding(shop: Shop) -> None:
    done = etl_assets(shop.folder, "verify", "--partition", "2026-11-09")
    assert done.code == 1
    assert "2026-11-09: nothing was exported" in done.err


def test_verify_without_a_table_leaves_out_those_that_cannot_have_the_key(
    copy: Shop,
) -> None:
    hour = f"{DAY}-02:00"
    assert etl_assets(copy.folder, "export", "--partition", hour).code == 0
    done = etl_assets(copy.folder, "verify", "--partition", hour, DAY)
    assert [line.rpartition(": ")[2] for line in done.problems] == [
        "nothing was exported; export the window",
        "1 finding",
    ]
    assert [line.split(":")[0] for line in done.out.splitlines()] == [
        f"events {DAY}-02",
        f"orders {DAY}",
    ]
    named = etl_assets(copy.folder, "verify", "orders", "events", "--partition", hour)
    assert named.code == 2
    assert named.problems[0].startswith(f"etl-assets: orders: partition '{hour}': expected a day ")


# A window that fails, and --resume


def test_a_shard_that_fails_is_named_and_resume_exports_just_that_one(copy: Shop) -> None:
    copy.run("shop_01", "DROP TABLE orders_00")
    broken = copy.window() / f"{STEMS[2]}.csv"
    older = broken.read_bytes()
    failed = etl_assets(copy.folder, "export", "orders", "--partition", DAY)
    assert failed.code == 1
    assert failed.problems == [
        "failed: demo.shop_01.orders_00: no such table: orders_00; " + ADVICE,
        f"again: etl-assets export orders --partition {DAY} --resume",
    ]
    assert f"orders {DAY}: 3 of 4 shards, 6 rows" in failed.out
    # The older shard stays as it is, and is no part of what was asked for.
    assert copy.names() == ["_export.json", *FILES[1:]]
    verified = etl_assets(copy.folder, "verify", "orders", "--partition", DAY)
    assert f"{STEMS[2]}.csv: exported before the export that began at " in verified.err
    assert broken.read_bytes() == older
    before = sizes_and_times(copy.window())

    copy.fill("shop_01", "orders_00", rows_of(7))
    resumed = etl_assets(copy.folder, "export", "orders", "--partition", DAY, "--resume")
    assert (resumed.code, resumed.err) == (0, "")
    assert f"orders {DAY}: 3 shards are proven" in resumed.out
    after = sizes_and_times(copy.window())
    assert {name for name in after if after[name] != before.get(name)} == {
        f"{STEMS[2]}.csv",
        f"{STEMS[2]}.json",
        "_manifest.json",
    }
    assert copy.names() == FILES
    assert [s["file"] for s in copy.manifest()["shards"]] == [f"{stem}.csv" for stem in STEMS]
    with instance_of(copy.folder / ".dagster_home") as instance:
        assert set(step_pids(instance, instance.get_runs(limit=1)[0].run_id)) == {
            "orders__demo__shop_01__orders_00",
            "orders__complete",
            "orders__newest_window",
            "orders__matches_servers",
        }

    again = etl_assets(copy.folder, "export", "orders", "--partition", DAY, "--resume")
    assert (again.code, again.err) == (0, "")
    assert f"orders {DAY}: complete already" in again.out
    assert sizes_and_times(copy.window()) == after


@pytest.mark.parametrize(
    ("change", "rewritten"),
    [
        (("processes: 2}", "processes: 2}\noutput: {csv: {quoting: all}}"), 4),
        ((", column: created_at}", ", column: created_at}\n    where: id > 0"), 4),
    ],
    ids=["conventions", "query"],
)
def test_resume_exports_again_what_was_made_in_another_way(
    copy: Shop, change: tuple[str, str], rewritten: int
) -> None:
    text = (copy.folder / "etl_assets.yaml").read_text("utf-8")
    copy.configure(text.replace(*change, 1))
    before = sizes_and_times(copy.window())
    done = etl_assets(copy.folder, "export", "orders", "--partition", DAY, "--resume")
    assert (done.code, done.err) == (0, "")
    after = sizes_and_times(copy.window())
    csvs = [name for name in after if name.endswith(".csv") and after[name] != before[name]]
    assert len(csvs) == rewritten
    assert etl_assets(copy.folder, "verify", "orders", "--partition", DAY).code == 0


def test_resume_exports_a_window_again_whose_cadence_has_changed(copy: Shop) -> None:
    of_the_day = copy.manifest()["rows"]
    copy.configure(copy.text.replace("every: day", "every: week", 1))
    # The week's other days are in the same tables.
    done = etl_assets(copy.folder, "export", "orders", "--partition", DAY, "--resume")
    assert done.code == 0
    assert copy.manifest()["rows"] > of_the_day
    window = copy.manifest()["shards"][0]["window"]
    assert (window["start"][:10], window["end"][:10]) == (DAY, "2026-11-09")


def test_resume_exports_a_file_again_that_has_another_size(copy: Shop) -> None:
    path = copy.window() / f"{STEMS[0]}.csv"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    done = etl_assets(copy.folder, "export", "orders", "--partition", DAY, "--resume")
    assert done.code == 0
    assert path.read_bytes() == whole
    assert f"orders {DAY}: 1 of 1 shards" in done.out


def test_an_export_that_fails_before_its_first_shard_leaves_a_complete_window(copy: Shop) -> None:
    before = sizes_and_times(copy.window())
    for path in copy.folder.glob("*.db"):
        path.rename(path.with_suffix(".away"))
    failed = etl_assets(copy.folder, "export", "orders", "--partition", DAY)
    assert failed.code == 1
    assert sizes_and_times(copy.window()) == before
    assert etl_assets(copy.folder, "verify", "orders", "--partition", DAY).code == 0


def test_shards_that_are_gone_have_to_be_called_so(copy: Shop) -> None:
    before = sizes_and_times(copy.window())
    copy.configure(copy.text.replace("shop_{00..01}", "shop_00", 1))
    asked = ("export", "orders", "--partition", DAY)
    refused = etl_assets(copy.folder, *asked)
    assert refused.code == 1
    again = f"etl-assets export orders --partition {DAY} --shards-gone"
    assert f"`{again}`" in refused.err
    assert sizes_and_times(copy.window()) == before
    done = etl_assets(copy.folder, *asked, "--shards-gone")
    assert (done.code, done.err) == (0, "")
    assert f"orders {DAY}: removed {STEMS[2]}.csv, {STEMS[2]}.json, " in done.out
    assert copy.names() == ["_manifest.json", *sorted(n for n in FILES if "shop_00" in n)]


# Options


def test_a_limit_makes_a_trial_beside_the_real_window(copy: Shop) -> None:
    before = sizes_and_times(copy.window())
    done = etl_assets(copy.folder, "export", "orders", "--partition", DAY, "--limit", "1")
    assert (done.code, done.err) == (0, "")
    assert sizes_and_times(copy.window()) == before
    sample = f"{DAY}.sample"
    assert copy.names(sample) == [name for name in FILES if name != "_manifest.json"]
    for stem in STEMS:
        assert len(copy.records(stem, sample)) == 2
        assert copy.manifest(f"{stem}.json", sample)["sample"] == 1


def test_a_range_and_processes_from_another_folder_with_a_home_of_its_own(
    tmp_path: Path,
) -> None:
    shop = small_shop(tmp_path / "shop", CONFIG)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    home = tmp_path / "home"
    given = ("--config", str(shop.folder / "etl_assets.yaml"), "--processes", "1")
    done = etl_assets(
        elsewhere,
        "export",
        *given,
        "--from",
        DAYS[1],
        "--to",
        DAYS[2],
        env={"DAGSTER_HOME": str(home)},
    )
    assert (done.code, done.err) == (0, "")
    assert "DAGSTER_HOME" not in done.out
    assert done.out.splitlines()[-1] == "2 of 2 windows are done"
    assert list(elsewhere.iterdir()) == []
    assert not (shop.folder / ".dagster_home").exists()
    assert (shop.names(DAYS[0]), shop.names(DAYS[1]), shop.names(DAYS[2])) == ([], FILES, FILES)
    with instance_of(home) as instance:
        runs = instance.get_runs()
        assert {run.tags["dagster/partition"] for run in runs} == {DAYS[1], DAYS[2]}
        assert all(run.run_config["execution"] == {"config": {"max_concurrent": 1}} for run in runs)


def test_a_snapshot_is_exported_under_the_running_window(copy: Shop) -> None:
    today = str(datetime.now(UTC).date())
    done = etl_assets(copy.folder, "export", "users", "--partition", today)
    assert (done.code, done.err) == (0, "")
    assert copy.window("users", today).joinpath("_manifest.json").exists()
