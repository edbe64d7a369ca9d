"""Whose rows an output or an input is, where it is of an asset that is not the product's own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from etl_assets.errors import UsageError

if TYPE_CHECKING:
    from etl_assets.store.frame_files import FrameName


def names_of(context: dg.OutputContext | dg.InputContext) -> list["FrameName"]:
    """Whose rows an output is, or an input: one for each partition, in order."""
    from etl_assets.store.frame_files import FrameName  # noqa: PLC0415

    if not context.has_asset_key:
        raise UsageError(
            f"{context.name}",
            expected="the output of an asset for the IO manager `csv`",
            got="that of an op",
            next_step="make it an asset, or give it another IO manager",
        )
    asset = tuple(context.asset_key.path)
    keys = context.asset_partition_keys if context.has_asset_partitions else [None]
    return [FrameName(asset, key) for key in keys]


@contextmanager
def naming(name: "FrameName") -> Iterator[None]:
    """Let an error that is about the rows say whose they are."""
    try:
        yield
    except UsageError as error:
        problem = f": {error.problem}" if error.problem else ""
        raise UsageError(
            f"the output of {name}{problem}",
            expected=error.expected,
            got=error.got,
            next_step=error.next_step,
        ) from None


def by_name(names: Sequence["FrameName"], obj: object) -> Mapping["FrameName", object]:
    """What an asset gives for each of its partitions.

    Raises:
        UsageError: it does not give something for each.
    """
    if len(names) == 1 and not isinstance(obj, dict):
        return {names[0]: obj}
    wanted = {name.partition: name for name in names}
    given = obj if isinstance(obj, dict) else {}
    if given.keys() != wanted.keys() or None in wanted:
        got = ", ".join(map(str, given)) if isinstance(obj, dict) else f"one {type(obj).__name__}"
        raise UsageError(
            f"the output of {'/'.join(names[0].asset)}",
            expected="a DataFrame"
            if None in wanted
            else "a dict of DataFrames with the keys " + ", ".join(map(str, wanted)),
            got=got,
            next_step="give one for each partition, or run each partition by itself",
        )
    return {wanted[key]: value for key, value in given.items()}


def wants_table(context: dg.InputContext) -> bool:
    """Whether an input is annotated as one of pyarrow's tables."""
    try:
        annotation = context.dagster_type.typing_type
    except dg.DagsterInvariantViolationError:
        # A context that was made by hand has none.
        return False
    return str(getattr(annotation, "__module__", "")).partition(".")[0] == "pyarrow"
