"""The step's side of a split: the first part, the moment that all begin, and the files.

The step reads the first range itself, into the file that is to be. Each other range is read by a
process into a file without a name. These are appended in the order of the key.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from etl_assets.errors import ShardError
from etl_assets.export.counting import refuse_zero_dates
from etl_assets.export.query import query_of
from etl_assets.export.services import Services
from etl_assets.export.split.locking import LockAnswer
from etl_assets.export.split.plan import SplitPlan, planned
from etl_assets.export.split.processes import Part, PartProcesses
from etl_assets.export.split.proof import PartsProof
from etl_assets.export.task import Exported, Progress, ShardTask
from etl_assets.export.whole import export_whole
from etl_assets.extract import extract
from etl_assets.source.backend import Snapshot
from etl_assets.source.mysql.session import address_of
from etl_assets.source.query import ShardQuery
from etl_assets.source.snapshot import open_snapshot
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.writer import Written, write_records
from etl_assets.tables.columns import Columns

LOCKED_SECONDS = 5.0
"""How long others may be kept from writing, should a part not begin at once."""


def export_split(
    task: ShardTask,
    united: Columns | None,
    folder: Folder,
    stage: Callable[[], StagedFile],
    services: Services,
) -> Exported:
    """Export into the file that `stage` gives, in as many parts as can be, which may be one.

    Meanwhile there are files without names in the folder.

    Raises:
        sqlalchemy.exc.DBAPIError: as the server says it to any part.
        ShardError: a part has ended without its file, or the parts do not fit together.
        CountMismatchError: they do not have each row.
        PartsMismatchError: they are not the whole, and one part would be.
    """
    with planned(task, services) as plan:
        if len(plan.ranges) == 1:
            return export_whole(task, united, stage, services, plan.ranges[0])
        return _SplitExport(task, united, plan, services).into(folder, stage)


class _SplitExport:
    """One attempt at a shard table in several parts."""

    def __init__(
        self, task: ShardTask, united: Columns | None, plan: SplitPlan, services: Services
    ) -> None:
        self._task = task
        self._united = united
        self._plan = plan
        self._services = services
        self._own = Progress(0, 0, None)
        self._expected: int | None = None
        self._locked = False
        self._why_not = ""

    def into(self, folder: Folder, stage: Callable[[], StagedFile]) -> Exported:
        """Export into the file that `stage` gives."""
        task, engines, ranges = self._task, self._services.engines, self._plan.ranges
        first, *others = ranges
        with PartProcesses(engines, task, self._united) as parts:
            parts.start(others, folder)
            with open_snapshot(engines, task.shard, self._moment(parts)) as snapshot:
                self._let_read(snapshot, parts)
                query = query_of(task, snapshot, self._united, first)
                proof = PartsProof(task, snapshot, query, ranges, one_moment=self._locked)
                if task.count:
                    self._expected = proof.count()
                refuse_zero_dates(snapshot, query)
                file = stage()
                written = self._write(file, snapshot, query, parts, proof)
                self._refuse_other_columns(snapshot, parts)
            done = [part.done for part in parts.parts if part.done is not None]
        return Exported(
            file,
            written,
            query,
            proof.conclude(self._own.rows, done),
            snapshot.info.of_parts(len(ranges), locked=self._locked),
        )

    @contextmanager
    def _moment(self, parts: PartProcesses) -> Iterator[None]:
        """The moment at which the transactions of all parts begin."""

        def tick() -> None:
            self._report(parts)

        parts.until(lambda part: "connected" in part.reached, tick)
        try:
            lock = self._plan.lock()
            parts.begin()
            yield
            together = parts.until(lambda part: "begun" in part.reached, tick, LOCKED_SECONDS)
        finally:
            self._plan.release()
        self._locked = lock is LockAnswer.HELD and together
        self._why_not = "a part took too long to begin" if lock is LockAnswer.HELD else lock.value

    def _let_read(self, snapshot: Snapshot, parts: PartProcesses) -> None:
        """Let the parts read, once it is known whether they are from one moment."""
        if self._locked:
            parts.until(lambda part: part.opened, lambda: self._report(parts))
            # A name may stand for several replicas, of which the lock has held one.
            seen = {part.opened.address for part in parts.parts if part.opened is not None}
            if seen | {address_of(snapshot.connection)} != {self._plan.address}:
                self._locked = False
                self._why_not = "the host's name leads to several servers"
        parts.read(counting=self._task.count and not self._locked)
        if not self._locked:
            self._services.on_note(
                f"{self._task.shard}: its parts are not from one moment: {self._why_not}; the "
                "manifest says so with `exact: false`"
            )

    def _write(
        self,
        file: StagedFile,
        snapshot: Snapshot,
        query: ShardQuery,
        parts: PartProcesses,
        proof: PartsProof,
    ) -> Written:
        """The first part's records, and those of the others after them."""

        def on_progress(rows: int, size: int) -> None:
            self._own = Progress(rows, size, None)
            parts.listen()
            self._report(parts)

        written = write_records(
            file,
            self._task.csv,
            [column.name for column in query.columns],
            extract(snapshot.connection, query, self._task.csv),
            on_progress,
            (block for part in self._others(parts, proof) for block in part.file.blocks()),
        )
        others = sum(part.done.rows for part in parts.parts if part.done is not None)
        return replace(written, rows=written.rows + others)

    def _others(self, parts: PartProcesses, proof: PartsProof) -> Iterator[Part]:
        """The other parts, each as soon as it is whole."""
        # While they are still at work; a count that nobody has asked for holds up no row.
        proof.count()
        yield from parts.finished(lambda: self._report(parts))

    def _report(self, parts: PartProcesses) -> None:
        """Say how far all parts together are."""
        each = [self._own, *(part.progress for part in parts.parts)]
        rows, size = sum(one.rows for one in each), sum(one.bytes for one in each)
        self._services.on_progress(Progress(rows, size, self._expected))

    def _refuse_other_columns(self, snapshot: Snapshot, parts: PartProcesses) -> None:
        for part in parts.parts:
            if part.opened is not None and part.opened.columns != snapshot.columns:
                raise ShardError(
                    f"{self._task.shard}",
                    expected="the same columns in all parts",
                    got="others in one that began a moment later: the table was altered",
                    next_step="export it again",
                )
