"""Charter: cases by number, tried one after the other; what differs is made small and told.

A case has a number. Hypothesis makes a batch of cases from a seed of its own, so a number leads to
the same case again, on a server of the same kind, and Hypothesis can make it smaller: it is given
the batch anew, passes over all but the case, and keeps whatever still differs in the same way.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from etl_assets_tests.fuzz.case import Case
from etl_assets_tests.fuzz.cases import Wanted, cases
from etl_assets_tests.fuzz.comparing import Difference
from etl_assets_tests.fuzz.facts import Collation, Facts
from etl_assets_tests.fuzz.trying import Place, RefusedError

BATCH = 12
"""So many cases of a seed. The first that Hypothesis makes is always the simplest, and left out."""
_COLLATIONS = 6
"""So many collations a batch: one batch after the other goes through all of them."""


@dataclass(frozen=True)
class Hunt:
    """Which cases there are.

    Attributes:
        facts: of the server.
        seed: of all.
        only: `split-text` or `all`.
    """

    facts: Facts
    seed: int = 0
    only: str = "all"

    def strategy(self, batch: int) -> st.SearchStrategy[Case]:
        """The cases of a batch."""
        return cases(self.facts, Wanted(self._collations(batch), self.only))

    def _collations(self, batch: int) -> tuple[Collation, ...]:
        every = self.facts.collations
        first = (self.seed + batch) * _COLLATIONS
        return tuple(every[(first + n) % len(every)] for n in range(_COLLATIONS))

    def batch(self, batch: int) -> list[Case]:
        """The cases of a batch, drawn and not yet tried."""
        found: list[Case] = []
        self._run(batch, found.append, [Phase.generate])
        return found[1:]

    def numbered(self, first: int = 0) -> Iterator[tuple[int, Case]]:
        """All cases from a number on, with their numbers."""
        number = first - first % BATCH
        while True:
            drawn = self.batch(number // BATCH)
            for place, case in enumerate(drawn[:BATCH]):
                if number + place >= first:
                    yield number + place, case
            number += BATCH

    def smallest(
        self, number: int, differs: Callable[[Case], bool], case: Case, seconds: float
    ) -> Case:
        """The smallest case found in so many seconds that still differs."""
        known = {repr(case): True}
        best = case
        give_up: float | None = None

        def attempt(drawn: Case) -> None:
            nonlocal best, give_up
            text = repr(drawn)
            if give_up is None and drawn == case:
                give_up = time.monotonic() + seconds
            if give_up is None:
                return
            if text not in known:
                if time.monotonic() > give_up:
                    raise _TimeIsUpError
                known[text] = differs(drawn)
            if known[text]:
                best = drawn
                raise _DiffersError

        with suppress(_DiffersError, _TimeIsUpError):
            self._run(number // BATCH, attempt, [Phase.generate, Phase.shrink])
        return best

    def _run(self, batch: int, take: Callable[[Case], None], phases: list[Phase]) -> None:
        @seed(f"{self.seed}:{batch}")
        @settings(
            max_examples=BATCH + 1,
            database=None,
            deadline=None,
            derandomize=False,
            phases=phases,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            verbosity=settings().verbosity,
        )
        @given(self.strategy(batch))
        def one(case: Case) -> None:
            take(case)

        one()


class _DiffersError(Exception):
    """A case still differs."""


class _TimeIsUpError(BaseException):
    """No Exception: Hypothesis would take it for a finding, and go on."""


@dataclass
class Score:
    """What was tried and what was found."""

    cases: int = 0
    refused: int = 0
    rows: int = 0
    split: int = 0
    written: int = 0
    commands: int = 0
    shards: int = 0
    text_keys: int = 0
    collations: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)

    def note(self, case: Case, parts: int) -> None:
        """Count a case that was tried, and read in so many parts."""
        self.cases += 1
        self.rows += sum(len(table.rows) for table in case.tables)
        self.split += parts > 1
        self.written += bool(case.writes)
        self.commands += case.whole_command
        self.shards += len(case.tables) > 1
        if parts > 1 and case.text_collations:
            self.text_keys += 1
            self.collations.update(set(case.text_collations))

    def __str__(self) -> str:
        each = ", ".join(f"{name} {times}" for name, times in sorted(self.collations.items()))
        ways = (
            f"{self.split} split, {self.written} while others write, "
            f"{self.shards} of two shard tables, {self.commands} by the whole command"
        )
        texts = f"{self.text_keys} split with a text in the key, of {len(self.collations)}"
        return "\n".join(
            [
                f"{self.cases} cases with {self.rows} rows: {ways}",
                f"{self.refused} more that the server refused",
                f"{texts} collations: {each}",
                f"{sum(self.found.values())} differences",
                *(f"  {times} {kind}" for kind, times in self.found.items()),
            ]
        )


def try_case(place: Place, case: Case, score: Score) -> list[Difference]:
    """Try a case and count it."""
    try:
        found = place.differences(case)
    except RefusedError:
        score.refused += 1
        return []
    score.note(case, place.parts)
    score.found.update(difference.kind for difference in found)
    return found


def has_kind(place: Place, kind: str) -> Callable[[Case], bool]:
    """Whether a case differs in a way."""

    def differs(case: Case) -> bool:
        try:
            return any(one.kind == kind for one in place.differences(case))
        except RefusedError:
            return False

    return differs
