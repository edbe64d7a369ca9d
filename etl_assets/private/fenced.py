"""A name of another library's that may move: where it is, what for, and what to do then."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple


class Use(NamedTuple):
    """What some private names are for.

    Attributes:
        purpose: what is done with them.
        moved: what to do when one is not there any more, or is another thing.
    """

    purpose: str
    moved: str


class Fenced(NamedTuple):
    """A private name: the module that has it, and its use."""

    place: str
    use: Use


def fence(uses: Mapping[Use, Mapping[str, str]]) -> dict[str, Fenced]:
    """Private names, given for each use by the modules that have them, with blanks between."""
    return {
        name: Fenced(place, use)
        for use, names in uses.items()
        for place, listed in names.items()
        for name in listed.split()
    }


def fetch(names: Mapping[str, Fenced], name: str) -> Any:
    """Import one of some names, now that it is used.

    Raises:
        AttributeError: it is none of them.
        ImportError: it has moved; says what to do.
    """
    if name not in names:
        raise AttributeError(f"{name!r} is none of the private names in use")
    fenced = names[name]
    try:
        return getattr(import_module(fenced.place), name)
    except (ImportError, AttributeError) as error:
        raise ImportError(advice(name, fenced), name=fenced.place) from error


def advice(name: str, fenced: Fenced) -> str:
    """What to do when a name has moved."""
    return (
        f"expected {fenced.place}.{name}, got none, or another one; "
        f"it is for {fenced.use.purpose}; fix: {fenced.use.moved}"
    )
