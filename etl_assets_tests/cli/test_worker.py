"""A run's process as its supervisor sees it."""

import os
import time

import pytest

from etl_assets.cli.worker import Worker


def test_a_group_is_signalled_only_while_its_number_is_the_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os._exit(3)
    os.close(reading)
    worker = Worker(pid, writing)
    while not worker.poll():
        time.sleep(0.01)
    assert worker.poll()
    signalled = []

    def killpg(group: int, number: int) -> None:
        # Nobody else can have the number of a process that was not asked yet how it ended.
        os.waitid(os.P_PID, group, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        signalled.append((group, number))
        raise ProcessLookupError

    monkeypatch.setattr(os, "killpg", killpg)
    worker.interrupt()
    worker.end_session()
    assert worker.ending == "ended with exit code 3"
    assert (pid, 9) in signalled
    signalled.clear()
    worker.interrupt()
    worker.end_session()
    assert signalled == []
