"""A line for each area of the tests as soon as it is done, instead of a dot for each test."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import pytest


def area_of(nodeid: str) -> str:
    """The folder of a test below etl_assets_tests; `project` of those that are in none."""
    _, _, place = nodeid.partition("::")[0].rpartition("etl_assets_tests/")
    return place.split("/")[0] if "/" in place else "project"


class Areas:
    """Counts what every area still has to do, in the process that reports."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal
        # Without their names, which are printed where tests run in this process.
        terminal.showfspath = False
        self._left: Counter[str] = Counter()
        self._outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """All is known that will run in this process."""
        self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """The same of a process of pytest-xdist's; each of them has found all tests."""
        self._expect(ids)

    def _expect(self, ids: Iterable[str]) -> None:
        found = Counter(map(area_of, ids))
        self._left = found or self._left

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport | pytest.CollectReport
    ) -> tuple[str, str, str] | None:
        """What pytest itself counts a test as, without its letter."""
        if report.passed and report.when != "call":
            return None
        return ("error" if report.failed and report.when != "call" else report.outcome), "", ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a part of a test; say what came of its area where it is the last part."""
        area = area_of(report.nodeid)
        self._seconds[area] += report.duration
        if report.when == "call" or not report.passed:
            self._outcomes[area][report.outcome] += 1
        if report.failed:
            self._terminal.write_line(f"FAILED {report.nodeid}", red=True)
        if report.when == "teardown":
            self._left[area] -= 1
            if not self._left[area]:
                told = ", ".join(f"{n} {what}" for what, n in self._outcomes[area].items())
                self._terminal.write_line(f"{area:<12} {told:<24} {self._seconds[area]:4.0f} s")
