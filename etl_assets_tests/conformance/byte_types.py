"""Charter: raw bytes, every byte value at every place, and what is stored as bytes: VECTOR."""

from struct import pack

from hypothesis import strategies as st

from etl_assets_tests.conformance.values import ColumnType, bytes_literal

_EDGES = tuple(
    map(
        bytes_literal,
        (b"", b"\0", b'"', b",\r\n", b"\xfb", b"\xff", b"\xfe\xff\0", b"NULL", b"\\N", b"5C22"),
    )
)


def byte_types(*, has_vectors: bool) -> list[ColumnType]:
    """BINARY to LONGBLOB, and VECTOR where the server knows it."""
    made = st.binary(max_size=60).map(bytes_literal)
    every = bytes_literal(bytes(range(256)))
    types = [
        *(ColumnType(f"binary({n})", ("''",), _of_at_most(n)) for n in (0, 1, 4, 16, 255)),
        *(ColumnType(f"varbinary({n})", ("''", *_EDGES[:2]), _of_at_most(n)) for n in (1, 9)),
        ColumnType("varbinary(1000)", (*_EDGES, every), made),
        ColumnType("char(4) character set binary", ("x'FF'",), _of_at_most(4)),
        ColumnType("text character set binary", (*_EDGES, every), made),
        ColumnType("tinyblob", (*_EDGES, "repeat(x'0A', 255)"), made),
        *(
            ColumnType(kind, (*_EDGES, every, f"repeat({every}, {times})"), made)
            for kind, times in (("blob", 255), ("mediumblob", 256), ("longblob", 300))
        ),
    ]
    if has_vectors:
        largest = "repeat(x'0000803F', 16383)"
        types += [
            ColumnType("vector(1)", ("x'00000080'", "x'00000000'"), _vectors(1)),
            ColumnType("vector(3)", ("x'0000803F'", "x'FFFF7F7F00000080'"), _vectors(3)),
            ColumnType("vector(16383)", (largest, "x'01000000'"), _vectors(20)),
        ]
    return types


def _of_at_most(size: int) -> st.SearchStrategy[str]:
    return st.binary(max_size=size).map(bytes_literal)


def _vectors(most: int) -> st.SearchStrategy[str]:
    number = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return st.lists(number, min_size=1, max_size=most).map(
        lambda numbers: bytes_literal(pack(f"<{len(numbers)}f", *numbers))
    )
