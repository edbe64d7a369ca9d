"""Figures as Markdown: printed, and written where the documentation shows them."""

import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Taken
from benchmarks.whole import NAIVE, Ran
from etl_assets_tests.support.servers import Server

_PEERS = (
    "etl-assets", "pymysql", "sqlalchemy", "pandas", "numpy", "connectorx", "pyarrow", "duckdb",
    "dlt", "mysqlclient",
)  # fmt: skip


class Report:
    """Sections in the order in which they were measured."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, *lines: str) -> None:
        """Say and keep lines."""
        print(*lines, sep="\n", flush=True)
        self._lines += lines

    def write(self, path: Path) -> None:
        """Write all that was said."""
        path.write_text("\n".join(self._lines) + "\n")

    def heading(self, server: Server) -> None:
        """What the figures are, and what was measured where."""
        self.add(
            "# Benchmarks",
            "",
            "Written by `make bench`: everything in one run, all ways in turn, the first round not",
            "counted, medians of the others. *Drain* reads the result's bytes from the socket and",
            "throws them away: what reads every byte cannot be much faster. *CPU* and *peak*",
            "(resident memory) are the client's; imports count for the peak, not for the time.",
            "",
        )
        self.figures(server)

    def figures(self, server: Server) -> None:
        """What was measured where."""
        version = server.execute("SELECT VERSION()")[0][0]
        self.add(
            f"* command: `{shlex.join(['python', '-m', *_command()])}`",
            f"* {datetime.now(UTC):%Y-%m-%d}, {_processor()}, {os.cpu_count()} cores, "
            f"{platform.system()} {platform.release().split('-')[0]}, "
            f"Python {platform.python_version()}, server {version} on the same machine",
            f"* {', '.join(_versions())}",
            "",
        )

    def single(self, title: str, taken: Mapping[str, Taken | str], floor: str = "drain") -> None:
        """A table of ways; `floor` is the one that the others are multiples of."""
        lowest = taken[floor]
        if isinstance(lowest, str):
            raise RuntimeError(f"{floor} failed: {lowest}")
        self.add(f"## {title}", "")
        self.table(
            ("way", "seconds", f"x {floor}", "CPU s", "peak MB"),
            (
                (name, one.partition("\n")[0][:100], "", "", "")
                if isinstance(one, str)
                else (
                    name,
                    f"{one.wall:.2f}",
                    f"{one.wall / lowest.wall:.2f}",
                    f"{one.cpu:.2f}",
                    f"{one.peak:.0f}",
                )
                for name, one in taken.items()
            ),
        )

    def whole(self, title: str, ran: Mapping[str, Ran]) -> None:
        """A table of commands."""
        naive = ran[NAIVE].wall
        self.add(f"## {title}", "")
        self.table(
            ("command", "seconds", "of the naive pool", "CPU s of the machine, server included"),
            (
                (name, f"{one.wall:.1f}", f"{one.wall / naive:.2f}", f"{one.cpu:.1f}")
                for name, one in ran.items()
            ),
        )

    def memory(self, title: str, peaks: Mapping[str, float]) -> None:
        """A table of peaks."""
        self.add(f"## {title}", "")
        self.table(("table", "peak PSS in MB"), ((n, f"{v:.0f}") for n, v in peaks.items()))

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A Markdown table."""
        self.add(
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows),
            "",
        )


def _command() -> list[str]:
    script = Path(sys.argv[0])
    module = "benchmarks" if script.stem == "__main__" else f"benchmarks.{script.stem}"
    return [module, *sys.argv[1:]]


def _versions() -> Iterable[str]:
    for name in _PEERS:
        try:
            yield f"{name} {importlib.metadata.version(name)}"
        except importlib.metadata.PackageNotFoundError:
            continue


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
