"""Two Celery workers export sixteen shards; what happens to them happens to their shard alone."""

import os
import re
import secrets
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import dagster as dg
import pytest

from etl_assets.instance.home import HOME_NAME
from etl_assets_tests.support.celery_workers import (
    SECRET_VARIABLE,
    Worker,
    execution,
    wait_for,
    workers,
)
from etl_assets_tests.support.command import Done, etl_assets
from etl_assets_tests.support.recorded import claimed_slots, instance_of
from etl_assets_tests.support.running_command import Running, running
from etl_assets_tests.support.shop import DAY, EXPORT, Shop, rows_of

PARTITION = "    partition: {every: day, start: 2026-11-01, column: created_at}\n"
CONFIG = f"""\
hosts:
  demo: {{url: "sqlite:///{{database}}.db", max_connections: 8}}
tables:
  orders:
    shards: [{{host: demo, tables: "shop_{{00..03}}.orders_{{00..03}}"}}]
{PARTITION}  few:
    shards: [{{host: demo, tables: "shop_05.orders_{{00..02}}"}}]
{PARTITION}  slow:
    shards: [{{host: demo, tables: "shop_04.orders_{{00..03}}"}}]
{PARTITION}"""
SHARDS = [(f"shop_{d:02}", f"orders_{t:02}") for d in range(4) for t in range(4)]
FEW = [("shop_05", f"orders_{t:02}") for t in range(3)]
SLOW_ROWS = 120_000
SLOW_VIEW = """
CREATE VIEW {name} AS
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
SELECT n.i AS id, o.code, o.price, o.note, o.photo, o.created_at FROM n CROSS JOIN seed o
"""
"""A shard whose rows take some seconds, beside a table with two rows of the day."""
SLOW_VIEWS = [SLOW_VIEW.format(name=f"orders_{t:02}", rows=SLOW_ROWS) for t in range(4)]

EXPORT_SLOW = ("export", "slow", "--partition", DAY)


@pytest.fixture(scope="module", autouse=True)
def secret() -> Iterator[str]:
    """What the broker's settings name by an environment variable."""
    with pytest.MonkeyPatch.context() as patch:
        value = f"s3cret-{secrets.token_hex(8)}"
        patch.setenv(SECRET_VARIABLE, value)
        yield value


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Sixteen small shards of one table, three of another, and four slow ones."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.configure(CONFIG + execution(shop.folder / "broker"))
    for number, (database, table) in enumerate([*SHARDS, *FEW, ("shop_04", "seed")]):
        shop.fill(database, table, rows_of(number))
    shop.run("shop_04", *SLOW_VIEWS)
    return shop


@pytest.fixture(scope="module")
def two(shop: Shop) -> Iterator[list[Worker]]:
    """Two workers for it."""
    with workers(shop.folder, ("one", "two")) as started:
        yield started


@pytest.fixture(scope="module")
def exported(shop: Shop, two: list[Worker]) -> Done:
    """One window of the sixteen, exported by both."""
    assert two
    return etl_assets(shop.folder, *EXPORT)


def server_rows(shop: Shop, database: str, table: str) -> list[int]:
    """The ids that a shard has in the window."""
    with closing(sqlite3.connect(shop.folder / f"{database}.db")) as connection:
        query = f"SELECT id FROM {table} WHERE date(created_at) = '{DAY}' ORDER BY id"
        return [int(number) for (number,) in connection.execute(query)]


def test_two_workers_export_sixteen_shards(shop: Shop, two: list[Worker], exported: Done) -> None:
    assert (exported.code, exported.err) == (0, "")
    assert f"orders {DAY}: 16 of 16 shards, 32 rows" in exported.out
    for database, table in SHARDS:
        _, *records = shop.records(f"demo.{database}.{table}")
        assert sorted(int(record[0]) for record in records) == server_rows(shop, database, table)
    assert shop.manifest()["rows"] == 32
    for worker in two:
        assert re.search(r"Task execute_plan\[.+\] succeeded", worker.said), worker.name
        # A step's events hold the first rows.
        assert "leave" not in worker.said
    done = etl_assets(shop.folder, "verify", "orders", "--partition", DAY)
    assert (done.code, done.err) == (0, "")


