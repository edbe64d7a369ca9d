"""The demo's databases and its configuration."""

import sqlite3
from importlib.resources import files
from pathlib import Path

import pytest

from etl_assets.config import CONFIG_NAME, load_config
from etl_assets.demo import DATABASES, DEMO_PARTITION, ORDER_TABLES, seed, write_config
from etl_assets.errors import StoreError, UsageError
from etl_assets.tables.topology import load_topology

ROOT = Path(__file__).parent.parent


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    """What a database answers."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The demo's databases."""
    return seed(tmp_path_factory.mktemp("shop"))


def test_seeding_again_gives_the_same_bytes_and_leaves_nothing_else(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in seed(tmp_path)]
    second = [path.read_bytes() for path in seed(tmp_path)]
    assert first == second
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "shop_00.db",
        "shop_01.db",
    ]


def test_a_reader_of_the_old_database_is_not_disturbed(tmp_path: Path) -> None:
    path, _ = seed(tmp_path)
    connection = sqlite3.connect(path)
    try:
        connection.execute("BEGIN")
        before = connection.execute("SELECT count(*) FROM orders_00").fetchone()
        seed(tmp_path)
        assert connection.execute("SELECT count(*) FROM orders_00").fetchone() == before
    finally:
        connection.close()


def test_every_shard_of_the_configuration_is_there_with_rows_of_the_window(
    shop: list[Path], tmp_path: Path
) -> None:
    found = {path.stem: path for path in shop}
    for table in load_topology(load_config(write_config(tmp_path))):
        for shard in table.shards:
            inside = "" if table.settings.is_snapshot else f"WHERE {in_window()}"
            query = f"SELECT count(*) FROM {shard.shard_table} {inside}"
            ((count,),) = rows(found[shard.database], query)
            assert isinstance(count, int)
            assert count > 0, shard


def in_window() -> str:
    """The demo's window, as SQLite's own functions see it."""
    return f"date(created_at) = '{DEMO_PARTITION}'"


def test_an_order_is_in_one_shard_beside_its_user(shop: list[Path]) -> None:
    orders: list[object] = []
    for path in shop:
        users = {user for (user,) in rows(path, "SELECT id FROM users")}
        for table in ORDER_TABLES:
            here = rows(path, f"SELECT id, user_id FROM {table}")
            orders += [order for order, _ in here]
            assert {user for _, user in here} <= users
    assert len(orders) == len(set(orders))
    assert [path.stem for path in shop] == list(DATABASES)


@pytest.mark.parametrize("special", ['"', ",", "\n", "\\", "请", "い"])
def test_the_window_holds_the_values_that_csv_is_known_to_lose(
    shop: list[Path], special: str
) -> None:
    notes = [
        note
        for path in shop
        for table in ORDER_TABLES
        for (note,) in rows(path, f"SELECT note FROM {table} WHERE {in_window()}")
    ]
    assert any(special in str(note) for note in notes)
    assert None in notes
    assert "" in notes


def test_no_price_ends_in_a_zero_that_sqlite_would_drop(shop: list[Path]) -> None:
    for path in shop:
        for (price,) in rows(path, "SELECT price FROM orders_00"):
            assert len(str(price).split(".")[1]) == 2


def test_the_configuration_is_written_once_and_is_the_one_of_the_repository(
    tmp_path: Path,
) -> None:
    path = write_config(tmp_path / "new")
    assert path.read_bytes() == (ROOT / CONFIG_NAME).read_bytes()
    assert path.read_bytes() == (files("etl_assets") / "demo.yaml").read_bytes()
    written = path.stat().st_mtime_ns
    assert write_config(tmp_path / "new") == path
    assert path.stat().st_mtime_ns == written
    assert [file.name for file in path.parent.iterdir()] == [CONFIG_NAME]


def test_another_configuration_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / CONFIG_NAME
    path.write_text("hosts: {}\n")
    with pytest.raises(UsageError, match=r"expected .* got .*; .*--directory") as refusal:
        write_config(tmp_path)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert path.read_text() == "hosts: {}\n"
    assert [file.name for file in tmp_path.iterdir()] == [CONFIG_NAME]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for act in (write_config, seed):
        with pytest.raises(StoreError) as refusal:
            act(tmp_path / "file")
        assert "\n" not in str(refusal.value)
