"""Private names of other libraries stand behind the fence, and nowhere else."""

import ast
import re
from pathlib import Path

import pytest

from etl_assets.private import dagster, dagster_celery
from etl_assets.private.fenced import Fenced, Use, fetch

PACKAGE = Path(dagster.__file__).parent.parent
PRIVATE = re.compile(r"\bdagster\._|dagster_shared|dagster_celery\.|_forkserver|\bpymysql\._")


def test_only_the_fence_has_private_names_of_others() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {line}"
        for path in PACKAGE.rglob("*.py")
        if path.parent.name != "private"
        for line in path.read_text(encoding="utf-8").splitlines()
        if PRIVATE.search(line)
    ]
    assert found == [], "import them from etl_assets/private, or what is public from its own place"


@pytest.mark.parametrize("module", [dagster, dagster_celery])
def test_type_checkers_see_the_names_that_there_are(module: object) -> None:
    tree = ast.parse(Path(str(vars(module)["__file__"])).read_text(encoding="utf-8"))
    seen = {
        name.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert seen == {name: fenced.place for name, fenced in vars(module)["NAMES"].items()}


@pytest.mark.parametrize("place", ["dagster._gone", "dagster._core.events"])
def test_a_name_that_has_moved_says_what_to_do(place: str) -> None:
    names = {"Gone": Fenced(place, Use("nothing", "do without it"))}
    with pytest.raises(ImportError) as error:
        fetch(names, "Gone")
    told = f"expected {place}.Gone, got none, or another one; it is for nothing; fix: do without it"
    assert str(error.value) == told


def test_a_name_that_is_not_in_the_fence_is_none_of_it() -> None:
    with pytest.raises(AttributeError, match="'Event' is none of the private names"):
        fetch(dagster.NAMES, "Event")
