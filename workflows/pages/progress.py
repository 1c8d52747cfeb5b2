"""A run as a column of lines: what its definition says, joined with what its rows say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, QuerySet, When, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from workflows.engine.tree import ROUND, arm_path
from workflows.models import Run, RunStatus, StepRun, StepStatus, Task, TaskStatus
from workflows.pages.cards import Arm, Card, Names, card_of
from workflows.runtime.journey import tree_of

MOST_CHILDREN = 200
MARKS = {
    "ok": "check",
    "bad": "x",
    "wait": "clock",
    "run": "loader-2",
    "plain": "minus",
    "todo": "",
}


@dataclass(frozen=True, slots=True)
class Child:
    """One item of a `for_each`, or a workflow that was called."""

    id: UUID
    index: int
    status: RunStatus
    title: str


@dataclass(frozen=True, slots=True)
class Children:
    """The runs inside a step. `listed` are the failed ones first, at most MOST_CHILDREN."""

    listed: tuple[Child, ...]
    counts: Mapping[str, int]
    total: int

    @property
    def over(self) -> int:
        return sum(self.counts.get(status, 0) for status in ("succeeded", "failed", "cancelled"))

    @property
    def failed(self) -> list[Child]:
        return [child for child in self.listed if child.status == RunStatus.FAILED]

    @property
    def said(self) -> str:
        """7 of 10."""
        return _("%(over)s of %(total)s") % {"over": f"{self.over:,}", "total": f"{self.total:,}"}


@dataclass(frozen=True, slots=True)
class Part:
    """A sequence inside a line. `is_taken` is False for the ways that a branch did not go."""

    caption: str
    lines: tuple[Line, ...]
    is_taken: bool = True


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the run, or one that has not come up yet (`step` is None)."""

    card: Card
    path: str
    step: StepRun | None = None
    parts: tuple[Part, ...] = ()
    children: Children | None = None
    task: Task | None = None
    is_open: bool = False

    @property
    def status(self) -> StepStatus | None:
        return StepStatus(self.step.status) if self.step else None

    @property
    def is_parked(self) -> bool:
        """Whether this step, or one inside it, goes on only when a person says so."""
        return any(line.status == StepStatus.PARKED for line in flat([self]))

    @property
    def is_tolerated(self) -> bool:
        return bool(self.step and self.step.status == StepStatus.FAILED and self.step.inside.get("tolerated"))

    @property
    def is_rehearsed(self) -> bool:
        return bool(self.step and self.step.inside.get("rehearsed"))

    @property
    def tone(self) -> str:
        if self.status is None:
            return "todo"
        if self.step and self.step.waits_for == "children":
            return "run"
        return "wait" if self.is_tolerated else self.status.tone

    @property
    def icon(self) -> str:
        if self.task and self.status == StepStatus.WAITING:
            return "user-check"
        return "alert-triangle" if self.is_tolerated or self.status == StepStatus.PARKED else MARKS[self.tone]

    @property
    def label(self) -> str:
        """The mark in words, for a screen reader."""
        return str(self.status.label) if self.status else _("Not begun yet")

    @property
    def tries(self) -> int:
        """How often it was tried. A container or a question to a person is merely looked at again when it goes on."""
        if self.step is None or self.card.tone in ("flow", "people"):
            return 0
        return self.step.attempts - int(self.step.inside.get("tries_before", 0))

    @property
    def took(self) -> timedelta | None:
        step = self.step
        return step.finished_at - step.started_at if step and step.finished_at and step.started_at else None

    @property
    def running_since(self) -> datetime | None:
        return self.step.started_at if self.step and self.status == StepStatus.RUNNING else None

    @property
    def error(self) -> str:
        return (self.step.error or {}).get("message", "") if self.step else ""

    @property
    def waits_for_money(self) -> bool:
        """Then its sentence says all: when it goes on is for people to decide."""
        return (
            self.status == StepStatus.READY
            and self.step is not None
            and (self.step.error or {}).get("code") == "budget"
        )

    @property
    def retries_at(self) -> datetime | None:
        """When a step that failed will be tried again."""
        is_waiting = self.step is not None and self.status == StepStatus.READY and bool(self.error)
        return self.step.run_after if is_waiting and self.step else None


