"""Charter: keys of every kind: which columns they have, and how they are declared."""

from dataclasses import dataclass

from hypothesis import strategies as st

from etl_assets_tests.conformance.number_types import number_types
from etl_assets_tests.conformance.time_types import time_types
from etl_assets_tests.conformance.values import ColumnType, bytes_literal
from etl_assets_tests.fuzz.case import ColumnSpec, quoted
from etl_assets_tests.fuzz.facts import Collation, Facts
from etl_assets_tests.fuzz.texts import texts

SHAPES = (
    *("primary",) * 10, "unique", "unique", "descending", "prefix", "unique null", "index", "none",
    "two",
)  # fmt: skip
"""How a key is declared, the usual more often."""


@dataclass(frozen=True)
class KeyPart:
    """A column of a key.

    Attributes:
        kind: its type.
        collation: of a text.
        can_be_cut: whether an index of the beginnings of its values may be made.
    """

    kind: ColumnType
    collation: str | None = None
    can_be_cut: bool = False


@dataclass(frozen=True)
class Key:
    """The columns of a key and the indexes over them."""

    parts: tuple[KeyPart, ...]
    columns: tuple[ColumnSpec, ...]
    indexes: tuple[str, ...]


def _bytes_parts() -> list[KeyPart]:
    made = []
    for kind, size in (("binary", 1), ("binary", 16), ("varbinary", 3), ("varbinary", 20)):
        edges = (b"", b"\0", b"\xff", b"\xff" * size, b"\0" * size, b" ", b"'\\", b"\x7f\xff")
        some = st.binary(max_size=size)
        kinds = ColumnType(
            f"{kind}({size})",
            tuple(bytes_literal(edge[:size]) for edge in edges),
            some.map(bytes_literal),
        )
        made.append(KeyPart(kinds, can_be_cut=size > 2))
    return made


def plain_parts(facts: Facts) -> list[list[KeyPart]]:
    """Columns of keys that are no texts, in groups that are drawn equally often."""
    bits = [kind for kind in facts.types["bits"] if kind.sql in ("bit(1)", "bit(8)", "bit(64)")]
    others = facts.types["others"]

    def named(*beginnings: str) -> list[ColumnType]:
        return [
            kind
            for kind in others
            if kind.sql.startswith(beginnings) and "compressed" not in kind.sql
        ]

    numbers = number_types()
    floating = [kind for kind in numbers if kind.sql.startswith(("float", "double"))]
    groups = [
        [kind for kind in numbers if kind not in floating],
        [kind for kind in time_types() if "timestamp" not in kind.sql],
        [kind for kind in time_types() if "datetime" in kind.sql],
        [
            ColumnType(kind.sql.removesuffix(" null"), kind.edges, kind.made)
            for kind in time_types()
            if "timestamp" in kind.sql
        ],
        floating + bits,
        named("enum", "set"),
        named("uuid", "inet"),
    ]
    parts = [[KeyPart(kind) for kind in group] for group in groups if group]
    return [*parts, _bytes_parts()]


def text_part(draw: st.DrawFn, collations: tuple[Collation, ...]) -> KeyPart:
    """A text column of a key."""
    collation = draw(st.sampled_from(collations))
    kind = draw(st.sampled_from(("varchar", "char")))
    size = draw(st.sampled_from((5, 1, 3, 20)))
    made = texts(collation)
    sql = f"{kind}({size}) character set {collation.charset} collate {collation.name}"
    edges = ("''", "' '", "'a'", "'A'", "'a '")
    return KeyPart(ColumnType(sql, edges, made), collation.name, can_be_cut=size > 2)


@st.composite
def keys(
    draw: st.DrawFn, facts: Facts, collations: tuple[Collation, ...], is_text: bool | None
) -> Key:
    """A key of any kind; of texts, or of anything else, where that is asked for."""
    shape = draw(st.sampled_from(SHAPES if is_text is not True else SHAPES[:12]))
    width = draw(st.sampled_from((1, 1, 1, 2, 2, 3, 4)))
    groups = plain_parts(facts)
    texts_first = draw(st.booleans()) if is_text is None else is_text
    parts = []
    for number in range(width):
        if texts_first if number == 0 else draw(st.booleans()):
            parts.append(text_part(draw, collations))
        else:
            parts.append(draw(st.sampled_from(draw(st.sampled_from(groups)))))
    null = "NULL" if shape in ("unique null", "index", "none") else "NOT NULL"
    columns = tuple(
        ColumnSpec(f"k{number}", part.kind.sql, null) for number, part in enumerate(parts)
    )
    return Key(tuple(parts), columns, _indexes(draw, shape, columns, parts))


def _indexes(
    draw: st.DrawFn, shape: str, columns: tuple[ColumnSpec, ...], parts: list[KeyPart]
) -> tuple[str, ...]:
    names = [quoted(column.name) for column in columns]
    if shape == "descending":
        names = [name + (" DESC" if draw(st.booleans()) else "") for name in names]
    if shape == "prefix":
        names = [
            name + ("(2)" if part.can_be_cut else "")
            for name, part in zip(names, parts, strict=True)
        ]
    listed = ", ".join(names)
    match shape:
        case "none":
            return ()
        case "index":
            return (f"KEY ({listed})",)
        case "unique" | "unique null":
            return (f"UNIQUE KEY ({listed})",)
        case "two":
            return (f"UNIQUE KEY ({names[-1]})", f"PRIMARY KEY ({listed})")
        case _:
            return (f"PRIMARY KEY ({listed})",)
