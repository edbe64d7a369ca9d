"""Charter: how a field of an export is read back by LOAD DATA, and what its value is to compare.

docs/types.md shows these expressions to users, and a test holds that it shows them exactly. What
is not named here needs nothing: the field goes into its column as it stands. Values are compared
by what the server stores, never by what the product would write of it: floating-point numbers by
their bits (inside a POINT no function rounds them), geometries by their binary form, ENUM and SET
by their number.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from etl_assets.csv_format import CsvFormat
from etl_assets.tables.columns import Column


@dataclass(frozen=True)
class Recipe:
    """What becomes of a field.

    Attributes:
        load: the value as SQL, from the field in `@v`; None where the column takes the field.
        value: what tells two values of the column `{c}` apart, as SQL.
    """

    load: str | None = None
    value: str = "HEX(CONCAT({c}))"


_BITS_OF_A_NUMBER = Recipe(value="HEX(POINT({c}, 0))")
_NUMBER_AND_TEXT = Recipe(value="CONCAT({c} + 0, ' ', HEX({c}))")
_BYTES = Recipe("UNHEX(@v)", "HEX({c})")
_SHAPE = Recipe(
    "ST_GeomFromText(SUBSTRING_INDEX(@v, ';', -1), "
    "IF(@v LIKE 'SRID=%', CAST(SUBSTR(SUBSTRING_INDEX(@v, ';', 1), 6) AS UNSIGNED), 0))",
    "HEX({c})",
)

RECIPES: Mapping[str, Recipe] = {
    "float": _BITS_OF_A_NUMBER,
    "double": _BITS_OF_A_NUMBER,
    # A column of bits would take the digits for bytes.
    "bit": Recipe("CAST(@v AS UNSIGNED)", "HEX({c} + 0)"),
    "enum": _NUMBER_AND_TEXT,
    "set": _NUMBER_AND_TEXT,
    "json": Recipe(value="CONCAT(JSON_TYPE({c}), ' ', HEX(CONCAT({c})))"),
    **dict.fromkeys(
        ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"), _BYTES
    ),
    **dict.fromkeys(
        (
            "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring",
            "multipolygon", "geometrycollection", "geomcollection",
        ),
        _SHAPE,
    ),
}  # fmt: skip

BASE64 = "FROM_BASE64(@v)"
"""How bytes are read from a file that was written with `binary: base64`."""


def recipe_of(column: Column) -> Recipe:
    """The recipe for a column of the server's."""
    return RECIPES.get(column.kind, Recipe())


def quoted(name: str) -> str:
    """An identifier as SQL."""
    return "`" + name.replace("`", "``") + "`"


def load_data(path: str, table: str, columns: list[Column], csv_format: CsvFormat) -> str:
    """The LOAD DATA statement that reads an export into a table of these columns.

    Arguments:
        path: the file, on the client's side.
        table: as SQL.
        columns: those of the file, in its order; a generated one is named `@ignored`.
        csv_format: how the file was written. Its null token has to be the word NULL.
    """
    targets, settings = [], []
    for number, column in enumerate(columns):
        load = recipe_of(column).load
        if load is None:
            targets.append(column.name if column.name == "@ignored" else quoted(column.name))
            continue
        if column.is_binary and csv_format.binary == "base64":
            load = BASE64
        variable = f"@v{number}"
        targets.append(variable)
        settings.append(f"{quoted(column.name)} = {load.replace('@v', variable)}")
    delimiter = csv_format.delimiter.encode().hex()
    # Line breaks end lines in a header too, quoted or not.
    head = 1 + sum(column.name.count("\n") for column in columns) if csv_format.header else 0
    return (
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {table} CHARACTER SET utf8mb4 "
        f"FIELDS TERMINATED BY x'{delimiter}' ENCLOSED BY '\"' ESCAPED BY '' "
        f"LINES TERMINATED BY '\\n' IGNORE {head} LINES ({', '.join(targets)})"
        + (f" SET {', '.join(settings)}" if settings else "")
    )
