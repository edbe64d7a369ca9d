"""What is said of a server's packets that are not as the protocol has them."""

from pymysql.constants import CR
from pymysql.err import InternalError, OperationalError


class NotUtf8Error(Exception):
    """A text value that is not UTF-8.

    Attributes:
        column: the value's place in its row, from 0.
        value: its bytes.
    """

    def __init__(self, column: int, value: bytes) -> None:
        super().__init__(column, value)
        self.column = column
        self.value = value


def not_a_row(width: int) -> InternalError:
    """A packet that is not a row of so many columns."""
    return InternalError(f"Packet that does not hold a row of {width} columns")


def wrong_number(number: int, expected: int) -> InternalError | OperationalError:
    """A packet that does not follow the one before it."""
    if number == 0:
        # MariaDB sends an error with number 0 when it shuts down.
        return lost()
    return InternalError(f"Packet sequence number wrong - got {number} expected {expected}")


def lost(reason: str = "") -> OperationalError:
    """The connection is gone, in the driver's own words."""
    return OperationalError(
        CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query{reason}"
    )
