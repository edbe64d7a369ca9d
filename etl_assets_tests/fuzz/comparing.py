"""Charter: what an export holds against what it has to hold: every way in which they may differ."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl_assets.store.manifest import ShardManifest
from etl_assets_tests.fuzz.case import Case
from etl_assets_tests.fuzz.conventions import Conventions, records
from etl_assets_tests.fuzz.oracle import Expected
from etl_assets_tests.fuzz.product import Outcome

_SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """Something that is not as it has to be: of what kind, and what exactly."""

    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


def compare(
    case: Case, outcome: Outcome, possible: Sequence[Sequence[Expected]]
) -> Iterator[Difference]:
    """Every difference; for each shard there may be several states that it may have been read in.

    Rows are compared as a multiset of records, byte by byte.
    """
    yield from (Difference("verify", finding) for finding in outcome.findings)
    seen: list[Expected] = []
    for manifest, states in zip(outcome.shards, possible, strict=True):
        found: Counter[bytes] = Counter()
        yield from _file(case, outcome, manifest, found)
        state = _state_of(case, found, states, manifest.rows_outside)
        seen.append(state)
        yield from _rows(case, found, state, len(states))
        if not case.writes or found == state.records:
            yield from _manifest(case, manifest, state)
    if outcome.table is not None:
        yield from _whole(case, outcome, seen)


def _state_of(
    case: Case, found: "Counter[bytes]", states: Sequence[Expected], outside: int | None
) -> Expected:
    """The state that the rows are of; else the first.

    Several may have the same rows in the window, and others outside.
    """
    if case.limit is not None:
        return states[0]
    same = [state for state in states if state.records == found] or states
    return next((state for state in same if state.outside == outside), same[0])


def _file(
    case: Case, outcome: Outcome, manifest: ShardManifest, found: "Counter[bytes]"
) -> Iterator[Difference]:
    """Take a file's records, and compare it with its manifest."""
    stored = outcome.stored(manifest)
    conventions = Conventions.of(case.settings)
    if (len(stored), hashlib.sha256(stored).hexdigest()) != (manifest.bytes, manifest.sha256):
        yield Difference("manifest: bytes or sha256", manifest.file)
    text = conventions.plain(stored)
    head = conventions.head(column.name for column in manifest.columns)
    if not text.startswith(head):
        yield Difference("head", f"expected {head!r}, got {text[: len(head) + 20]!r}")
        return
    body = records(text[len(head) :])
    if len(body) != manifest.rows:
        yield Difference("manifest: rows", f"{manifest.rows}, but {len(body)} records")
    found.update(body)


def _rows(
    case: Case, found: "Counter[bytes]", state: Expected, states: int
) -> Iterator[Difference]:
    lost, more = state.records - found, found - state.records
    if case.limit is not None:
        wanted = min(case.limit, state.rows)
        if more or sum(found.values()) != wanted:
            yield Difference("a trial's rows", f"expected {wanted} of the table's, {_some(more)}")
        return
    if not lost and not more:
        return
    what = f"lost {_some(lost)}; more {_some(more)}; of {state.rows} rows"
    if case.writes:
        yield Difference("a state that never was", f"none of {states}; {what}")
    elif not more:
        yield Difference("rows lost", what)
    elif not lost:
        yield Difference("rows too many", what)
    else:
        yield Difference("values", what)


def _some(those: "Counter[bytes]") -> str:
    shown = [repr(one[:120]) for one in list(those)[:_SHOWN]]
    return f"{sum(those.values())} ({', '.join(shown)})" if those else "0"


def _manifest(case: Case, manifest: ShardManifest, state: Expected) -> Iterator[Difference]:
    columns = [(column.name, column.type) for column in state.columns]
    found = [(column.name, column.type) for column in manifest.columns]
    if columns != found:
        yield Difference("manifest: columns", f"expected {columns}, got {found}")
    if case.limit is not None:
        return
    for name, wanted, got in (
        ("source_rows", state.rows, manifest.source_rows),
        ("rows", state.rows, manifest.rows),
        ("rows_outside", state.outside, manifest.rows_outside),
    ):
        if wanted != got and (name != "rows_outside" or not case.whole_command):
            yield Difference(f"manifest: {name}", f"expected {wanted}, got {got}")
    if case.writes and not manifest.snapshot.exact:
        yield Difference("manifest: exact", "false, though the account may lock")


def _whole(case: Case, outcome: Outcome, seen: Sequence[Expected]) -> Iterator[Difference]:
    table = outcome.table
    assert table is not None
    if table.rows != sum(manifest.rows for manifest in outcome.shards):
        yield Difference("manifest: the table's rows", str(table.rows))
    if (table.merged is not None) != bool(case.settings.get("merge")):
        yield Difference("merge", "there is no merged file, or one too many")
    if table.merged is None:
        return
    conventions = Conventions.of(case.settings)
    stored = outcome.stored(table.merged)
    if hashlib.sha256(stored).hexdigest() != table.merged.sha256:
        yield Difference("merge", "another SHA-256")
    names = ["_host", "_database", "_table", *(column.name for column in seen[0].columns)]
    text, head = conventions.plain(stored), conventions.head(names)
    if not text.startswith(head):
        yield Difference("merge", f"its head is {text[: len(head)]!r}, wanted {head!r}")
        return
    wanted: Counter[bytes] = Counter()
    for manifest, state in zip(outcome.shards, seen, strict=True):
        shard = manifest.shard
        place = (shard.host, shard.database, shard.shard_table)
        prefix = conventions.record(map(conventions.safe, place))
        comma = conventions.delimiter.encode()
        for record, times in state.records.items():
            wanted[prefix + comma + record] += times
    found = Counter(records(text[len(head) :]))
    if found != wanted:
        yield Difference("merge", f"lost {_some(wanted - found)}; more {_some(found - wanted)}")
