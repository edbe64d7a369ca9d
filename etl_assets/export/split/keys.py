"""The key that a shard table's rows are ordered by: found on the server, and its values read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from etl_assets.export.split.key_columns import KeyColumn, key_column
from etl_assets.source.backends import backend_of
from etl_assets.source.key_range import Key, KeyRange
from etl_assets.source.mysql.schema import engine_of
from etl_assets.source.mysql.text import text_of
from etl_assets.source.schema import columns_of
from etl_assets.tables.columns import Column
from etl_assets.tables.topology import Shard


@dataclass(frozen=True)
class ShardKey:
    """The primary key, or what InnoDB has in its place, as far as keys can be compared.

    Attributes:
        table: the shard table.
        columns: of the key, in the index's order; the first ones where a later one is of a type
            whose literals do not compare as its values do.
    """

    table: sa.TableClause
    columns: tuple[KeyColumn, ...]
    order: tuple[str, ...]
    """The names of all columns of the index."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def whole(self) -> KeyRange:
        """All rows, in the order of the key."""
        return KeyRange(self.order)

    def select(self) -> sa.Select[Any]:
        """The raw values of keys."""
        # Not under the column's own name: ORDER BY would take the text for the column.
        return sa.select(
            *(column.raw.label(f"{column.name} as text") for column in self.columns)
        ).select_from(self.table)

    def read(self, connection: Connection, query: sa.Select[Any]) -> list[Key]:
        """The keys that a query made of `select` gives, as far as a range can be cut there."""
        found = []
        for row in connection.execute(query):
            values = [(c, text_of(raw)) for c, raw in zip(self.columns, row, strict=True)]
            if all(column.can_cut(raw) for column, raw in values):
                found.append(tuple(column.literal(raw) for column, raw in values))
        return found


_ONE_WEIGHT = re.compile(r"_bin$|_general_c[is]$|^latin1_swedish_ci$")


def find_key(connection: Connection, shard: Shard) -> ShardKey | None:
    """The key of a shard table; None where it has none that its rows can be ordered by.

    From MySQL's manual, "Clustered and Secondary Indexes": InnoDB orders rows by the primary key,
    and without one by the first unique index whose columns are all NOT NULL.
    """
    engine = engine_of(connection, shard)
    columns = {
        column.key: key_column(column) if _keeps_order(connection, column, engine) else None
        for column in columns_of(connection, shard)
    }
    for names in _unique_indexes(connection, shard):
        usable: list[KeyColumn] = []
        for name in names:
            column = columns.get(name.lower())
            if column is None:
                break
            usable.append(column)
        if usable:
            return ShardKey(backend_of(connection).table(shard), tuple(usable), tuple(names))
    return None


def _keeps_order(connection: Connection, column: Column, engine: str | None) -> bool:
    """Whether an index of a column has the order of comparisons, whatever is in it.

    Of a CHAR, MariaDB's indexes order the padded values, and comparisons the stripped ones.
    Without padding 'a' comes after 'a\\t' in an index and before it by `<`; where a character has
    no weight (NUL in the collations of the Unicode algorithm), a range even gives rows that are not
    in it. So there only collations count in which each character has one weight. MySQL does the
    same in MyISAM tables with its collations without padding.
    """
    if column.facts.literal != "char":
        return True
    dialect: Any = connection.dialect
    collation = column.collation or ""
    if dialect.is_mariadb:
        return "_nopad_" not in collation and _ONE_WEIGHT.search(collation) is not None
    return engine == "InnoDB" or "_0900_" not in collation


def _unique_indexes(connection: Connection, shard: Shard) -> list[Sequence[str]]:
    """The columns of each index that tells all rows apart and orders them, in SHOW INDEX's order.

    The primary key comes first. Those of beginnings of values, of expressions or in descending
    order do not have the order of the columns, invisible ones are not used.
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    found: dict[str, list[str]] = {}
    refused = set()
    rows = connection.exec_driver_sql(
        f"SHOW INDEX FROM {quote(shard.database)}.{quote(shard.shard_table)}"
    )
    for row in rows.mappings():
        name = text_of(row["Key_name"])
        column = row["Column_name"]
        found.setdefault(name, []).append(text_of(column or ""))
        if (
            text_of(row["Non_unique"]) != "0"
            or column is None
            or row["Sub_part"] is not None
            or text_of(row["Null"] or "") == "YES"
            or text_of(row["Collation"] or "") != "A"
            or text_of(row["Index_type"]) != "BTREE"
            or text_of(row.get("Visible", "YES")) == "NO"
            or text_of(row.get("Ignored", "NO")) == "YES"
        ):
            refused.add(name)
    return [names for name, names in found.items() if name not in refused]
