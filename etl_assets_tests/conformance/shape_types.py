"""Charter: GEOMETRY and its subtypes with and without a reference system, made from their bytes.

Coordinates enter as bits, in the servers' own binary form: whatever the text of a geometry cannot
say would show.
"""

from collections.abc import Sequence
from struct import pack

from hypothesis import strategies as st

from etl_assets_tests.conformance.values import ColumnType, Sql, bytes_literal

Point = tuple[float, float]

_POINT, _LINE, _POLYGON, _POINTS, _LINES, _POLYGONS, _COLLECTION = range(1, 8)


def shape_types(*, is_mysql: bool) -> list[ColumnType]:
    """GEOMETRY and its seven subtypes; columns of one reference system where there are such."""
    # MariaDB writes 0 for the coordinate -0.
    number = st.floats(allow_nan=False, allow_infinity=False).map(
        lambda number: number if is_mysql else number + 0.0
    )
    flat = st.tuples(number, number)
    angles = st.tuples(st.floats(-179, 179).map(_plain), st.floats(-89, 89).map(_plain))
    shapes = _shapes(flat)
    # On a globe, and where coordinates have no limit.
    anywhere = st.tuples(st.sampled_from((0, 3857)), st.one_of(*shapes.values()))
    globe = st.tuples(st.just(4326), st.one_of(*_shapes(angles).values()))
    edges = tuple(
        _stored((srid, shape))
        for srid in (0, 4326)
        for shape in (
            _wkb(_POINT, pack("<dd", 1, 2.5)),
            _wkb(_COLLECTION, pack("<I", 0)),
            _collected(_COLLECTION, [_wkb(_POINT, pack("<dd", 0.1 + 0.2, 1e-20))]),
        )
    )
    extremes = (
        _stored((0, _wkb(_POINT, pack("<dd", 1.7976931348623157e308, 5e-324)))),
        _stored((0, _wkb(_POINT, pack("<dd", -2.2250738585072014e-308, -1e22)))),
    )
    some = _stored((0, _collected(_COLLECTION, [])))
    types = [
        ColumnType(kind, _some_of(kind), shape.map(lambda wkb: _stored((0, wkb))))
        for kind, shape in shapes.items()
    ]
    types += [
        ColumnType("geometry", (*edges, *extremes, some), (anywhere | globe).map(_stored)),
        ColumnType("point", extremes, flat.map(lambda p: _stored((0, _point(p))))),
    ]
    if is_mysql:
        types += [
            ColumnType("point srid 0", extremes, flat.map(lambda p: _stored((0, _point(p))))),
            ColumnType("geometry srid 4326", edges[3:], globe.map(_stored)),
        ]
    return types


def _some_of(kind: str) -> tuple[str, ...]:
    """A plain geometry of a type."""
    square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0)]
    line = _line(square)
    shape = {
        "point": _point((1.0, 2.0)),
        "linestring": line,
        "polygon": _polygon([square]),
        "multipoint": _collected(_POINTS, [_point((1.0, 2.0))]),
        "multilinestring": _collected(_LINES, [line, line]),
        "multipolygon": _collected(_POLYGONS, [_polygon([square])]),
        "geometrycollection": _collected(_COLLECTION, [line, _point((1.0, 2.0))]),
    }[kind]
    return (_stored((0, shape)),)


def _plain(number: float) -> float:
    """Without the sign of zero."""
    return number + 0.0


def _shapes(point: st.SearchStrategy[Point]) -> dict[str, st.SearchStrategy[bytes]]:
    """A strategy for each type's binary form."""
    points = st.lists(point, min_size=2, max_size=4)
    ring = st.lists(point, min_size=3, max_size=4).map(lambda ring: [*ring, ring[0]])
    dots = point.map(_point)
    lines = points.map(_line)
    polygons = st.lists(ring, min_size=1, max_size=2).map(_polygon)
    shapes = {
        "point": dots,
        "linestring": lines,
        "polygon": polygons,
        "multipoint": _many(_POINTS, dots),
        "multilinestring": _many(_LINES, lines),
        "multipolygon": _many(_POLYGONS, polygons),
    }
    shapes["geometrycollection"] = _many(_COLLECTION, st.one_of(*shapes.values()), least=0)
    return shapes


def _many(code: int, shapes: st.SearchStrategy[bytes], least: int = 1) -> st.SearchStrategy[bytes]:
    return st.lists(shapes, min_size=least, max_size=3).map(lambda parts: _collected(code, parts))


def _stored(srid_and_shape: tuple[int, bytes]) -> str:
    """A geometry as both servers store it: the reference system, then well-known binary."""
    srid, shape = srid_and_shape
    return bytes_literal(pack("<I", srid) + shape)


def _wkb(code: int, body: bytes) -> bytes:
    return pack("<BI", 1, code) + body


def _point(point: Point) -> bytes:
    return _wkb(_POINT, pack("<dd", *point))


def _run(points: Sequence[Point]) -> bytes:
    return pack("<I", len(points)) + b"".join(pack("<dd", *point) for point in points)


def _line(points: Sequence[Point]) -> bytes:
    return _wkb(_LINE, _run(points))


def _polygon(rings: Sequence[Sequence[Point]]) -> bytes:
    return _wkb(_POLYGON, pack("<I", len(rings)) + b"".join(map(_run, rings)))


def _collected(code: int, parts: Sequence[bytes]) -> bytes:
    return _wkb(code, pack("<I", len(parts)) + b"".join(parts))


__all__ = ["Sql", "shape_types"]
