"""The processes of a shard table's parts, as the step that starts them sees them."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self

from etl_assets.errors import ShardError
from etl_assets.export.split.messages import BEGIN, Done, Opened, Reached, ReadRows
from etl_assets.export.split.part import PartOrder, export_part
from etl_assets.export.task import Progress, ShardTask
from etl_assets.fork_server.server import context_of_parts
from etl_assets.private.multiprocessing import Descriptor
from etl_assets.source.engines import Engines
from etl_assets.source.key_range import KeyRange
from etl_assets.store.folder import Folder
from etl_assets.store.nameless import NamelessFile
from etl_assets.tables.columns import Columns

_POLL_SECONDS = 0.1
_STOP_SECONDS = 2.0
_NOTHING = Progress(0, 0, None)


@dataclass
class Part:
    """A part's process and what it has said so far."""

    process: BaseProcess
    control: "Connection[Any, Any]"
    file: NamelessFile
    reached: frozenset[str] = frozenset()
    opened: Opened | None = None
    progress: Progress = _NOTHING
    done: Done | None = None

    def take(self, message: object) -> None:
        """Note a message; an error is raised."""
        match message:
            case Exception():
                raise message
            case Reached(point):
                self.reached |= {point}
            case Opened():
                self.opened = message
            case Progress():
                self.progress = message
            case Done():
                self.done = message


class PartProcesses:
    """The parts of a shard table but for the first, each in a process of its own.

    As a context manager it lets none of them go on after its end.
    """

    def __init__(self, engines: Engines, task: ShardTask, united: Columns | None) -> None:
        self._shard = task.shard
        self.parts: list[Part] = []
        password = engines.host(task.shard.host).password
        self._order = PartOrder(
            engines,
            task,
            united,
            KeyRange(()),
            password.environment if password else {},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._stop()
        finally:
            for part in self.parts:
                part.control.close()
                part.file.close()

    def start(self, ranges: Sequence[KeyRange], folder: Folder) -> None:
        """Start a process for each range.

        Raises:
            ShardError: this process may not start any.
        """
        if multiprocessing.current_process().daemon:
            raise ShardError(
                f"{self._shard}: split",
                expected="a step that may start processes of its own",
                got="one in a daemonic process, which may not",
                next_step="set `split: 1`, or another `execution.executor`",
            )
        context = context_of_parts()
        for part in ranges:
            file = folder.nameless_file()
            ours, theirs = multiprocessing.Pipe()
            process = context.Process(
                target=export_part,
                args=(replace(self._order, part=part), theirs, Descriptor(file.fileno())),
                daemon=True,
            )
            self.parts.append(Part(process, ours, file))
            process.start()
            theirs.close()

    def begin(self) -> None:
        """Let all of them open their snapshots."""
        for part in self.parts:
            _say(part, BEGIN)

    def read(self, *, counting: bool) -> None:
        """Let all of them read, and before that count what they read."""
        for part in self.parts:
            _say(part, ReadRows(counting))

    def until(
        self,
        is_so: Callable[[Part], object],
        on_tick: Callable[[], None],
        seconds: float | None = None,
    ) -> bool:
        """Wait until something is so for every part; false when that takes too long.

        Raises:
            Exception: what a part has failed with.
        """
        give_up = None if seconds is None else time.monotonic() + seconds
        while not all(map(is_so, self.parts)):
            if give_up is not None and time.monotonic() > give_up:
                return False
            self.listen(_POLL_SECONDS)
            on_tick()
        return True

    def listen(self, seconds: float = 0.0) -> None:
        """Take what the parts have said; waits so long where they are silent.

        Raises:
            Exception: what a part has failed with.
        """
        open_ones = {part.control: part for part in self.parts if part.done is None}
        for control in wait(list(open_ones), seconds):
            part = open_ones[control]  # type: ignore[index]
            try:
                while part.done is None and part.control.poll():
                    part.take(part.control.recv())
            except (EOFError, ConnectionError):
                raise self._ended(part) from None

    def finished(self, on_tick: Callable[[], None]) -> Iterator[Part]:
        """The parts in the order of the key, each as soon as it is whole."""
        for part in self.parts:
            while part.done is None:
                self.listen(_POLL_SECONDS)
                on_tick()
            yield part

    def _ended(self, part: Part) -> ShardError:
        part.process.join(_STOP_SECONDS)
        code = part.process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        number = self.parts.index(part) + 2
        return ShardError(
            f"{self._shard}: the process of part {number} of {len(self.parts) + 1} ended",
            expected="a file",
            got=how,
            next_step="see to the memory of this machine, and export with --resume",
        )

    def _stop(self) -> None:
        """Interrupt those that are at work: each drops its connection and ends its query."""
        started = [part.process for part in self.parts if part.process.pid is not None]
        for part in self.parts:
            if part.process.pid is None or part.done is not None:
                continue
            # One that has not connected yet has nothing to clean up, and cannot be reached.
            number = signal.SIGINT if "connected" in part.reached else signal.SIGKILL
            with suppress(ProcessLookupError):
                if part.process.is_alive():
                    os.kill(part.process.pid, number)
        give_up = time.monotonic() + _STOP_SECONDS
        for process in started:
            process.join(max(0.0, give_up - time.monotonic()))
            if process.is_alive():
                process.kill()
                process.join()


def _say(part: Part, message: object) -> None:
    # One that is gone has said why, or is found to have ended, when it is listened to.
    with suppress(OSError):
        part.control.send(message)
