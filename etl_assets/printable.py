"""How names and messages of others are shown: whatever they hold, they only ever are text."""


def printable(text: object) -> str:
    """A text in one line; what would move a terminal's cursor, or not be seen, is its code.

    A name may hold any character, and the escape sequences of terminals begin with one of them.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))
