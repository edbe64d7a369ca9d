"""What a server says, as text: names, types and values arrive as bytes from some servers."""


def text_of(value: object, errors: str = "strict") -> str:
    """A value of the server's as text; `errors` as `bytes.decode` takes it."""
    return value.decode(errors=errors) if isinstance(value, bytes) else str(value)
