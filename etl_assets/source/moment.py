"""The moment that rows are from."""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True)
class Position:
    """A place in a server's binary log.

    Attributes:
        file: the log file; None where the account may not know it.
        offset: the byte in that file.
        gtid: the set of transactions up to there; None where it is not known.
        exact: whether the place is the snapshot's own; otherwise others wrote meanwhile, and it
            is a little later.
    """

    file: str | None
    offset: int | None
    gtid: str | None
    exact: bool


@dataclass(frozen=True)
class SnapshotInfo:
    """What is known of the moment that the rows are from.

    Attributes:
        server: the kind of server: mysql, mariadb or sqlite.
        version: in the server's own words.
        isolation: the transaction's isolation level.
        position: the binary log's position at that moment, where it is known.
        exact: whether all rows are from one moment; false for engines without transactions.
        taken_at: when the transaction began.
        parts: how many transactions read the rows, each a range of the key; None for a single one.
        locked: whether nobody could write while these began; None for a single one.
    """

    server: str
    version: str
    isolation: str
    position: Position | None
    exact: bool
    taken_at: datetime
    parts: int | None = None
    locked: bool | None = None

    def of_parts(self, parts: int, *, locked: bool) -> "SnapshotInfo":
        """What is to be said of several transactions, of which this is the first."""
        position = self.position and replace(self.position, exact=self.position.exact and locked)
        return replace(
            self, parts=parts, locked=locked, exact=self.exact and locked, position=position
        )
