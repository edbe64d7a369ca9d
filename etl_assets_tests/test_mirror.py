"""The tests' own map: a test file has the name and the place of the module that it is about."""

import ast
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "etl_assets"

NOT_MIRRORED = ("browser", "conformance", "faults", "fuzz", "support")
"""Of the product as a whole: its UI, types, what breaks it, what hunts for errors; and helpers."""

OF_SEVERAL_MODULES = {
    "test_alerts.py": "docs/alerts.md",
    "test_architecture.py": "docs/architecture.md",
    "test_imports.py": "the directions of all imports",
    "test_mirror.py": "the tests themselves",
    "test_project.py": "settings, make targets and docs",
}


def files() -> list[Path]:
    """Every file of tests."""
    return sorted(path.relative_to(TESTS) for path in TESTS.rglob("test_*.py"))


def modules_of(file: Path) -> list[str]:
    """The modules that a file may be about: `test_a_b.py` is about `a_b` or an aspect of `a`."""
    words = file.stem.split("_")[1:]
    return ["_".join(words[:count]) for count in range(len(words), 0, -1)]


def test_every_test_file_is_where_its_module_is() -> None:
    lost = [
        str(file)
        for file in files()
        if file.parts[0] not in NOT_MIRRORED
        and str(file) not in OF_SEVERAL_MODULES
        and not any(
            (PACKAGE / file.parent / name).with_suffix(suffix).exists()
            for name in modules_of(file)
            for suffix in ("", ".py")
        )
    ]
    assert lost == [], "name them after their module, or say in OF_SEVERAL_MODULES what they are of"
    gone = [file for file in OF_SEVERAL_MODULES if not (TESTS / file).exists()]
    assert gone == []


def test_no_test_file_imports_from_another() -> None:
    """What they share is in support/."""
    for file in files():
        for node in ast.walk(ast.parse((TESTS / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                module = str(node.module)
                assert not (module.startswith("etl_assets_tests") and ".test_" in module), file
