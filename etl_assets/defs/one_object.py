"""Definitions that stay the object that they are in a project of components.

Dagster makes a copy of each, to note the component's YAML file in its metadata. But of two
configurations it takes for one thing only what is one object, and the copy of a check it warns of.
"""

from typing import Any, TypeVar

NOTES = frozenset({"metadata", "metadata_by_key"})
"""What Dagster changes to note the file."""

Definition = TypeVar("Definition", bound=Any)


def one_object(definition: Definition) -> Definition:
    """The definition, of which a note makes no copy."""
    copied = definition.with_attributes

    def with_attributes(**changes: Any) -> Any:
        return definition if changes.keys() <= NOTES else copied(**changes)

    definition.with_attributes = with_attributes
    return definition
