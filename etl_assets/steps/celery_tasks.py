"""Tasks that may be lost: a worker that is killed fails its shard, and not the whole run.

Celery reports the death of a worker's process, but not that of a worker or of its machine: a run
would wait for their results for ever. So the workers are asked now and then what they have.
"""

import sys
import threading
import time
from typing import Any, Self

import dagster as dg
from celery.exceptions import TaskRevokedError, WorkerLostError
from celery.states import STARTED

from etl_assets.private.dagster import (
    EngineEventData,
    SerializableErrorInfo,
    StepFailureData,
    UserFailureData,
    serializable_error_info_from_exc_info,
)

_Said: Any = UserFailureData
_Failure: Any = StepFailureData
_ANSWER_SECONDS = 3.0
_ASKED_IN_PATIENCE = 4
"""How often a worker that answers no more is asked before its tasks are given up."""


class WorkerWatch:
    """Which tasks the workers have, as a thread asks them: an answer may take its time.

    Arguments:
        app: a Celery app of its own.
        patience: how many seconds a task may be with no worker after one had it.
    """

    def __init__(self, app: Any, patience: float) -> None:
        self._app = app
        self._patience = patience
        self._seen: dict[str, tuple[str, float]] = {}
        self._asked = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *reason: object) -> None:
        self._over.set()

    def knows(self, task_id: str) -> bool:
        """Whether a worker had this task."""
        return task_id in self._seen

    def began(self, task_id: str, worker: str) -> None:
        """Take down that a worker has begun a task."""
        self._seen[task_id] = (worker, time.monotonic())

    def lost_by(self, task_id: str) -> str | None:
        """The worker that had a task which no worker has any more; None where all is well.

        A task that was never seen waits in the queue.
        """
        worker, seen = self._seen.get(task_id, ("", self._asked))
        return worker if self._asked - seen > self._patience else None

    def _watch(self) -> None:
        while not self._over.wait(self._patience / _ASKED_IN_PATIENCE):
            self.ask()

    def ask(self) -> None:
        """Ask all workers once."""
        inspect = self._app.control.inspect(timeout=_ANSWER_SECONDS)
        try:
            answers = [inspect.active() or {}, inspect.reserved() or {}]
        except Exception:
            # The broker is away: nobody can be judged.
            now = time.monotonic()
            self._seen = {task: (worker, now) for task, (worker, _) in self._seen.items()}
            return
        now = time.monotonic()
        found = {
            task["id"]: (worker, now)
            for answer in answers
            for worker, tasks in answer.items()
            for task in tasks
        }
        self._seen = {**self._seen, **found}
        # Last: whoever reads both may have the older one of this, but never of the tasks.
        self._asked = now


class StepTask:
    """A step's task, as Dagster's loop uses Celery's own result."""

    def __init__(self, result: Any, context: Any, watch: WorkerWatch) -> None:
        self._result = result
        self._context = context
        self._watch = watch
        self._lost_by: str | None = None

    def ready(self) -> bool:
        """Whether it has come to an end, or never will."""
        if self._result.ready():
            return True
        task_id = self._result.id
        if not self._watch.knows(task_id) and self._result.state == STARTED:
            facts = self._result.info
            if isinstance(facts, dict) and "hostname" in facts:
                self._watch.began(task_id, facts["hostname"])
        self._lost_by = self._watch.lost_by(task_id)
        return self._lost_by is not None

    def revoke(self) -> None:
        """Keep workers from beginning it; one that runs goes on."""
        self._result.revoke()

    def get(self) -> Any:
        """The step's events; of a task that was lost, the step's failure."""
        if self._lost_by is not None:
            # The broker may give it to another worker yet.
            self._result.revoke()
            words = f"its Celery worker {self._lost_by} does not answer any more"
            return self._failure(SerializableErrorInfo(words, [], None), words)
        try:
            return self._result.get()
        except TaskRevokedError:
            raise
        except WorkerLostError:
            error = serializable_error_info_from_exc_info(sys.exc_info())
            words = (
                "its process on the Celery worker ended without a word: killed, or out of memory"
            )
            return self._failure(error, words)
        except Exception as problem:
            error = serializable_error_info_from_exc_info(sys.exc_info())
            return self._failure(error, f"its Celery worker could not begin it: {problem}")

    def _failure(self, error: SerializableErrorInfo, words: str) -> list[str]:
        dg.DagsterEvent.engine_event(self._context, words, EngineEventData.engine_error(error))
        said = _Said(label="celery", description=words)
        event = dg.DagsterEvent.step_failure_event(
            self._context, _Failure(error=error, user_failure_data=said)
        )
        return [dg.serialize_value(event)]
