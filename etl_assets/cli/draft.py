"""etl_assets.yaml as `init` writes it: tables that were found, and what to look at, as comments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import yaml
from rich.filesize import decimal

from etl_assets.config import HostConfig
from etl_assets.printable import printable
from etl_assets.tables.doubts import doubts_of, doubts_of_window
from etl_assets.tables.families import Family, FoundTable
from etl_assets.tables.folding import fold
from etl_assets.tables.window_columns import window_columns

_WIDTH = 100
_UNSURE = "unsure: "


@dataclass(frozen=True)
class Draft:
    """A configuration to be written.

    Attributes:
        hosts: by name.
        families: what becomes logical tables.
        single: tables that are not sharded; they are listed and not exported.
        start: the first window's day, where the first row's is not known or later.
        first_days: the days of the first rows, by families' names, as far as they are known.
    """

    hosts: Mapping[str, HostConfig]
    families: Sequence[Family]
    single: Sequence[FoundTable]
    start: date
    first_days: Mapping[str, date] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The file."""
        return "\n".join([*self._head(), *self._hosts(), *self._tables(), *self._rest()]) + "\n"

    @property
    def doubts(self) -> int:
        """How many comments say that something is not sure."""
        return sum(line.strip().startswith(f"# {_UNSURE}") for line in self.text.splitlines())

    def summary(self, family: Family) -> str:
        """A family in a line."""
        columns = window_columns(family.tables)
        by = f"rows by {columns[0]}" if columns and columns[0].fits else "snapshots"
        hosts = ", ".join(family.names)
        return f"{family.name}: {len(family.tables)} shards on {hosts}{_size(family.tables)}; {by}"

    def _head(self) -> Iterator[str]:
        hosts = ", ".join(self.hosts)
        yield from _comment(f"Written by `etl-assets init`, from what it found on {hosts}.", "")
        yield from _comment(f"What stands after `{_UNSURE.strip()}` is for you to decide.", "")
        yield from _comment("DATETIME is read on the clock of `timezone`; set it to theirs.", "")
        if any(table.rows is not None for family in self.families for table in family.tables):
            yield from _comment("Sizes are the servers' own estimates, maybe of yesterday.", "")
        yield from _comment("Every key is explained in docs/configuration.md.", "")

    def _hosts(self) -> Iterator[str]:
        yield "hosts:"
        for name, host in self.hosts.items():
            yield f"  {_scalar(name)}:"
            yield f"    url: {_scalar(host.url)}"
            if host.password is not None and host.password.env is not None:
                yield f"    password: {{env: {_scalar(host.password.env)}}}"
            about = "shards that all runs together read at the same time"
            yield f"    max_connections: {host.max_connections}    # {about}"

    def _tables(self) -> Iterator[str]:
        yield "tables:"
        for family in self.families:
            columns = window_columns(family.tables)
            yield f"  {_scalar(family.name)}:"
            yield from _comment(f"{len(family.tables)} shards{_size(family.tables)}", "    ")
            for doubt in doubts_of(family, self.families, self.single):
                yield from _comment(_UNSURE + doubt, "    ")
            yield "    shards:"
            for host, names in family.names.items():
                for pattern in fold(names):
                    yield f"      - {{host: {_scalar(host)}, tables: {_quoted(pattern)}}}"
            chosen = columns[0] if columns and columns[0].fits else None
            first = self.first_days.get(family.name)
            if chosen is not None:
                known = f", the first of {first}" if first else ""
                how = "no row before `start` is exported"
                yield from _comment(f"rows by {chosen}{known}; {how}", "    ")
            for doubt in doubts_of_window(columns):
                yield from _comment(_UNSURE + doubt, "    ")
            column = f", column: {_scalar(chosen.column.name)}" if chosen is not None else ""
            start = min(first or self.start, self.start)
            yield f"    partition: {{every: day, start: {start}, timezone: UTC{column}}}"

    def _rest(self) -> Iterator[str]:
        yield "output:"
        yield "  directory: exports"
        if self.single:
            yield ""
            yield from _comment("Not sharded, so not exported:", "")
        for table in self.single:
            yield from _comment(f"  {table}{_size([table])}", "")


def _size(tables: Sequence[FoundTable]) -> str:
    """How large tables are together, and which is the largest; nothing where nobody knows."""
    if any(table.rows is None or table.bytes is None for table in tables):
        return ""
    total = _amount(sum(t.rows or 0 for t in tables), sum(t.bytes or 0 for t in tables))
    largest = max(tables, key=lambda table: table.bytes or 0)
    if len(tables) == 1:
        return f", about {total}"
    amount = _amount(largest.rows or 0, largest.bytes or 0)
    return f", about {total}; the largest is {largest}: {amount}"


def _amount(rows: int, size: int) -> str:
    return f"{rows:,} row{'s' * (rows != 1)}, {decimal(size)}"


def _comment(text: str, indent: str) -> Iterator[str]:
    """A text as comments, broken between its words alone: what names hold is never YAML."""
    line = ""
    # Breaking at line breaks of a name would end the comment.
    for word in printable(text).split(" "):
        if line.strip() and len(f"{indent}#{line} {word}") > _WIDTH:
            yield f"{indent}#{line}"
            line = "  "
        line += f" {word}"
    yield f"{indent}#{line}"


def _scalar(text: str) -> str:
    """A text as YAML takes it for that text, in quotes where it needs them."""
    try:
        is_plain = yaml.safe_load(f"{{a: {text}}}") == {"a": text}
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain and text.isprintable() else _quoted(text)


def _quoted(text: str) -> str:
    quoted = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return str(quoted).strip()
