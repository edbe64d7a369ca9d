"""A run's file is made as the index is, and is what Dagster would have made."""

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from etl_assets.instance.schema_copy import copied_schema
from etl_assets_tests.support.recorded import instance_in


@dg.op
def nothing() -> None:
    """An op that does nothing."""


@dg.job
def idle() -> None:
    """A job whose run says nothing of assets."""
    nothing()


def schema_of(path: Path) -> list[tuple[str, ...]]:
    """What a file is made of, and its revision."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        revisions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        (mode,) = connection.execute("PRAGMA journal_mode").fetchall()
    return [*sorted(tables, key=str), *revisions, mode]


def test_a_runs_file_is_as_dagster_makes_it_and_alembic_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for kept in (False, True):
        home = tmp_path / str(kept)
        home.mkdir()
        with instance_in(home, kept=kept) as instance:
            if kept:
                monkeypatch.setattr(type(instance.event_log_storage), "_initdb", None)
            run_id = idle.execute_in_process(instance=instance).run_id
        (path,) = home.rglob(f"{run_id}.db")
        made.append(schema_of(path))
    assert made[0] == made[1]


@pytest.mark.parametrize("table", ["others (a)", "alembic_version (version_num)"])
def test_of_an_index_without_a_revision_nothing_is_copied(tmp_path: Path, table: str) -> None:
    index, new = tmp_path / "index.db", tmp_path / "new.db"
    with closing(sqlite3.connect(index)) as connection:
        connection.execute(f"CREATE TABLE {table}")
    assert not copied_schema(index, new, 8192)
    assert new.stat().st_size == 0


def test_what_somebody_else_has_just_made_stays(tmp_path: Path) -> None:
    with instance_in(tmp_path, kept=True):
        (index,) = tmp_path.rglob("index.db")
    assert copied_schema(index, tmp_path / "new.db", 8192)
    before = schema_of(tmp_path / "new.db")
    assert not copied_schema(index, tmp_path / "new.db", 8192)
    assert schema_of(tmp_path / "new.db") == before
