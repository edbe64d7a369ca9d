"""What a failed statement means: which errors heal by themselves, and what to do about the rest."""

import random
from collections.abc import Iterator, Mapping

from sqlalchemy.exc import DBAPIError

from etl_assets.errors import ShardError
from etl_assets.tables.topology import Shard

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
    1049: "fix the pattern of the shard, or create the database",
    1054: "fix `columns` or `partition.column` of the logical table",
    1142: "grant SELECT on the table to the account",
    1143: "grant SELECT on the table to the account",
    1146: "fix the pattern of the shard, or put the table back and export with --resume",
    2003: "see that the server runs and can be reached from here",
}

_OF_EXPRESSIONS: Mapping[int, str] = {
    1052: "ER_NON_UNIQ_ERROR",
    1054: "ER_BAD_FIELD_ERROR",
    1064: "ER_PARSE_ERROR",
    1109: "ER_UNKNOWN_TABLE",
    1111: "ER_INVALID_GROUP_FUNC_USE",
    1128: "ER_FUNCTION_NOT_DEFINED",
    1139: "ER_REGEXP_ERROR",
    1210: "ER_WRONG_ARGUMENTS",
    1235: "ER_NOT_SUPPORTED_YET",
    1241: "ER_OPERAND_COLUMNS",
    1242: "ER_SUBQUERY_NO_1_ROW",
    1247: "ER_ILLEGAL_REFERENCE",
    1267: "ER_CANT_AGGREGATE_2COLLATIONS",
    1270: "ER_CANT_AGGREGATE_3COLLATIONS",
    1271: "ER_CANT_AGGREGATE_NCOLLATIONS",
    1305: "ER_SP_DOES_NOT_EXIST",
    1370: "ER_PROCACCESS_DENIED_ERROR",
    1411: "ER_WRONG_VALUE_FOR_TYPE",
    1525: "ER_WRONG_VALUE",
    1582: "ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT",
    1583: "ER_WRONG_PARAMETERS_TO_NATIVE_FCT",
    1630: "ER_FUNC_INEXISTENT_NAME_COLLISION",
    1690: "ER_DATA_OUT_OF_RANGE",
    3141: "ER_INVALID_JSON_TEXT_IN_PARAM",
    3143: "ER_INVALID_JSON_PATH",
    3685: "ER_REGEXP_ILLEGAL_ARGUMENT",
    3692: "ER_REGEXP_MISMATCHED_PAREN",
    3696: "ER_REGEXP_MISSING_CLOSE_BRACKET",
}
"""What a server says of an expression. All but `where` is made of names that it has given."""

_OF_EXPRESSIONS_IN_SQLITE = (
    "no such column",
    "no such function",
    "syntax error",
    "unrecognized token",
    "incomplete input",
    "wrong number of arguments",
    "misuse of aggregate",
)

_NO_TABLE = 1146

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


def shard_error(shard: Shard, error: DBAPIError, where: str | None = None) -> ShardError:
    """The error with the shard's name, the server's number and text, and what to do next.

    `where` of the logical table is named where it is to blame. The statement and its parameters are
    left out: they may hold values that a log should not.
    """
    text = server_text(error)
    if where is not None and _is_of_expression(shard, error):
        return ShardError(
            f"{shard}: {text}: the server refuses `where` of table {shard.table}",
            next_step="fix it in etl_assets.yaml",
        )
    next_step = _NEXT_STEPS.get(error_number(error) or 0, _ELSEWHERE)
    return ShardError(f"{shard}: {text}", next_step=_SILENCE if _TIMED_OUT in text else next_step)


def _is_of_expression(shard: Shard, error: DBAPIError) -> bool:
    number, text = error_number(error), server_text(error)
    if number is None:
        return any(words in text for words in _OF_EXPRESSIONS_IN_SQLITE)
    # Another table is one that a subquery names.
    own = f".{shard.shard_table}'".casefold()
    is_others = number == _NO_TABLE and own not in text.casefold()
    return number in _OF_EXPRESSIONS or is_others


def pauses(retries: int) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubling up to half a minute, with jitter."""
    for attempt in range(retries):
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt)
        yield longest * random.uniform(0.5, 1.0)  # noqa: S311