@dataclass(frozen=True)
class Rows:
    """What the database knows of a run, by path and by step."""

    steps: Mapping[str, StepRun]
    children: Mapping[UUID, Children]
    tasks: Mapping[UUID, Task]
    opened: frozenset[str]
    rounds: Mapping[tuple[str, str], list[int]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rounds", _rounds(self.steps))


def lines_of(run: Run, opened: Iterable[str] = ()) -> tuple[Line, ...]:
    """The column of the run, in five queries at most. `opened`: ids of the steps to show with details."""
    tree = tree_of(run.version_id)
    steps = {step.path: step for step in run.steps.defer("output", "signal").order_by("position")}
    rows = Rows(
        steps=steps,
        children=_children(run, steps.values()),
        tasks={task.step_id: task for task in run.tasks.filter(status=TaskStatus.OPEN).select_related("person")},
        opened=frozenset(opened),
    )
    names = Names(tree.definition)
    return _lines([card_of(node, names) for node in tree.sequence(run.body)], "", rows)


def waits_for(lines: Iterable[Line]) -> str:
    """What a waiting run waits for: a person wins over its own items, those win over a time."""
    found = {line.step.waits_for for line in flat(lines) if line.step and line.status == StepStatus.WAITING}
    return next((what for what in ("person", "children", "event", "time") if what in found), "")


def flat(lines: Iterable[Line]) -> Iterator[Line]:
    """Every line, those inside others too."""
    for line in lines:
        yield line
        for part in line.parts:
            yield from flat(part.lines)


def _lines(cards: Sequence[Card], prefix: str, rows: Rows) -> tuple[Line, ...]:
    return tuple(_line(card, prefix + card.id, rows) for card in cards)


def _line(card: Card, path: str, rows: Rows) -> Line:
    step = rows.steps.get(path)
    if step is None:
        return Line(card, path, parts=tuple(Part(arm.caption, _lines(arm.cards, "?/", rows)) for arm in card.arms))
    children = rows.children.get(step.pk)
    return Line(
        card,
        path,
        step=step,
        parts=() if children else tuple(part for arm in card.arms for part in _parts(step, arm, path, rows)),
        children=children,
        task=rows.tasks.get(step.pk),
        is_open=str(step.pk) in rows.opened,
    )


def _parts(step: StepRun, arm: Arm, path: str, rows: Rows) -> list[Part]:
    """The arm once, or once per round of a loop; a way that was not taken is named without its steps."""
    rounds = rows.rounds.get((path, arm.name), [])
    entered = arm.name in step.inside.get("arms", [])
    if not rounds:
        is_open = StepStatus(step.status) in (StepStatus.READY, StepStatus.RUNNING)
        shown = _lines(arm.cards, "?/", rows) if entered or is_open else ()
        return [Part(arm.caption, shown, is_taken=entered or is_open)]
    return [Part(_round(arm, number), _lines(arm.cards, arm_path(path, arm.name, number), rows)) for number in rounds]


def _round(arm: Arm, number: int) -> str:
    if number and arm.name.startswith("arms."):
        return _("%(tool)s · use %(number)s") % {"tool": arm.caption, "number": number}
    return _("round %(number)s") % {"number": number} if number else arm.caption


def _rounds(paths: Iterable[str]) -> dict[tuple[str, str], list[int]]:
    """(container's path, arm) → numbers of the rounds that have steps; 0 for an arm that is entered once."""
    found: dict[tuple[str, str], set[int]] = {}
    for path in paths:
        above, _slash, _id = path.rpartition("/")
        container, _slash, place = above.rpartition("/")
        if container:
            arm, _mark, number = place.partition(ROUND)
            found.setdefault((container, arm), set()).add(int(number or 0))
    return {key: sorted(numbers) for key, numbers in found.items()}


def _children(run: Run, steps: Iterable[StepRun]) -> dict[UUID, Children]:
    """The runs inside each step that started some. Each step's first MOST_CHILDREN, failed ones first."""
    items = {step.pk: int(step.inside.get("items", 0)) for step in steps if "items" in step.inside}
    if not items:
        return {}
    inside = Run.objects.filter(parent_step__in=items).order_by()
    counted: dict[UUID, dict[str, int]] = {}
    for step_id, status, count in inside.values_list("parent_step_id", "status").annotate(count=Count("pk")):
        counted.setdefault(step_id, {})[status] = count
    listed: dict[UUID, list[Child]] = {}
    for row in _first(inside):
        child = Child(row["id"], row["item_index"] or 0, RunStatus(row["status"]), row["title"])
        listed.setdefault(row["parent_step_id"], []).append(child)
    return {
        step_id: Children(
            listed=tuple(sorted(listed.get(step_id, ()), key=lambda child: child.index)),
            counts=counts,
            total=max(items[step_id], sum(counts.values())),
        )
        for step_id, counts in counted.items()
    }


def _first(inside: QuerySet[Run]) -> Iterable[Mapping[str, Any]]:
    failed_first = Case(When(status=RunStatus.FAILED, then=0), default=1)
    place = Window(RowNumber(), partition_by=F("parent_step_id"), order_by=[failed_first, F("item_index")])
    shown = inside.annotate(place=place).filter(place__lte=MOST_CHILDREN)
    return shown.values("id", "parent_step_id", "item_index", "status", "title")
