"""Connection slots: several at once or none, without two steps in each other's way."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from etl_assets.steps import slots
from etl_assets.steps.slots import connection_slots, free_slot

LIMIT = 4


@pytest.fixture
def context(tmp_path: Path) -> Any:
    """What slots need of a step."""
    log = SimpleNamespace(info=lambda *words: None)
    return SimpleNamespace(instance=SimpleNamespace(root_directory=tmp_path), log=log)


def all_of(works: list[Callable[[], None]]) -> None:
    """Work at the same time, to the end of all."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "it waits for ever"


def test_steps_of_any_size_get_their_turn_and_the_limit_holds(context: Any) -> None:
    guard = threading.Lock()
    held = [0]
    most = [0]

    def step(wanted: int) -> Callable[[], None]:
        def work() -> None:
            for _ in range(3):
                with connection_slots(context, "db", LIMIT, wanted):
                    with guard:
                        held[0] += wanted
                        most[0] = max(most[0], held[0])
                    time.sleep(0.01)
                    with guard:
                        held[0] -= wanted

        return work

    all_of([step(wanted) for wanted in (4, 3, 3, 2, 1, 1, 1)])
    assert most[0] <= LIMIT
    assert held[0] == 0


def test_a_step_that_waits_for_many_is_not_passed_by(context: Any) -> None:
    order: list[str] = []
    waits = threading.Event()

    def large() -> None:
        waits.set()
        with connection_slots(context, "db", LIMIT, LIMIT):
            order.append("large")

    def small() -> None:
        with connection_slots(context, "db", LIMIT):
            order.append("small")

    with connection_slots(context, "db", LIMIT):
        first = threading.Thread(target=large)
        first.start()
        waits.wait(10)
        time.sleep(0.2)
        second = threading.Thread(target=small)
        second.start()
        time.sleep(0.2)
        assert order == []
    first.join(10)
    second.join(10)
    assert order == ["large", "small"]


def free(context: Any) -> int:
    """How many slots nobody holds."""
    with ExitStack() as stack:
        found = [stack.enter_context(free_slot(context.instance, "db", LIMIT)) for _ in range(9)]
    return sum(found)


def test_several_come_with_a_spare_one_that_is_given_back(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_SPARE_SECONDS", 0.2)
    with connection_slots(context, "db", LIMIT, 2) as held:
        assert free(context) == 1
        with held.spare() as found:
            assert (found, free(context)) == (True, 1)
        assert free(context) == 2
        with held.spare() as again:
            assert (again, free(context)) == (True, 1)
        one = connection_slots(context, "db", LIMIT)
        another = connection_slots(context, "db", LIMIT)
        with one, another, held.spare() as none:
            assert not none
        assert free(context) == 2
    assert free(context) == LIMIT


def test_a_spare_one_is_there_though_others_gather_already(context: Any) -> None:
    found: list[bool] = []

    def step() -> None:
        with connection_slots(context, "db", LIMIT, 3) as held:
            time.sleep(0.1)
            with held.spare() as spare:
                found.append(spare)
            time.sleep(0.1)
            with held.spare() as again:
                found.append(again)

    all_of([step] * 4)
    assert found == [True] * 8


def test_where_all_are_wanted_there_is_no_spare_one(context: Any) -> None:
    began = time.monotonic()
    with connection_slots(context, "db", LIMIT, LIMIT) as held, held.spare() as spare:
        assert not spare
    assert time.monotonic() - began < 1


def test_an_error_lets_go_of_all(context: Any) -> None:
    with pytest.raises(KeyboardInterrupt), connection_slots(context, "db", LIMIT, LIMIT):
        raise KeyboardInterrupt
    began = time.monotonic()
    with connection_slots(context, "db", LIMIT, LIMIT):
        assert time.monotonic() - began < 1
