"""Charter: docs/types.md shows the recipes that are tested, for every type that is tested."""

import re
from pathlib import Path

from etl_assets.tables.columns import Column
from etl_assets.tables.types import TYPES
from etl_assets_tests.conformance.character_sets import DOUBLE, SINGLE
from etl_assets_tests.conformance.matrix import FAMILIES
from etl_assets_tests.conformance.recipes import BASE64, RECIPES, recipe_of
from etl_assets_tests.conformance.round_trip import LOADABLE, RoundTrip
from etl_assets_tests.support.servers import Server

PAGE = (Path(__file__).parents[2] / "docs" / "types.md").read_text(encoding="utf-8")

SYNONYMS = {"boolean": "tinyint", "float(53)": "double"}
"""What the server makes of other names."""

OF_SQLITE = {"integer", "numeric", "real"}
"""Names that MySQL takes and does not give."""


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found.group(1)


def recipes_shown() -> dict[str, str | None]:
    """Each type's expression for LOAD DATA on the page."""
    shown: dict[str, str | None] = {}
    for line in section("Type by type").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        for kind in re.findall(r"`(\w+)`", cells[0]) if len(cells) == 4 else ():
            recipe = cells[3].rstrip("|").strip()
            shown[kind] = None if recipe.startswith("as it is") else recipe.strip("`")
    return shown


def test_the_page_shows_the_recipe_of_every_type_as_it_is_tested() -> None:
    shown = recipes_shown()
    assert shown == {kind: recipe_of(Column("c", kind)).load for kind in shown}
    assert {kind for kind, recipe in RECIPES.items() if recipe.load} <= set(shown)
    assert set(TYPES) - OF_SQLITE == set(shown)
    assert f"| `{BASE64}` |" in section("Type by type")


def test_every_type_of_the_matrix_is_on_the_page(server: Server) -> None:
    kinds = {
        SYNONYMS.get(kind.sql, Column("c", kind.sql).kind)
        for family in FAMILIES.values()
        for kind in family(server)
    }
    assert kinds <= set(recipes_shown())
    assert len(kinds) > 35


def test_the_page_counts_the_characters_that_are_lost_as_the_tests_do() -> None:
    text = section("Character sets")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    counted = {name: (int(unmapped), int(other)) for name, unmapped, other in rows}
    every = {**SINGLE, **DOUBLE}
    assert counted == {name: lost for name, lost in every.items() if any(lost)}
    whole = {name for name, lost in every.items() if not any(lost)}
    assert whole <= set(re.findall(r"`(\w+)`", text.split("In the\nothers")[0]))


def test_the_page_s_load_data_gives_the_table_back(server: Server, round_trip: RoundTrip) -> None:
    """As it stands on the page, in a session of another time zone and of the server's sql_mode."""
    shown = re.search(
        r"```sql\n(SET .*?;)\n(LOAD .*?);\n```", section("Back into MySQL"), re.DOTALL
    )
    assert shown is not None
    with server.connect(database=round_trip.database, local_infile=True) as connection:
        cursor = connection.cursor()
        cursor.execute("DROP TABLE IF EXISTS source, orders")
        cursor.execute("SET time_zone = '+08:00', sql_mode = 'ALLOW_INVALID_DATES'")
        cursor.execute(
            "CREATE TABLE source (id int primary key, note text, paid_at timestamp NULL, "
            "flags bit(3), photo blob, total int AS (id * 2) STORED)"
        )
        cursor.execute("CREATE TABLE orders LIKE source")
        cursor.execute(
            "INSERT INTO source (id, note, paid_at, flags, photo) VALUES "
            "(1, 'a\\\\n\"b\", c\nd', '2026-11-02 12:00:00', b'101', x'00FF0A'), "
            "(2, '', '1970-01-01 08:00:01', b'0', ''), (3, NULL, NULL, NULL, NULL)"
        )
        path = round_trip.exported("source", LOADABLE)
        cursor.execute(shown[1])
        cursor.execute(shown[2].replace("/data/exports/orders.csv", str(path)))
        cursor.execute("CHECKSUM TABLE source, orders")
        (_, before), (_, after) = cursor.fetchall()
        assert before == after
        cursor.execute("SELECT UNIX_TIMESTAMP(paid_at) FROM orders ORDER BY id")
        assert [row[0] for row in cursor.fetchall()] == [1793592000, 1, None]


def test_load_data_is_shown_in_one_place() -> None:
    root = Path(__file__).parents[2]
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    assert [p.name for p in pages if "LOAD DATA LOCAL" in p.read_text("utf-8")] == ["types.md"]


def test_the_list_of_sections_is_whole() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    listed = re.findall(r"^\* \[(.+)\]\(#(.+)\)$", PAGE, re.MULTILINE)
    assert listed == [(title, title.lower().replace(" ", "-")) for title in headings]
