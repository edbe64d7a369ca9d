"""What a failed statement means: which errors heal by themselves, and what to do about the rest."""

from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError

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

DENIED = frozenset({1045, 1698})
"""The account is not let in; the second one says that no password was given."""

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
    1046: "ER_NO_DB_ERROR",
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

_NO_TABLE = 1146

_TIMED_OUT = "timed out"
_SILENCE = (
    "nothing came for as long as `connect: {connect_timeout: …, read_timeout: …}` of the host "
    "allow: see to the network and the server, or raise them, and export with --resume"
)


def error_number(error: DBAPIError) -> int | None:
    """The server's number for an error; None where the driver gives none."""
    args = error.orig.args if error.orig is not None else ()
    return args[0] if args and isinstance(args[0], int) else None


def is_of_condition(error: DBAPIError, shard: Shard) -> bool:
    """Whether the server refuses an expression, or does not know a table that one names."""
    number = error_number(error)
    # Another table is one that a subquery names.
    own = f".{shard.shard_table}'".casefold()
    is_others = number == _NO_TABLE and own not in _last(error).casefold()
    return number in _OF_EXPRESSIONS or is_others


def next_step(error: DBAPIError) -> str | None:
    """What to do about an error, where that is known."""
    return _SILENCE if _TIMED_OUT in _last(error) else _NEXT_STEPS.get(error_number(error) or 0)


def _last(error: DBAPIError) -> str:
    return str(error.orig.args[-1]) if error.orig is not None and error.orig.args else ""
