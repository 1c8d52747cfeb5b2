"""Who is asked by a task, stage after stage, in words: who has agreed, and what the clock will do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from departments.models import Group, Role, User
from workflows.models import Assignee, Decision, Task, TaskStatus, Why
from workflows.runtime.tasks import needed


@dataclass(frozen=True, slots=True)
class Asked:
    """One who is asked. `why` (in words), `by` and `reason` are empty for those whom the workflow asks."""

    name: str
    why: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """`number` counts from 1. `needs` of those asked have to agree; `state` is over, now or next."""

    number: int
    asked: Sequence[Asked]
    needs: int
    voices: Sequence[Decision]
    state: str

    @property
    def left(self) -> int:
        """How many voices are still needed."""
        return max(0, self.needs - len(self.voices))


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that the clock will do: `do` is remind, escalate or end; `whom` in words, where somebody is asked."""

    do: str
    at: datetime
    whom: str = ""


@dataclass(frozen=True, slots=True)
class Asking:
    """`then` is what happens when the time is over: wait, fail, answer or hand_on, to `then_whom`."""

    stages: Sequence[Stage]
    moments: Sequence[Moment]
    then: str = ""
    then_whom: str = ""

    @property
    def now(self) -> Stage | None:
        return next((stage for stage in self.stages if stage.state == "now"), None)


def asking(task: Task) -> Asking:
    """Of one task. Four queries at most."""
    names = _Names.of(task)
    rows = list(task.assignees.filter(until=None).select_related("person"))
    voices = list(task.decisions.all())
    stages = [_stage(task, number, names, rows, voices) for number in range(len(task.stages))]
    moments = [
        Moment(each["do"], datetime.fromisoformat(each["at"]), ", ".join(names.whom(each.get("whom"))))
        for each in task.moments
        if each["do"] != "tell"
    ]
    then_whom = ", ".join(names.whom(task.at_end.get("whom")))
    return Asking(stages, moments, task.at_end.get("do", ""), then_whom)


def role_words(role: str) -> str:
    return f"the role {Role(role).label}" if role in Role.values else role


def _stage(task: Task, place: int, names: _Names, rows: Iterable[Assignee], voices: Iterable[Decision]) -> Stage:
    is_open = task.status == TaskStatus.OPEN
    state = "over" if place < task.stage or not is_open else "now" if place == task.stage else "next"
    asked = [names.one(row) for row in rows if row.stage == place]
    planned = task.stages[place]
    return Stage(
        number=place + 1,
        asked=list(dict.fromkeys(asked)) or [Asked(name) for name in names.whom(planned)],
        needs=task.needs if place == task.stage else needed(planned),
        voices=[voice for voice in voices if voice.stage == place],
        state=state,
    )


@dataclass(frozen=True, slots=True)
class _Names:
    """What the ids of people and the short names of groups are called. Two queries at most."""

    people: Mapping[str, str]
    groups: Mapping[str, str]

    @classmethod
    def of(cls, task: Task) -> _Names:
        whoms = list(_whoms(task))
        ids = {id for whom in whoms for id in whom.get("people", ())}
        slugs = {whom["group"] for whom in whoms if whom.get("group")}
        people = {str(user.pk): str(user) for user in User.objects.filter(pk__in=ids)} if ids else {}
        groups = Group.objects.filter(department=task.department_id, slug__in=slugs) if slugs else ()
        return cls(people, {group.slug: group.name for group in groups})

    def whom(self, whom: Mapping[str, Any] | None) -> list[str]:
        if not whom:
            return []
        if whom.get("people"):
            return [self.people.get(id, "somebody who has left") for id in whom["people"]]
        return [self.groups.get(whom["group"], whom["group"])] if whom.get("group") else [role_words(whom["role"])]

    def one(self, row: Assignee) -> Asked:
        name = str(row.person) if row.person else self.groups.get(row.group, row.group) or role_words(row.role)
        return Asked(name, "" if row.why == Why.ASKED else str(Why(row.why).label), row.by_label, row.reason)


def _whoms(task: Task) -> Iterator[Mapping[str, Any]]:
    yield from task.stages
    yield from (each["whom"] for each in task.moments if each.get("whom"))
    if task.at_end.get("whom"):
        yield task.at_end["whom"]