def test_each_step_says_which_worker_executed_it(shop: Shop, exported: Done) -> None:
    assert exported.code == 0
    with instance_of(shop.folder / HOME_NAME) as instance:
        (run,) = instance.get_runs()
        assert run.run_config == {}
        found = set()
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
            metadata = entry.get_dagster_event().engine_event_data.metadata
            if "Celery worker" in metadata:
                found.add(str(metadata["Celery worker"].value).partition("@")[0])
        assert found == {"one", "two"}


def test_a_failed_shard_is_named_and_workers_follow_a_change_of_the_configuration(
    shop: Shop, exported: Done
) -> None:
    assert exported.code == 0
    before = shop.text
    shop.configure(before.replace("  few:\n", "  few:\n    where: id % 2 = 0\n"))
    shop.run("shop_05", "DROP TABLE orders_01")
    try:
        done = etl_assets(shop.folder, "export", "few", "--partition", DAY)
    finally:
        shop.configure(before)
    assert done.code == 1
    assert done.problems[0].startswith("failed: demo.shop_05.orders_01: no such table")
    assert done.problems[1] == f"again: etl-assets export few --partition {DAY} --resume"
    assert "2 of 3 shards, 2 rows" in done.out


def extracting(command: Running) -> int:
    """How many slow shards are being written."""
    sizes = []
    for path in command.temporary_files():
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sum(size > 100_000 for size in sizes)


def not_begun(some: list[Worker]) -> int:
    """How many tasks of a canceled run workers have dropped, or refused where they had no time."""
    words = ("Discarding revoked task", "raised error: DagsterExecutionInterruptedError")
    return sum(worker.said.count(word) for worker in some for word in words)


def test_an_interrupt_revokes_what_is_queued_and_what_runs_is_finished(
    shop: Shop, two: list[Worker], exported: Done
) -> None:
    assert exported.code == 0
    folder = shop.window("slow")
    with running(shop, *EXPORT_SLOW) as command:
        command.wait_for(lambda: extracting(command) == 2)
        command.process.send_signal(signal.SIGINT)
        done = command.end(7)
        assert command.processes() == {}
    assert done.code == 130
    assert done.problems[-1].startswith(
        "etl-assets: interrupted; the shards that are done stay, "
        "and workers finish those that they have begun. Go on with: "
    )
    with instance_of(shop.folder / HOME_NAME) as instance:
        (run, *_) = instance.get_runs(limit=1)
        assert run.status is dg.DagsterRunStatus.CANCELED
        assert not any(claimed_slots(instance).values())
    wait_for(lambda: not_begun(two) == 2, two[0])
    # Each worker hears of it in its own time.
    wait_for(lambda: all("flagged as revoked" in worker.said for worker in two), two[0])
    assert len(list(folder.glob("demo.*.json"))) == 2
    assert len(list(folder.glob("demo.*.csv"))) == 2
    assert len(list(folder.iterdir())) == 5


def test_a_killed_process_fails_its_shard_alone(
    shop: Shop, two: list[Worker], exported: Done
) -> None:
    assert exported.code == 0
    with running(shop, *EXPORT_SLOW) as command:
        command.wait_for(lambda: extracting(command) == 2)
        os.kill(two[0].child(), signal.SIGKILL)
        done = command.end(90)
        assert command.temporary_files() == []
    assert done.code == 1
    problem, again = done.problems
    assert re.fullmatch(
        r"failed: demo\.shop_04\.orders_0\d: its process on the Celery worker "
        "ended without a word: killed, or out of memory",
        problem,
    )
    assert "3 of 4 shards" in done.out
    assert again == f"again: etl-assets export slow --partition {DAY} --resume"


def test_a_secret_of_the_broker_is_in_no_file(shop: Shop, exported: Done, secret: str) -> None:
    assert exported.code == 0
    seen = set()
    for path in shop.folder.rglob("*"):
        # Celery's own messages come and go.
        with suppress(FileNotFoundError, IsADirectoryError):
            assert secret.encode() not in path.read_bytes(), path
            seen.add(path.suffix)
    assert {".db", ".log", ".csv"} <= seen


def test_an_export_without_workers_says_what_to_start(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.configure(CONFIG + execution(tmp_path / "broker"))
    with running(shop, *EXPORT) as command:
        assert command.process.stdout is not None
        first, second = (command.process.stdout.readline() for _ in range(2))
        command.process.send_signal(signal.SIGTERM)
        assert command.end(7).code == 143
    assert first == f"orders {DAY}: begins\n"
    assert second == (
        f"orders {DAY}: no Celery worker answers yet; on each machine start: "
        "celery -A etl_assets.celery_app worker\n"
    )
