"""Which shard tables make up each logical table, and what they are called.

Brace patterns are expanded as a shell does it; regular expressions are looked up in
etl_assets.lock, which `etl-assets discover` writes. Nothing here connects to a database.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bracex

from etl_assets.config import ExportConfig, ShardPattern, TableConfig
from etl_assets.tables.lockfile import LockFile, read_lock

MAX_PATTERN_TABLES = 1_000_000
MAX_NAME_BYTES = 200
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True, order=True)
class Shard:
    """One shard table of a logical table."""

    table: str
    host: str
    database: str
    shard_table: str

    def __str__(self) -> str:
        return f"{self.host}.{self.database}.{self.shard_table}"

    @property
    def file_stem(self) -> str:
        """The name of its files without the ending; see `safe_name`."""
        parts = (self.host, self.database, self.shard_table)
        return shorten(".".join(map(safe_name, parts)))


@dataclass(frozen=True)
class LogicalTable:
    """A logical table: its shards in the configuration's order, and its settings."""

    name: str
    shards: tuple[Shard, ...]
    settings: TableConfig


def safe_name(name: str) -> str:
    """A name as a part of a file name.

    Unicode letters, digits, `_` and `-` stay; any other character is percent-encoded, so that
    no name can leave its folder and a dot only ever separates.
    """
    # Thousands of names are asked for in each step, and most are plain.
    if _PLAIN_NAME.fullmatch(name):
        return name
    return "".join(
        char
        if char in "_-" or unicodedata.category(char) in {"Lu", "Ll", "Lt", "Lm", "Lo", "Nd"}
        else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in name
    )


def shorten(stem: str) -> str:
    """A stem whose file names have at most 200 bytes.

    Where `<stem>.csv` has more, the stem is cut and ends in `~` and 16 digits of its hash, so that
    no ending takes it beyond 200 bytes. It is the same for all endings.
    """
    encoded = stem.encode()
    if len(encoded) + len(".csv") <= MAX_NAME_BYTES:
        return stem
    digest = hashlib.sha256(encoded).hexdigest()[:16]
    room = MAX_NAME_BYTES - len(".csv.zst") - len("~") - len(digest)
    kept = encoded[:room].decode(errors="ignore")
    # A percent code is not cut in the middle.
    return re.sub(r"%.?$", "", kept) + "~" + digest


def twins_of(shards: Iterable[Shard]) -> dict[Shard, Shard]:
    """Shards whose file names differ in letter case or Unicode's normal form alone, each with one.

    MySQL on Linux takes such names for two tables, and most file systems there for two files.
    """
    alike: dict[str, list[Shard]] = {}
    for shard in shards:
        folded = unicodedata.normalize("NFC", shard.file_stem).casefold()
        alike.setdefault(unicodedata.normalize("NFC", folded), []).append(shard)
    return {
        shard: group[1] if shard == group[0] else group[0]
        for group in alike.values()
        if len(group) > 1
        for shard in group
    }


def load_topology(config: ExportConfig) -> tuple[LogicalTable, ...]:
    """The logical tables in the configuration's order.

    Raises:
        ConfigError: a pattern that is bad, empty, unresolved or names a shard twice.
    """
    lock = read_lock(config.home)
    return tuple(
        LogicalTable(name, tuple(_shards(config, lock, name)), settings)
        for name, settings in config.tables.items()
    )


def _shards(config: ExportConfig, lock: LockFile, table: str) -> Iterator[Shard]:
    seen: set[Shard] = set()
    for index, pattern in enumerate(config.tables[table].shards):
        key = "match" if pattern.match is not None else "tables"
        location = ("tables", table, "shards", index, key)
        try:
            names = _names(pattern, lock, table)
        except ValueError as error:
            raise config.error(location, str(error)) from None
        for database, shard_table in names:
            shard = Shard(table, pattern.host, database, shard_table)
            if shard in seen:
                raise config.error(location, f"expected each shard table once, got {shard} twice")
            seen.add(shard)
            yield shard


def _names(pattern: ShardPattern, lock: LockFile, table: str) -> list[tuple[str, str]]:
    if pattern.tables is not None:
        return table_names(pattern.tables)
    assert pattern.match is not None
    names = lock.tables(table, pattern.host, pattern.match)
    if names is None:
        raise ValueError(
            f"expected {pattern.match!r} resolved in etl_assets.lock, got it unresolved; "
            "run `etl-assets discover`"
        )
    if not names:
        raise ValueError(
            f"expected shard tables that match {pattern.match!r}, got none in etl_assets.lock; "
            "fix the pattern or run `etl-assets discover`"
        )
    return names


def table_names(pattern: str) -> list[tuple[str, str]]:
    """The databases and tables of a brace pattern, in its order.

    Raises:
        ValueError: as `expand` does, and where a name has no database or no table.
    """
    return list(map(split_name, _expanded(pattern)))


def split_name(name: str) -> tuple[str, str]:
    """`database.table` at its first dot; a backslash takes what follows it as it is.

    Raises:
        ValueError: where either part is missing.
    """
    found = re.fullmatch(r"((?:\\.|[^.\\])+)\.(.+)", name, re.DOTALL)
    if found is None:
        raise ValueError(f"expected database.table, got {name!r}")
    return _plain(found[1]), _plain(found[2])


def _plain(text: str) -> str:
    """A text without the backslashes that take what follows as it is."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def expand(pattern: str) -> list[str]:
    """All names of a brace pattern, in its order.

    `{00..31}`, `{a,b}` and their nesting as in a shell; ShardingSphere's `${0..3}` and `$->{0..3}`
    mean the same; a backslash takes a brace (or the `$` before it, or a dot) as it is.

    Raises:
        ValueError: a brace that is left unexpanded, or more than a million names.
    """
    return list(map(_plain, _expanded(pattern)))


def _expanded(pattern: str) -> list[str]:
    """The names of a brace pattern, with the backslashes that it has."""
    if re.search(r"\$(?:->)?\{\s*\[", pattern):
        raise ValueError(
            f"expected a list such as {{a,b}}, got ShardingSphere's list in {pattern!r}"
        )
    # keep_escapes tells a brace that was escaped from one that could not be expanded.
    shell = re.sub(r"(?<!\\)\$(?:->)?(?=\{)", "", pattern)
    try:
        names = bracex.expand(shell, keep_escapes=True, limit=MAX_PATTERN_TABLES)
    except bracex.ExpansionLimitException:
        raise ValueError(
            f"expected at most {MAX_PATTERN_TABLES} names, got more in {pattern!r}"
        ) from None
    for name in names:
        if re.search(r"(?<!\\)(?:\\\\)*[{}]", name):
            raise ValueError(
                f"expected ranges such as {{00..31}} or lists such as {{a,b}}, "
                f"got a brace left unexpanded in {pattern!r}"
            )
    return names


def key_part(name: str) -> str:
    """A name as a part of an asset key, where a dot and a slash separate: `%2E` and `%2F`.

    A percent sign stays, unless what follows it could be taken for one of these codes.
    """
    coded = re.sub(r"%(?=2[5EF])", "%25", name)
    return coded.replace("/", "%2F").replace(".", "%2E")
