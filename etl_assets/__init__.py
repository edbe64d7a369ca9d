"""Sharded MySQL tables to CSV as Dagster assets.

Importing the package imports nothing heavy: step processes and the command line rely on that.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl_assets.store.reader import read_export

__all__ = ["read_export"]

if not TYPE_CHECKING:
    # Hidden from type checkers, which would take any name for one of the package.
    _ROOMS = {"read_export": "etl_assets.store.reader"}

    def __getattr__(name: str) -> object:
        """Import what is used when it is used."""
        if name not in _ROOMS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(_ROOMS[name]), name)

    def __dir__() -> list[str]:
        return sorted({*globals(), *_ROOMS})
