"""What a step and the processes of its parts say to each other, in this order.

1. A part, connected: `Reached("connected")`. The step, once all are: BEGIN.
2. A part, its snapshot begun: `Reached("begun")`, and then what the table looks like: `Opened`.
3. The step, which knows whether all are of one moment: `ReadRows`.
4. A part, now and then: `Progress`. At its end: `Done`, or the error.
"""

from typing import Literal, NamedTuple

from etl_assets.tables.columns import Column

BEGIN = "begin"
"""What the step says to each part, once all have connected."""


class Reached(NamedTuple):
    """A part has come so far."""

    point: Literal["connected", "begun"]


class Opened(NamedTuple):
    """A part's snapshot is open, and shows this of the table.

    Attributes:
        columns: of the table.
        address: which server it is on, by what that says of itself: a name may stand for several.
    """

    columns: tuple[Column, ...]
    address: str


class ReadRows(NamedTuple):
    """What the step says to each part that has begun: read, and whether to count the rows first."""

    counting: bool


class Done(NamedTuple):
    """A part is whole in its file.

    Attributes:
        rows: in the file.
        counted: what the server counted in the part's own snapshot; None where it was not asked.
    """

    rows: int
    counted: int | None
