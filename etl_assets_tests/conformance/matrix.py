"""Charter: every column type there is, in families that each fit into one table."""

from collections.abc import Callable, Mapping

from etl_assets_tests.conformance.byte_types import byte_types
from etl_assets_tests.conformance.number_types import bit_types, number_types
from etl_assets_tests.conformance.other_types import other_types
from etl_assets_tests.conformance.shape_types import shape_types
from etl_assets_tests.conformance.text_types import text_types
from etl_assets_tests.conformance.time_types import time_types
from etl_assets_tests.conformance.values import ColumnType
from etl_assets_tests.support.servers import Server

FAMILIES: Mapping[str, Callable[[Server], list[ColumnType]]] = {
    "numbers": lambda server: number_types(),
    "bits": lambda server: bit_types(),
    "times": lambda server: time_types(),
    "texts": lambda server: text_types(is_mysql=not server.is_mariadb),
    "bytes": lambda server: byte_types(has_vectors=server.has_vectors),
    "shapes": lambda server: shape_types(is_mysql=not server.is_mariadb),
    "others": lambda server: other_types(is_mysql=not server.is_mariadb),
}
"""The column types that a server knows, by family."""

SHARES: Mapping[str, int] = {
    "numbers": 25,
    "bits": 10,
    "times": 20,
    "texts": 20,
    "bytes": 10,
    # The dearest to make.
    "shapes": 3,
    "others": 12,
}
"""How many of a hundred cells that Hypothesis makes are of which family."""
