"""The step's side of a split: the first part, the moment that all begin, and the files.

The step reads the first range itself, into the file that is to be. Each other range is read by a
process into a file without a name. These are appended in the order of the key.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from etl_assets.errors import ShardError
from etl_assets.export.split.locking import Lock
from etl_assets.export.split.part import Told
from etl_assets.export.split.plan import SplitPlan
from etl_assets.export.split.processes import Part, PartProcesses
from etl_assets.export.split.proof import PartsProof
from etl_assets.export.task import Exported, Progress, ShardTask, query_of, refuse_zero_dates
from etl_assets.extract import extract
from etl_assets.source.engines import Engines
from etl_assets.source.query import ShardQuery
from etl_assets.source.snapshot import Snapshot, open_snapshot
from etl_assets.store.folder import Folder, StagedFile
from etl_assets.store.writer import Written, write_records
from etl_assets.tables.columns import Columns

LOCKED_SECONDS = 5.0
"""How long others may be kept from writing, should a part not begin at once."""


class SplitExport:
    """One attempt at a shard table in parts."""

    def __init__(
        self,
        engines: Engines,
        plan: SplitPlan,
        on_progress: Callable[[Progress], None],
        on_note: Callable[[str], None],
    ) -> None:
        self._engines = engines
        self._plan = plan
        self._task: ShardTask = plan.task
        self._on_progress = on_progress
        self._on_note = on_note
        self._own = Told(0, 0)
        self._expected: int | None = None
        self._locked = False
        self._why_not = ""

    def into(
        self, folder: Folder, stage: Callable[[], StagedFile], united: Columns | None
    ) -> Exported:
        """Export into the file that `stage` gives.

        Meanwhile there are files without names in the folder.

        Raises:
            sqlalchemy.exc.DBAPIError: as the server says it to any part.
            ShardError: a part has ended without its file, or the parts do not fit together.
            CountMismatchError: they do not have each row.
        """
        task = self._task
        ranges = [part for part in self._plan.ranges if part is not None]
        first, *others = ranges
        with PartProcesses(self._engines, task, united) as parts:
            parts.start(others, folder)
            with open_snapshot(self._engines, task.shard, self._turn(parts)) as snapshot:
                self._go_on(snapshot, parts)
                query = query_of(task, snapshot, united, first)
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
    def _turn(self, parts: PartProcesses) -> Iterator[None]:
        """The moment at which the transactions of all parts begin."""

        def tick() -> None:
            self._tell(parts)

        parts.until(lambda part: "connected" in part.stages, tick)
        try:
            lock = self._plan.lock()
            parts.begin()
            yield
            together = parts.until(lambda part: "begun" in part.stages, tick, LOCKED_SECONDS)
        finally:
            self._plan.release()
        self._locked = lock is Lock.HELD and together
        self._why_not = "a part took too long to begin" if lock is Lock.HELD else lock.value

    def _go_on(self, snapshot: Snapshot, parts: PartProcesses) -> None:
        """Let the parts read, once it is known whether they are from one moment."""
        if self._locked:
            parts.until(lambda part: part.seen, lambda: self._tell(parts))
            # A name may stand for several replicas, of which the lock has held one.
            seen = {part.seen.info.address for part in parts.parts if part.seen is not None}
            if seen | {snapshot.info.address} != {self._plan.address}:
                self._locked = False
                self._why_not = "the host's name leads to several servers"
        parts.go_on(counting=self._task.count and not self._locked)
        if not self._locked:
            self._on_note(
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
            self._own = Told(rows, size)
            parts.listen()
            self._tell(parts)

        written = write_records(
            file,
            self._task.csv,
            [column.name for column in query.columns],
            extract(snapshot.connection, query, self._task.csv),
            on_progress,
            (block for part in self._others(parts, proof) for block in part.scratch.blocks()),
        )
        others = sum(part.done.rows for part in parts.parts if part.done is not None)
        return replace(written, rows=written.rows + others)

    def _others(self, parts: PartProcesses, proof: PartsProof) -> Iterator[Part]:
        """The other parts, each as soon as it is whole."""
        # While they are still at work; a count that nobody has asked for holds up no row.
        proof.count()
        yield from parts.finished(lambda: self._tell(parts))

    def _tell(self, parts: PartProcesses) -> None:
        told = [self._own, *(part.told for part in parts.parts)]
        rows, size = (sum(numbers) for numbers in zip(*told, strict=True))
        self._on_progress(Progress(rows, size, self._expected))

    def _refuse_other_columns(self, snapshot: Snapshot, parts: PartProcesses) -> None:
        for part in parts.parts:
            if part.seen is not None and part.seen.columns != snapshot.columns:
                raise ShardError(
                    f"{self._task.shard}",
                    expected="the same columns in all parts",
                    got="others in one that began a moment later: the table was altered",
                    next_step="export it again",
                )
