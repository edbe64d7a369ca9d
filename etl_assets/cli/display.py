"""Progress as people see it: live on a terminal, plain lines elsewhere."""

import time
from typing import Protocol, Self

from rich.console import Console, Group
from rich.filesize import decimal
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from etl_assets.cli.progress import RunProgress, ShardProgress, State
from etl_assets.defs.progress_events import at_place, duration, how_far
from etl_assets.export.task import Progress as Done
from etl_assets.printable import printable

_SHOWN_SHARDS = 8


class Display(Protocol):
    """Shows a run's progress while it is open."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *reason: object) -> None: ...
    def update(self, progress: RunProgress) -> None:
        """Show the run as it is now."""


def open_display(console: Console, title: str) -> Display:
    """The display for where the output goes."""
    return _LiveDisplay(console, title) if console.is_terminal else _PlainDisplay(console, title)


class _PlainDisplay:
    """One line for each shard that is finished, and for each long one every ten seconds."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._told: dict[str, int] = {}
        self._noticed = 0

    def __enter__(self) -> Self:
        self._line(f"{self._title}: begins")
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def update(self, progress: RunProgress) -> None:
        for notice in progress.notices[self._noticed :]:
            self._noticed += 1
            self._line(f"{self._title}: {notice}")
        finished = progress.count(State.DONE) + progress.count(State.FAILED)
        for number, shard in enumerate(
            progress.changed, start=finished - len(progress.changed) + 1
        ):
            self._line(f"{self._title}: [{number}/{len(progress.shards)}] {_sentence(shard)}")
        for shard in progress.running:
            if shard.rows > self._told.get(str(shard.shard), 0):
                self._told[str(shard.shard)] = shard.rows
                self._line(f"{self._title}: {_sentence(shard)}")

    def _line(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _LiveDisplay:
    """A bar for the window, and a line for each shard being exported."""

    def __init__(self, console: Console, title: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} shards"),
            TextColumn("{task.fields[facts]}"),
            console=console,
            auto_refresh=False,
        )
        self._task = self._bar.add_task(title, total=None, facts="")
        self._began = time.monotonic()
        # Refreshed by update() alone: a thread of its own would not survive the next fork well.
        self._live = Live(self._bar, console=console, auto_refresh=False)
        self._told = self._heeded = 0

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *reason: object) -> None:
        self._live.stop()

    def update(self, progress: RunProgress) -> None:
        done = progress.count(State.DONE)
        failed = progress.count(State.FAILED)
        seconds = max(time.monotonic() - self._began, 1e-9)
        facts = f"{progress.rows:,} rows  {decimal(int(progress.bytes / seconds))}/s"
        if failed:
            facts += f"  {failed} failed"
        finished = done + failed
        if 0 < finished < len(progress.shards):
            left = seconds / finished * (len(progress.shards) - finished)
            facts += f"  about {duration(left)} left"
        self._bar.update(self._task, completed=finished, total=len(progress.shards), facts=facts)
        lines = [Text("  " + _sentence(shard)) for shard in progress.running[:_SHOWN_SHARDS]]
        lines += [Text("  " + _sentence(shard), style="red") for shard in progress.failed]
        # Gone as soon as a shard has ended after it: then it has been heeded.
        if progress.changed:
            self._heeded = self._told
        self._told = len(progress.notices)
        lines += [Text("  " + n, style="yellow") for n in progress.notices[self._heeded :]]
        self._live.update(Group(self._bar, *lines), refresh=True)


def _sentence(progress: ShardProgress) -> str:
    return printable(_words(progress))


def _words(progress: ShardProgress) -> str:
    match progress.state:
        case State.DONE:
            return (
                f"{progress.shard}: {progress.rows:,} rows, {decimal(progress.bytes)} "
                f"in {progress.seconds:.1f} s"
            )
        case State.FAILED:
            return f"failed: {progress.cause}"
        case State.RUNNING if progress.rows:
            done = Done(progress.rows, progress.bytes, progress.expected)
            return f"{at_place(progress.shard, progress.place)}: {how_far(done, progress.seconds)}"
        case _:
            return f"{at_place(progress.shard, progress.place)}: {progress.state.value}"
