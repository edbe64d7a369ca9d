"""What one table looks like inside a snapshot, asked for as seldom as that is safe.

Each shard table is looked at in its own transaction, after the snapshot was taken: whatever it has
in that moment is seen, and what is altered later the server refuses (errors 1412 and 1054), or it
gives the columns as they were. What is read before that moment, for a whole lane at once, would
miss a column that comes in between. So the server is asked for each table's SHOW CREATE TABLE, and
for the information schema, which takes longer, only where the same session has not just read it of
a table that is defined in the same words: as the shards of one logical table are.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from etl_assets.source.mysql.schema import columns_of, engine_and_indexed
from etl_assets.source.mysql.text import text_of
from etl_assets.tables.columns import Columns
from etl_assets.tables.topology import Shard

_LAST = "etl_assets_definition"

_QUOTED = r"`[^`]*+`|'(?:[^'\\]|\\.)*+'"
_TOKENS = re.compile(_QUOTED, re.DOTALL)
# What differs between tables of the same definition: the name, and how far numbers are given.
_NAME = re.compile(r"\ACREATE TABLE (?:`[^`]*+`)++")
_NUMBERS = re.compile(rf"({_QUOTED})| AUTO_INCREMENT=\d+", re.DOTALL)


@dataclass(frozen=True)
class TableDefinition:
    """What a table or view looks like.

    Attributes:
        columns: in its order; none where it is not there.
        engine: the one that stores it; None of a view, and where it is not there.
        indexed: the columns that an index begins with, in lower case.
        is_seen_whole: whether the account is known to see all of its columns.
    """

    columns: Columns
    engine: str | None
    indexed: frozenset[str]
    is_seen_whole: bool


def definition_of(connection: Connection, shard: Shard) -> TableDefinition:
    """What a table looks like now. The session has to be pinned: texts are compared."""
    text = _shown(connection, shard)
    words = None if text is None else _words(text)
    last: tuple[bytes | None, TableDefinition] | None = connection.info.get(_LAST)
    if words is not None and last is not None and last[0] == words:
        return last[1]
    columns = columns_of(connection, shard)
    engine, indexed = engine_and_indexed(connection, shard)
    is_seen_whole = text is not None and columns_in(text) <= len(columns)
    definition = TableDefinition(columns, engine, indexed, is_seen_whole)
    # Of another table the account may see less: what it does not see whole is asked for again.
    connection.info[_LAST] = (words, definition) if is_seen_whole else None
    return definition


def columns_in(text: str) -> int:
    """How many columns there are in the text of SHOW CREATE TABLE.

    The session has to be pinned: a server may have been told to give names without quotes.
    """
    # One line each; those of keys and constraints begin with a word. Names may hold line breaks.
    lines = _TOKENS.sub("`", text).split("\n")
    return sum(line.startswith("  `") for line in lines)


def show_create(connection: Connection, shard: Shard) -> str | None:
    """The text of SHOW CREATE TABLE; None of a view.

    Raises:
        sqlalchemy.exc.DBAPIError: it is not there, or the account may not see it.
    """
    shown = connection.exec_driver_sql(f"SHOW CREATE TABLE {name_in_sql(connection, shard)}")
    # A view's row has more columns, and its text does not say which it has itself.
    _, text, *of_view = shown.one()
    return None if of_view else text_of(text)


def name_in_sql(connection: Connection, shard: Shard) -> str:
    """A table's name in quotes, as a driver's statement has it."""
    quote = connection.dialect.identifier_preparer.quote_identifier
    return f"{quote(shard.database)}.{quote(shard.shard_table)}"


def _shown(connection: Connection, shard: Shard) -> str | None:
    try:
        return show_create(connection, shard)
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        # Whatever it is, reading the table says it better.
        return None


def _words(text: str) -> bytes:
    """The words of a definition, as far as they say what a table looks like."""
    nameless = _NAME.sub("", text)
    # Not the text itself: that of a FEDERATED table may hold a password.
    return sha256(_NUMBERS.sub(lambda found: found[1] or "", nameless).encode()).digest()
