"""What runs, tasks and versions hold of a person's name, taken out when they are erased; whose deeds they are stays.

Rows that have the person's id lose the name in any case. Others have the name alone: where somebody else is called the
same they keep it, because nobody can tell whose deed it was.
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import F, Model, Q, QuerySet, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Replace

from audit.people import ERASED, PERSON
from connectors.models import Connection, Manifest, ManifestVersion
from departments.erasing import written
from departments.models import User
from workflows.models import (
    Assignee,
    Budget,
    BudgetQuestion,
    Decision,
    DraftEdit,
    JournalEntry,
    ManualMode,
    PublishRequest,
    Run,
    Sample,
    SavedStepVersion,
    Series,
    Share,
    StepRun,
    StoredFile,
    Subscription,
    Task,
    TaskStatus,
    Trigger,
    Version,
    Workflow,
)
from workflows.services import retention

BY_NAME: Final[tuple[tuple[type[Model], str], ...]] = (
    *((model, "made_by") for model in (Connection, Manifest, ManifestVersion, Sample, StepRun, Subscription, Trigger)),
    *((model, "started_by") for model in (Run, Series)),
    *((ManualMode, column) for column in ("on_by", "off_by")),
    *((model, "decided_by") for model in (PublishRequest,)),
    (Budget, "stopped_by"),
    (BudgetQuestion, "answered_by"),
    (Decision, "in_place_of"),
    (SavedStepVersion, "saved_by"),
    (Share, "shared_by"),
    (StoredFile, "created_by"),
    (Version, "published_by"),
)
OWNED: Final = (Workflow, Trigger, Subscription, Budget)


class OfRuns:
    """All that the product holds of a person."""

    def obstacles(self, person: User) -> list[str]:
        found = []
        if open_tasks := _open_tasks(person).count():
            found.append(f"{open_tasks} open tasks ask {person}. Hand them over to somebody else first.")
        owned = sum(model._default_manager.filter(owner=person).count() for model in OWNED)
        if owned:
            found.append(f"{person} owns {owned} workflows, triggers, subscriptions or budgets. Hand them over first.")
        return found

    def erase(self, person: User, *, alone: bool) -> int:
        new, name = str(ERASED), str(person)
        asked = PublishRequest.objects.filter(asker_kind=PERSON, asker_id=str(person.pk))
        asked.exclude(note="").update(note="")  # else the words would be sealed anew with its decision
        changed = _runs_of(person, name) + _told_of(person, name)
        changed += sum(rows.update(**{column: new}) for rows, column in _by_id(person))
        if alone:
            for model, column in BY_NAME:
                changed += model._default_manager.filter(**{column: name}).update(**{column: new})
        return changed

    def replay(self) -> None:
        retention.replay()


def _open_tasks(person: User) -> QuerySet[Task]:
    asked = Assignee.objects.filter(person=person, until=None).values("task")
    return Task.objects.filter(Q(pk__in=asked) | Q(claimed_by=person), status=TaskStatus.OPEN)


def _by_id(person: User) -> list[tuple[QuerySet[Any], str]]:
    id = str(person.pk)
    return [
        (Run.objects.filter(starter_kind=PERSON, starter_id=id), "started_by"),
        (DraftEdit.objects.filter(by_kind=PERSON, by_id=id), "by"),
        (Decision.objects.filter(by_kind=PERSON, by_id=id), "by_label"),
        (Task.objects.filter(decided_by=person), "decided_by_label"),
        (Assignee.objects.filter(by=person), "by_label"),
        (PublishRequest.objects.filter(asker_kind=PERSON, asker_id=id), "asked_by"),
    ]


def _runs_of(person: User, name: str) -> int:
    """The answers that say who gave them, in the task and in the result of its step."""
    tasks, new = Task.objects.filter(decided_by=person), str(ERASED)
    changed = 0
    for rows in (tasks, Decision.objects.filter(by_kind=PERSON, by_id=str(person.pk))):
        for row in rows.filter(answer__by=name).only("answer"):
            type(row)._default_manager.filter(pk=row.pk).update(answer={**row.answer, "by": new})
            changed += 1
    for step in StepRun.objects.alias(by=KT("output__by")).filter(tasks__in=tasks, by=name).only("output"):
        StepRun.objects.filter(pk=step.pk).update(output={**step.output, "by": new})
        changed += 1
    told = StepRun.objects.filter(pk__in=tasks.values("step"), summary__contains=name)
    return changed + told.update(summary=Replace(F("summary"), Value(name), Value(new)))


def _told_of(person: User, name: str) -> int:
    """Who started and decided what, as journals, results and errors of the runs tell it. How many rows.

    Results that lie in the storage of large ones keep it (docs/ledger.md).
    """
    id, rows = str(person.pk), 0
    decided = Q(tasks__decided_by=person) | Q(tasks__decisions__by_kind=PERSON, tasks__decisions__by_id=id)
    runs = Run.objects.filter(Q(starter_kind=PERSON, starter_id=id) | decided).order_by().values("pk").distinct()
    theirs: tuple[tuple[QuerySet[Any], tuple[str, ...]], ...] = (
        (JournalEntry.objects.filter(run__in=runs), ("detail",)),
        (Run.objects.filter(pk__in=runs), ("output", "error")),
        (StepRun.objects.filter(run__in=runs), ("output", "error")),
    )
    for found, columns in theirs:
        texts = {f"{column}_text": Cast(column, TextField()) for column in columns}
        speaks = reduce(or_, (Q(**{f"{text}__contains": name}) for text in texts))
        for row in found.alias(**texts).filter(speaks).only("pk", *columns).iterator():
            was = {column: getattr(row, column) for column in columns}
            now = {column: new for column, old in was.items() if (new := without(old, name)) != old}
            rows += type(row)._default_manager.filter(pk=row.pk).update(**now) if now else 0
    return rows


def without(value: Any, name: str) -> Any:
    """The same with another word for the name, wherever a text holds it."""
    if isinstance(value, str):
        return written(name).sub(str(ERASED), value)
    if isinstance(value, dict):
        return {key: without(each, name) for key, each in value.items()}
    return [without(each, name) for each in value] if isinstance(value, list) else value
