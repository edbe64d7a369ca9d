"""What a failed statement means, whichever database has said it."""

import random
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from etl_assets.errors import ShardError
from etl_assets.source.backends import backend_that_raised
from etl_assets.tables.topology import Shard

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


def is_transient(error: DBAPIError) -> bool:
    """Whether another attempt may succeed without anybody's help."""
    return backend_that_raised(error).is_transient(error)


def is_unreachable(error: DBAPIError) -> bool:
    """Whether there was no server to ask."""
    return backend_that_raised(error).is_unreachable(error)


def is_denied(error: DBAPIError) -> bool:
    """Whether the account is unknown, or its password is wrong."""
    return backend_that_raised(error).is_denied(error)


def server_text(error: DBAPIError) -> str:
    """The server's number and text, without the statement."""
    return backend_that_raised(error).error_text(error)


def shard_error(shard: Shard, error: DBAPIError, where: str | None = None) -> ShardError:
    """The error with the shard's name, the server's number and text, and what to do next.

    `where` of the logical table is named where it is to blame. The statement and its parameters are
    left out: they may hold values that a log should not.
    """
    backend = backend_that_raised(error)
    text = backend.error_text(error)
    if where is not None and backend.is_of_condition(error, shard):
        return ShardError(
            f"{shard}: {text}: the server refuses `where` of table {shard.table}",
            next_step="fix it in etl_assets.yaml",
        )
    return ShardError(f"{shard}: {text}", next_step=backend.next_step(error))


def pauses(retries: int) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubling up to half a minute, with jitter."""
    for attempt in range(retries):
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311
