"""What a failed statement means: which errors heal by themselves, and what to do about the rest."""

import random
from collections.abc import Iterator, Mapping

from sqlalchemy.exc import DBAPIError

from etl_assets.errors import ShardError
from etl_assets.topology import Shard

TRANSIENT: Mapping[int, str] = {
    1040: "ER_CON_COUNT_ERROR",
    1053: "ER_SERVER_SHUTDOWN",
    1077: "ER_NORMAL_SHUTDOWN",
    1158: "ER_NET_READ_ERROR",
    1159: "ER_NET_READ_INTERRUPTED",
    1160: "ER_NET_ERROR_ON_WRITE",
    1161: "ER_NET_WRITE_INTERRUPTED",
    1203: "ER_TOO_MANY_USER_CONNECTIONS",
    1205: "ER_LOCK_WAIT_TIMEOUT",
    1213: "ER_LOCK_DEADLOCK",
    1226: "ER_USER_LIMIT_REACHED",
    1412: "ER_TABLE_DEF_CHANGED",
    1927: "ER_CONNECTION_KILLED",
    2002: "CR_CONNECTION_ERROR",
    2003: "CR_CONN_HOST_ERROR",
    2006: "CR_SERVER_GONE_ERROR",
    2013: "CR_SERVER_LOST",
    2055: "CR_SERVER_LOST_EXTENDED",
    3169: "ER_SESSION_WAS_KILLED",
    4031: "ER_CLIENT_INTERACTION_TIMEOUT",
}
"""Errors worth another attempt, by the server's and the client's numbers and names for them."""

UNREACHABLE = frozenset({2002, 2003})
"""The transient ones that say nothing of a shard: there was no server to ask."""

_NEXT_STEPS: Mapping[int, str] = {
    1044: "grant SELECT on the database to the account",
    1045: "check the account and the password variable of the host",
    1049: "mend the pattern of the shard, or create the database",
    1054: "mend `where`, `columns` or `partition.column` of the logical table",
    1064: "mend `where` of the logical table",
    1142: "grant SELECT on the table to the account",
    1146: "mend the pattern of the shard, or put the table back and export with --resume",
    2003: "see that the server runs and can be reached from here",
}

_ELSEWHERE = "see the server's own log and export with --resume"
_TIMED_OUT = "timed out"
_SILENCE = (
    "nothing came for as long as `connect: {connect_timeout: …, read_timeout: …}` of the host "
    "allow: see to the network and the server, or raise them, and export with --resume"
)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


def error_number(error: DBAPIError) -> int | None:
    """The server's number for an error; None where the driver gives none."""
    args = error.orig.args if error.orig is not None else ()
    return args[0] if args and isinstance(args[0], int) else None


def is_transient(error: DBAPIError) -> bool:
    """Whether another attempt may succeed without anybody's help."""
    return error_number(error) in TRANSIENT


def server_text(error: DBAPIError) -> str:
    """The server's number and text, without the statement."""
    number = error_number(error)
    args = error.orig.args if error.orig is not None else ()
    text = str(args[-1]) if args else type(error).__name__
    return f"error {number}: {text}" if number is not None else text


def shard_error(shard: Shard, error: DBAPIError) -> ShardError:
    """The error with the shard's name, the server's number and text, and what to do next.

    The statement and its parameters are left out: they may hold values that a log should not.
    """
    text = server_text(error)
    next_step = _NEXT_STEPS.get(error_number(error) or 0, _ELSEWHERE)
    return ShardError(f"{shard}: {text}", next_step=_SILENCE if _TIMED_OUT in text else next_step)


def pauses(retries: int) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubling up to half a minute, with jitter."""
    for attempt in range(retries):
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311
