"""A department whose workflows reach the effect sink, on a stack of real processes: the stage of the kill tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from departments.access import SYSTEM
from departments.models import Department
from tests.faults.sink import Sink
from tests.faults.stack import Answer, Stack
from tests.workflows.runtime.harness import published
from workflows.models import Attempt, JournalEntry, Run, StepRun
from workflows.services.triggers import Wanted, set_up

CLASSES: Final = ("pure", "keyed", "checkable", "unsafe")
NEVER_REPEATED: Final = ("keyed", "checkable", "unsafe")

Runs = Mapping[str, list[str]]
"""Effect class → ids of the runs whose first step is of that class."""


@dataclass(frozen=True)
class Scene:
    """What a kill test holds in its hands."""

    stack: Stack
    sink: Sink
    department: Department

    # What is run ----------------------------------------------------------------------------------------------------

    def effect(self, id: str, effect: str = "keyed", **rest: Any) -> dict[str, Any]:
        """A step that reaches the sink under its own id as name; `sleep_s` is what it does before."""
        given = {"url": self.sink.url, "name": id} | {key: rest.pop(key) for key in ("sleep_s",) if key in rest}
        return {"id": id, "kind": f"effect.{effect}", "with": given, **rest}

    def workflow(self, steps: Sequence[Mapping[str, Any]], **rest: Any) -> str:
        """Published; its slug."""
        number = Run.objects.count() + self.department.workflows.count()
        return published([dict(step) for step in steps], department=self.department, name=f"Kill {number}", **rest).slug

    def listening(self) -> tuple[str, str]:
        """The slug of a workflow that waits for the event with its number, and the path at which that is told."""
        waits = {"id": "heard", "kind": "flow.event", "with": {"event": "heard", "reference": "{{ inputs.number }}"}}
        slug = self.workflow([waits, self.effect("b")], inputs={"number": {"type": "text"}})
        wanted = Wanted("Heard", {"proof": "none"}, reference="{{ event.body.number }}")
        workflow = self.department.workflows.get(slug=slug)
        return slug, f"/hooks/{set_up(workflow, 'web.hook', wanted, actor=SYSTEM)[1].path}"

    def start_each(self, count: int, classes: Sequence[str] = CLASSES) -> Runs:
        """Runs of two steps: `a` of the class, `b` with a key. All of them are accepted before this returns."""
        flows = {effect: self.workflow([self.effect("a", effect), self.effect("b")]) for effect in classes}
        return {effect: self.stack.start_runs(slug, count) for effect, slug in flows.items()}

    def at_once(self, slug: str, keys: Sequence[str]) -> list[Answer]:
        """One start per Idempotency-Key, all at the same time; the answers in the order of the keys."""
        with ThreadPoolExecutor(len(keys)) as threads:
            return list(threads.map(lambda key: self.stack.start_run(slug, key=key), keys))

    def at_the_same_time(self, requests: Sequence[tuple[str, str, Any]]) -> list[Answer]:
        """Method, path and body of each."""
        with ThreadPoolExecutor(len(requests)) as threads:
            return list(threads.map(lambda request: self.stack.call(*request), requests))

    def wait_for_arrivals(self, count: int, quiet_s: float = 10) -> None:
        self.stack.wait(lambda: len(self.sink.arrived()) >= count, quiet_s, f"{count} requests at the sink")

    # What came of it ------------------------------------------------------------------------------------------------

    def statuses(self, runs: Runs) -> dict[str, set[str]]:
        """Effect class → the states its runs are in."""
        return {
            effect: set(Run.objects.filter(pk__in=ids).values_list("status", flat=True)) for effect, ids in runs.items()
        }

    def arrived(self, effect: str, name: str = "a") -> list[int]:
        """How often each key arrived at the sink, repetitions too; sorted."""
        counts: dict[str, int] = {}
        for record in self.sink.arrived(effect=effect, name=name):
            counts[record.key] = counts.get(record.key, 0) + 1
        return sorted(counts.values())

    def doubled(self) -> dict[str, int]:
        """Key → times of every effect that happened more than once, reads aside."""
        return {
            key: times
            for effect in NEVER_REPEATED
            for key, times in self.sink.effects(effect=effect).items()
            if times > 1
        }

    def parked(self) -> list[str]:
        """Why steps wait for a person: the codes, sorted."""
        return sorted(step.error["code"] for step in StepRun.objects.filter(status="parked") if step.error)


def at_last(point: str, action: str, count: int) -> str:
    """Rules: the first `count` - 1 who come by are held there, and the last one brings the action."""
    held = f"{point}:hold@1-{count - 1}," if count > 1 else ""
    return f"{held}{point}:{action}@{count}"


def everything(runs: Runs) -> list[str]:
    return [run for ids in runs.values() for run in ids]


def lost() -> int:
    """How often a step lost its worker and was given back."""
    return JournalEntry.objects.filter(event__in=["step.lost", "step.parked"]).count()


def attempts(path: str = "a") -> set[int]:
    """How many attempts the steps at this path have come to, each."""
    counts: dict[Any, int] = {}
    for step_id in Attempt.objects.filter(step__path=path).values_list("step_id", flat=True):
        counts[step_id] = counts.get(step_id, 0) + 1
    return set(counts.values())
