"""A result's packets as a server would send them, written the plain way."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, cycle

Row = Sequence[bytes | None]

MAX_PAYLOAD = 0xFFFFFF
EOF = b"\xfe\x00\x00\x22\x00"


def length_encoded(number: int) -> bytes:
    """A length-encoded integer."""
    if number < 251:
        return bytes([number])
    for code, size in ((b"\xfc", 2), (b"\xfd", 3), (b"\xfe", 8)):
        if number < 256**size:
            return code + number.to_bytes(size, "little")
    raise AssertionError(number)


def row_payload(row: Row) -> bytes:
    """A row's payload."""
    return b"".join(
        b"\xfb" if value is None else length_encoded(len(value)) + value for value in row
    )


def packets_of(payloads: Iterable[bytes], first: int = 0) -> bytes:
    """Payloads in their packets, numbered from `first`."""
    numbers = count(first)
    stream = bytearray()
    for payload in payloads:
        start = 0
        while True:
            part = payload[start : start + MAX_PAYLOAD]
            stream += len(part).to_bytes(3, "little") + bytes([next(numbers) % 256]) + part
            start += MAX_PAYLOAD
            if len(part) < MAX_PAYLOAD:
                break
    return bytes(stream)


def result_of(rows: Iterable[Row], first: int = 0, end: bytes = EOF) -> bytes:
    """The stream behind the column definitions of a result."""
    return packets_of([*map(row_payload, rows), end], first)


def reader_of(stream: bytes, sizes: Sequence[int]) -> Callable[[memoryview], int]:
    """A stream that gives at most `sizes[0]` bytes, then `sizes[1]`, and round again.

    It fails where it is asked for more than there is: a live connection would wait for ever.
    """
    source = io.BytesIO(stream)
    limits: Iterator[int] = cycle(sizes)

    def read_into(target: memoryview) -> int:
        assert target, "asked for nothing"
        assert source.tell() < len(stream), "asked for more than the server sends"
        return source.readinto(target[: next(limits)])

    return read_into
