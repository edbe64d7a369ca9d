"""One shard table by one SELECT, in this process: how most are exported."""

from collections.abc import Callable

from etl_assets.export.counting import Counts, counted, refuse_other_count, refuse_zero_dates
from etl_assets.export.query import query_of
from etl_assets.export.services import Services
from etl_assets.export.task import Exported, Progress, ShardTask
from etl_assets.extract import extract
from etl_assets.source.key_range import KeyRange
from etl_assets.source.snapshot import open_snapshot
from etl_assets.store.folder import StagedFile
from etl_assets.store.writer import write_records
from etl_assets.tables.columns import Columns


def export_whole(
    task: ShardTask,
    united: Columns | None,
    stage: Callable[[], StagedFile],
    services: Services,
    key: KeyRange | None = None,
) -> Exported:
    """Export all rows into the file that `stage` gives once there are rows to write.

    They come in the order of `key`, a range that holds all of them; without one, in the server's.

    Raises:
        sqlalchemy.exc.DBAPIError: as the server says it.
        ShardError: the columns or the window do not fit the table.
        CountMismatchError: the file does not hold as many rows as the server counted.
    """
    with open_snapshot(services.engines, task.shard) as snapshot:
        query = query_of(task, snapshot, united, key)
        column = task.table.partition.column
        counts = counted(snapshot, query, column) if task.is_counted else Counts()
        refuse_zero_dates(snapshot, query)
        file = stage()
        written = write_records(
            file,
            task.csv,
            [column.name for column in query.columns],
            extract(snapshot.connection, query, task.csv),
            lambda rows, size: services.on_progress(Progress(rows, size, counts.rows)),
        )
        refuse_other_count(task.shard, counts.rows, written.rows)
    return Exported(file, written, query, counts, snapshot.info)
