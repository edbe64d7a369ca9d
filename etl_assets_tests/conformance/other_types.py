"""Charter: ENUM and SET with members that CSV has to quote, JSON, UUID and addresses."""

import ipaddress
import json
from collections.abc import Sequence

from hypothesis import strategies as st

from etl_assets_tests.conformance.values import ColumnType, text_literal

_MEMBERS = ("a,b", 'q"', "", "NULL", "汉", "it''s", "2", "1", " x", "\\n", "UNHEX")
_SET_MEMBERS = ('q"', "NULL", "汉", "it''s", "2", "1", " x", "\\\\")


def other_types(*, is_mysql: bool) -> list[ColumnType]:
    """What is neither number nor time nor text nor bytes nor shape."""
    return [
        *_enums_and_sets(),
        ColumnType("json", tuple(map(text_literal, _DOCUMENTS)), _documents().map(text_literal)),
        *([] if is_mysql else _mariadb()),
    ]


def _enums_and_sets() -> list[ColumnType]:
    wide = [f"m{n}" for n in range(64)]
    return [
        _enum(_MEMBERS),
        _enum(("a", "汉"), " character set gbk"),
        _enum(("é", "É"), " character set latin1 collate latin1_bin"),
        _enum(("x", ""), " character set ucs2"),
        _enum([f"e{n}" for n in range(300)]),
        _set(_SET_MEMBERS),
        _set(("a", "汉"), " character set sjis"),
        _set(wide),
        _set(("only",)),
    ]


def _listed(members: Sequence[str]) -> str:
    return ",".join(f"'{member}'" for member in members)


def _enum(members: Sequence[str], attributes: str = "") -> ColumnType:
    numbers = st.integers(1, len(members)).map(str)
    edges = tuple(str(number) for number in range(1, min(len(members), 20) + 1))
    return ColumnType(f"enum({_listed(members)}){attributes}", edges, numbers)


def _set(members: Sequence[str], attributes: str = "") -> ColumnType:
    most = 2 ** len(members) - 1
    edges = ("0", "1", str(most), str(2 ** (len(members) - 1)))
    return ColumnType(f"set({_listed(members)}){attributes}", edges, st.integers(0, most).map(str))


_DOCUMENTS = (
    "null", '"null"', '""', "{}", "[]", "true", "0", "-1", "18446744073709551615",
    "-9223372036854775808", "1.5", "1e300", "5e-324", "0.30000000000000004", '"a\\"b"', '"\\u0000"',
    '{"b": 1.50, "a": [null, "x\\n", "汉😀"], "": {"c,d": "\\\\"}}', '"x,y\\r\\nz"',
)  # fmt: skip


def _documents() -> st.SearchStrategy[str]:
    text = st.text(st.characters(codec="utf-8"), max_size=6)
    # Wider integers are numbers of another kind to MySQL.
    leaf = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | text
    )
    tree = st.recursive(
        leaf,
        lambda inside: st.lists(inside, max_size=3) | st.dictionaries(text, inside, max_size=3),
        max_leaves=5,
    )
    return st.tuples(tree, st.booleans()).map(
        lambda p: json.dumps(p[0], ensure_ascii=p[1], allow_nan=False)
    )


def _mariadb() -> list[ColumnType]:
    address = st.integers(0, 2**128 - 1).map(lambda n: f"'{ipaddress.IPv6Address(n)}'")
    return [
        ColumnType(
            "uuid",
            ("'00000000-0000-0000-0000-000000000000'", "'FFFFFFFF-ffff-ffff-ffff-ffffffffffff'"),
            st.uuids().map(lambda uuid: f"'{uuid}'"),
        ),
        ColumnType("inet6", ("'::'", "'::ffff:192.0.2.1'", "'2001:db8::ff00:42'"), address),
        ColumnType(
            "inet4",
            ("'0.0.0.0'", "'255.255.255.255'"),
            st.integers(0, 2**32 - 1).map(lambda n: f"'{ipaddress.IPv4Address(n)}'"),
        ),
        ColumnType("longtext compressed", ("''", "'x'", "repeat('ab\"', 5000)"), st.just("'y'")),
        ColumnType("varbinary(99) compressed", ("''", "x'00FF'"), st.just("x'22'")),
    ]
