"""That the parts of a shard table are the table: each of its rows, and each once.

What the ranges are, was found by estimates, and what an index gives for a range depends on its
order being that of comparisons. So nothing that a part says of itself proves anything of the
others. One count of the whole does, made without any range in the first part's snapshot, even
where `verify: none` does without other counts:

* No row is in two parts. A server tests the conditions of a part for each row that its index gives,
  and those of two parts exclude each other: for one row `k < x` and `k >= x` are never both true,
  and the cuts between them ascend by the same comparisons (`ranges_of` sees to that). Keys are not
  cut whose index is known to give rows that are not in a range (`find_key`).
* No row is in none. Where all parts are from one moment, their rows together are as many as the
  whole; none of them being there twice, they are the whole. Where others may have written between
  their beginnings, sums of several moments prove nothing. There the ranges are counted one by one
  in the first snapshot and have to be as many as the whole, and each part is compared with a count
  of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from etl_assets.errors import PartsMismatchError
from etl_assets.export.counting import Counts, count_rows, counted, refuse_other_count
from etl_assets.export.split.messages import Done
from etl_assets.export.task import ShardTask
from etl_assets.source.backend import Snapshot
from etl_assets.source.key_range import KeyRange
from etl_assets.source.query import ShardQuery


class PartsProof:
    """What the server counts in the snapshot of the first part, and what is concluded from that.

    Arguments:
        task: the shard table's.
        snapshot: of the first part.
        query: what the first part asks for.
        ranges: of all parts.
        one_moment: whether nobody could write while their snapshots began.
    """

    def __init__(
        self,
        task: ShardTask,
        snapshot: Snapshot,
        query: ShardQuery,
        ranges: Sequence[KeyRange],
        *,
        one_moment: bool,
    ) -> None:
        self._task = task
        self._snapshot = snapshot
        self._query = query
        self._ranges = ranges
        self._one_moment = one_moment
        self._counts = Counts()
        self._whole: int | None = None
        self._first: int | None = None

    def count(self) -> int:
        """How many rows the server counts of the whole; it is asked once.

        Raises:
            PartsMismatchError: the ranges together do not have as many.
            sqlalchemy.exc.DBAPIError: as the server says it.
        """
        if self._whole is None:
            whole = replace(self._query, key_range=None)
            if self._task.is_counted:
                column = self._task.table.partition.column
                self._counts = counted(self._snapshot, whole, column)
            rows = self._counts.rows
            self._whole = count_rows(self._snapshot, whole) if rows is None else rows
            if not self._one_moment:
                each = [self._count(part) for part in self._ranges]
                self._first = each[0]
                self._refuse_other_sum(self._whole, sum(each))
        return self._whole

    def conclude(self, first: int, others: Sequence[Done]) -> Counts:
        """What the server counted of all parts, which have so many rows in their files.

        Raises:
            CountMismatchError: the files do not have each row.
            PartsMismatchError: the parts together do not.
        """
        whole = self.count()
        if self._one_moment:
            self._refuse_other_sum(whole, first + sum(done.rows for done in others))
            return self._counts
        # The others have compared their own.
        refuse_other_count(self._task.shard, self._first, first)
        if self._counts.rows is None:
            return self._counts
        rows = [self._first, *(done.counted for done in others)]
        return replace(self._counts, rows=sum(number for number in rows if number is not None))

    def _count(self, part: KeyRange) -> int:
        return count_rows(self._snapshot, replace(self._query, key_range=part))

    def _refuse_other_sum(self, whole: int, rows: int) -> None:
        if rows != whole:
            raise PartsMismatchError(
                f"{self._task.shard}: split",
                expected=f"{whole} rows in all parts together, as the server counted the whole "
                "in the same snapshot",
                got=f"{rows}",
            )
