"""Charter: what a server has: its collations, its column types, its engines."""

from dataclasses import dataclass

from etl_assets_tests.conformance.matrix import FAMILIES
from etl_assets_tests.conformance.values import ColumnType
from etl_assets_tests.support.servers import Server


@dataclass(frozen=True)
class Collation:
    """A collation with its character set, and how many bytes a character has at most."""

    charset: str
    name: str
    width: int


@dataclass(frozen=True)
class Facts:
    """What cases are made of.

    Attributes:
        collations: all of the server's, but for `binary`.
        types: by family, as the conformance tests know them.
        is_mariadb: whether it is MariaDB rather than Oracle's MySQL.
    """

    collations: tuple[Collation, ...]
    types: dict[str, list[ColumnType]]
    is_mariadb: bool


def read_facts(server: Server) -> Facts:
    """Ask a server."""
    is_mariadb = server.is_mariadb
    # MariaDB's newer collations are of several character sets: only there they have full names.
    full = server.execute(
        "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema' "
        "AND TABLE_NAME = 'COLLATION_CHARACTER_SET_APPLICABILITY' "
        "AND COLUMN_NAME = 'FULL_COLLATION_NAME'"
    )[0][0]
    name = "FULL_COLLATION_NAME" if full else "COLLATION_NAME"
    rows = server.execute(
        f"SELECT s.CHARACTER_SET_NAME, a.{name}, s.MAXLEN "
        "FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY a "
        "JOIN information_schema.CHARACTER_SETS s USING (CHARACTER_SET_NAME) "
        f"WHERE s.CHARACTER_SET_NAME <> 'binary' ORDER BY 1, 2"
    )
    return Facts(
        tuple(Collation(str(charset), str(found), int(width)) for charset, found, width in rows),
        {family: make(server) for family, make in FAMILIES.items()},
        is_mariadb,
    )
