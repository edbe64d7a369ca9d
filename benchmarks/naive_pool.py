"""The usual cure, as a command: a pool of processes over SQLAlchemy and pandas.

python -m benchmarks.naive_pool URL FOLDER DATABASE.TABLE...
"""

import multiprocessing
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import sqlalchemy as sa

PROCESSES = 2


def export(url: str, folder: str, table: str) -> int:
    """One table to one file; gives its rows."""
    frame = pd.read_sql(sa.text(f"SELECT * FROM {table}"), sa.create_engine(url))
    frame.to_csv(Path(folder, f"{table}.csv"), index=False)
    return len(frame)


def main() -> None:
    """All tables, two at a time."""
    url, folder, *tables = sys.argv[1:]
    with multiprocessing.Pool(PROCESSES) as pool:
        print(sum(pool.map(partial(export, url, folder), tables, chunksize=1)))


if __name__ == "__main__":
    main()
