"""The unit that an extractor gives to the store."""

from typing import NamedTuple


class Block(NamedTuple):
    """Whole records as CSV bytes.

    Attributes:
        data: the records, each with its line feed.
        rows: how many they are.
    """

    data: bytes | bytearray
    rows: int
