"""A new run's file, made as the index is.

Dagster asks Alembic for it, which loads all migrations that there ever were, twice: a tenth of a
second before each run.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path


def copied_schema(index: Path, new: Path, page_bytes: int) -> bool:
    """Make a file with the tables of another, and its revision; whether that was possible.

    Where it was not, nothing of it is in the file.
    """
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(index)) as like,
        closing(sqlite3.connect(new, isolation_level=None)) as made,
    ):
        revisions = like.execute("SELECT version_num FROM alembic_version").fetchall()
        if not revisions:
            return False
        made.execute(f"PRAGMA page_size = {page_bytes}")
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("BEGIN IMMEDIATE")
        # In the order in which they were made. What has no text belongs to a table.
        for (statement,) in like.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        ):
            made.execute(statement)
        made.executemany("INSERT INTO alembic_version VALUES (?)", revisions)
        made.execute("COMMIT")
        return True
    return False
