"""The usual cure, as a command: a pool of two processes, each of which takes the next table.

python -m benchmarks.pool WAY URL FOLDER DATABASE.TABLE...
"""

import multiprocessing
import sys
from functools import partial
from pathlib import Path

from benchmarks.tables import MIXED

PROCESSES = 2


def pandas(url: str, folder: str, table: str) -> None:
    """What one finds first: SQLAlchemy and pandas."""
    import pandas as pd
    import sqlalchemy as sa

    engine = sa.create_engine(f"mysql+pymysql://{url}?ssl_disabled=true")
    frame = pd.read_sql(sa.text(f"SELECT * FROM {table}"), engine)
    frame.to_csv(Path(folder, f"{table}.csv"), index=False)


def connectorx(url: str, folder: str, table: str) -> None:
    """What is fastest: connectorx and Arrow's CSV writer."""
    import connectorx as cx
    from pyarrow import csv

    query = f"SELECT {MIXED.as_text} FROM {table}"
    rows = cx.read_sql(f"mysql://{url}", query, return_type="arrow")
    csv.write_csv(rows, Path(folder, f"{table}.csv"))


WAYS = {"pandas": pandas, "connectorx": connectorx}


def main() -> None:
    """All tables, two at a time."""
    way, url, folder, *tables = sys.argv[1:]
    with multiprocessing.Pool(PROCESSES) as pool:
        pool.map(partial(WAYS[way], url, folder), tables, chunksize=1)


if __name__ == "__main__":
    main()
