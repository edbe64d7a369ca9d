"""The map of the code says what there is: docs/architecture.md and CONTRIBUTING.md."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "etl_assets"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def modules(folder: Path) -> set[str]:
    """The names of the modules and rooms in a folder."""
    files = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    return files | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


def test_every_room_is_on_the_map_with_all_its_modules() -> None:
    shown = {}
    for room, what, names in rows("The rooms"):
        assert what, room
        for name in re.findall(r"`([^`]+)`", room):
            shown[name] = set(re.findall(r"`([^`]+)`", names))
    folders = [path.parent for path in PACKAGE.rglob("__init__.py") if path.parent != PACKAGE]
    files = {f"{path.stem}.py" for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    assert set(shown) == files | {f"{folder.relative_to(PACKAGE)}/" for folder in folders}
    for folder in folders:
        assert shown[f"{folder.relative_to(PACKAGE)}/"] == modules(folder), folder


def test_the_map_has_the_order_in_which_imports_point() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    floors = [set(re.findall(r"\w+", layer)) for layer in layers]
    shown = [set(re.findall(r"`(\w+)(?:\.py|/)`", room)) for room, _, _ in rows("The rooms")]
    # Rooms inside rooms stand below the room that they are in.
    assert [floor for floor in shown if floor] == floors


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_that_the_map_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./]*(?:/|\.py|\.md|\.toml))`", text))
    assert len(named) > 5
    lost = [n for n in named if not ((ROOT / n).exists() or list(PACKAGE.rglob(n.strip("/"))))]
    assert set(lost) <= {"support/"}
