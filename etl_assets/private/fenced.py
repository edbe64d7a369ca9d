"""A name of another library's that may move: where it is, what for, and what to do then."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple


class Fenced(NamedTuple):
    """A private name.

    Attributes:
        place: the module that has it.
        use: what it is for.
        moved: what to do when it is not there any more, or is another thing.
    """

    place: str
    use: str
    moved: str


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
        f"it is for {fenced.use}; fix: {fenced.moved}"
    )
