"""Figures as Markdown: said as they are found, and put into their place on a page.

A page has a section for each part, between marks that a reader does not see: a part that is
measured again alone replaces its own section, and the others stay as they are.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.bench import Bench
from benchmarks.commands import Ran
from benchmarks.measure import Result

DRAIN = "drain"
_WIDTH = 100
_SECTION = re.compile(r"^<!-- (\w+) -->\n(.*?)(?=^<!-- |\Z)", re.DOTALL | re.MULTILINE)


class Section:
    """What one part found."""

    def __init__(self, title: str, about: str = "") -> None:
        self._lines: list[str] = []
        self.figure: Figure | None = None
        self.add(f"## {title}", "")
        if about:
            self.add(fill(about, _WIDTH, break_on_hyphens=False), "")

    @property
    def text(self) -> str:
        """All that was said."""
        return "\n".join(self._lines) + "\n"

    def add(self, *lines: str) -> None:
        """Say and keep lines."""
        print(*lines, sep="\n", flush=True)
        self._lines += lines

    def table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A Markdown table."""
        self.add(
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in rows),
            "",
        )

    def ways(self, results: Mapping[str, Result], base: str = DRAIN) -> None:
        """A table of ways in multiples of one of them; the fastest is bold."""
        lowest = seconds_of(results, base)
        fastest = best(results, but=DRAIN)
        self.table(
            ("way", "seconds", f"x {base}", "CPU s", "peak MB"),
            (
                (name, one.partition("\n")[0][:100], "", "", "")
                if isinstance(one, str)
                else (
                    bold(name, name == fastest),
                    bold(f"{one.wall:.2f}", name == fastest),
                    f"{one.wall / lowest:.2f}",
                    f"{one.cpu:.2f}",
                    f"{one.peak:.0f}",
                )
                for name, one in results.items()
            ),
        )

    def commands(self, ran: Mapping[str, Ran], base: str, aside: str = "") -> None:
        """A table of whole commands in multiples of one of them; the fastest is bold.

        One may stand aside: it does less than the others.
        """
        lowest = ran[base].wall
        fastest = min((name for name in ran if name != aside), key=lambda name: ran[name].wall)
        self.table(
            ("command", "seconds", f"x {base}", "CPU s of the machine, server included"),
            (
                (
                    bold(name, name == fastest),
                    bold(f"{one.wall:.2f}", name == fastest),
                    f"{one.wall / lowest:.2f}",
                    f"{one.cpu:.1f}",
                )
                for name, one in ran.items()
            ),
        )


def seconds_of(results: Mapping[str, Result], name: str) -> float:
    """What a way took that the others are compared with.

    Raises:
        RuntimeError: it failed.
    """
    found = results[name]
    if isinstance(found, str):
        raise RuntimeError(f"{name} failed: {found}")
    return found.wall


def best(results: Mapping[str, Result], but: str) -> str:
    """The fastest way, one aside."""
    walls = {name: one.wall for name, one in results.items() if not isinstance(one, str)}
    return min((name for name in walls if name != but), key=walls.__getitem__, default="")


def bold(text: str, yes: bool) -> str:
    """As it is, or bold."""
    return f"**{text}**" if yes else text


Part = Callable[[Bench], Section]
"""Measures something; its name and its docstring say what."""


@dataclass(frozen=True)
class Page:
    """A page of the documentation.

    Attributes:
        name: also of its picture, which its one part with a figure draws.
        title: its headline.
        about: its first lines.
        parts: in their order.
    """

    name: str
    title: str
    about: str
    parts: tuple[Part, ...]

    def write(self, path: Path, found: Mapping[str, Section]) -> None:
        """Put sections into a file, which may have older ones."""
        kept = dict(_SECTION.findall(path.read_text())) if path.exists() else {}
        texts = kept | {name: section.text for name, section in found.items()}
        names = [part.__name__ for part in self.parts if part.__name__ in texts]
        sections = [f"<!-- {name} -->\n{texts[name].strip()}\n" for name in names]
        path.write_text("\n".join([f"# {self.title}\n\n{fill(self.about, _WIDTH)}\n", *sections]))
        for section in found.values():
            if section.figure is not None:
                picture = path.parent / self.picture
                picture.parent.mkdir(exist_ok=True)
                # Without a date and with a salt, so that the same figures make the same file.
                with rc_context({"svg.hashsalt": self.name}):
                    section.figure.savefig(picture, metadata={"Date": None})

    @property
    def picture(self) -> str:
        """Where its picture is, from where the page is."""
        return f"images/{self.name}.svg"
