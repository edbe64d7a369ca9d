"""Which folder a setting or a URL means: a local one, or one on an object store."""

from pathlib import Path

from etl_assets.store.folder import Folder
from etl_assets.store.local import LocalFolder


def open_folder(directory: str, *parts: str) -> Folder:
    """The folder below an absolute local path or an fsspec URL."""
    if "://" not in directory:
        return LocalFolder(Path(directory, *parts))
    # Imported where it is used: an export into a local folder starts without it.
    from etl_assets.store.remote import open_url  # noqa: PLC0415

    return open_url(directory, *parts)
