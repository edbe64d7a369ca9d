"""What the step that exports shards lends to their export: none of it is data.

It stays in the step's process. What is to be exported is a `ShardTask`, which travels.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from etl_assets.export.task import Progress
from etl_assets.source.engines import Engines
from etl_assets.tables.columns import Columns


def _unlimited() -> AbstractContextManager[bool]:
    """One more connection to the shard's host than a step has anyway: there always is one."""
    return nullcontext(enter_result=True)


def _silent(_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Services:
    """How an export reaches the servers, and who listens to it.

    Attributes:
        engines: of the hosts.
        united: reads the columns of all shards together; None where each has to have them all.
        spare: allows for one more connection to the shard's host than it has parts, as long as it
            is entered; false where there may be none.
        on_progress: hears how far a shard is.
        on_retry: hears why a shard is tried again.
        on_note: hears why a shard table is not exported in as many parts as `split` asks for, or
            not from one moment.
    """

    engines: Engines
    united: Callable[[], Columns] | None = None
    spare: Callable[[], AbstractContextManager[bool]] = _unlimited
    on_progress: Callable[[Progress], None] = _silent
    on_retry: Callable[[str], None] = _silent
    on_note: Callable[[str], None] = _silent
