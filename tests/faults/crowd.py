"""Many threads that do one thing at the same instant, as that many workers, people or programs would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import connection

from tests.faults import pace
from tests.workflows.runtime.harness import silent_broker
from workflows.models import Run, StepRun
from workflows.runtime import queue, sweeping, worker

Result = TypeVar("Result")
PATIENCE_S = 110.0


def scaled(small: int) -> int:
    """How many of something: `small` in the ordinary tests, FAULT_N times as many in a full run."""
    return len(pace.rounds(small))


@pytest.fixture
def room_for_all() -> Iterator[None]:
    """A connection for each of 64 threads, so that none of them waits for the pool instead of racing."""
    limits = connection.settings_dict["OPTIONS"]["pool"]
    connection.pool.resize(limits["min_size"], 80)
    yield
    connection.pool.resize(limits["min_size"], limits["max_size"])


class Late(AssertionError):
    """A crowd did not come to its end: somebody waits for somebody else."""


def at_once(count: int, deed: Callable[[int], Result]) -> list[Result | Exception]:
    """What `count` threads got from `deed(number)`, begun together; an exception is a result like any other."""
    return together([_bound(deed, number) for number in range(count)])


def together(deeds: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
    """What these deeds gave, begun at the same instant, in the order in which they stand. Raises Late."""
    gate = threading.Barrier(len(deeds))
    found: list[Result | Exception | None] = [None] * len(deeds)

    def one(number: int, deed: Callable[[], Result]) -> None:
        gate.wait(PATIENCE_S)
        try:
            found[number] = deed()
        except Exception as error:
            found[number] = error
        finally:
            connection.close()

    threads = [
        threading.Thread(target=one, args=(number, deed), name=f"crowd-{number}", daemon=True)
        for number, deed in enumerate(deeds)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    if any(thread.is_alive() for thread in threads):
        raise Late(f"after {PATIENCE_S:.0f} s some of {len(deeds)} threads still wait")
    return found  # type: ignore[return-value]


def errors(results: Sequence[Any]) -> list[Exception]:
    return [result for result in results if isinstance(result, Exception)]


def begin_and_stop(run: Run) -> StepRun:
    """Begin a run whose first step is a wait that is over at once: gives the step, ready and claimed by nobody."""
    with silent_broker():
        worker.look("run", run.pk)
        sweeping.wake_sleepers()
    step = run.steps.get()
    assert step.status == "ready", step.status
    return step


@contextmanager
def messages_kept() -> Iterator[list[tuple[queue.Kind, UUID]]]:
    """What was handed out is written down instead of sent."""
    kept: list[tuple[queue.Kind, UUID]] = []
    original = queue.publish

    def keep(kind: queue.Kind, ids: list[UUID], priority: int) -> bool:
        kept.extend((kind, id) for id in ids)
        return True

    queue.publish = keep
    try:
        yield kept
    finally:
        queue.publish = original


def _bound(deed: Callable[[int], Result], number: int) -> Callable[[], Result]:
    def bound() -> Result:
        return deed(number)

    return bound
