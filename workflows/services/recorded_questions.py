"""What a record tells of the questions to people: drafts and what became of them, who was asked, who answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.models import Entry
from connectors.sdk.leaving import digest
from departments.models import Group
from workflows.engine.redline import difference
from workflows.engine.sending_back import writer_of
from workflows.engine.tree import Tree
from workflows.models import Assignee, Decision, Run, StepRun, Task, TaskKind, TaskStatus
from workflows.runtime import outputs
from workflows.runtime.journey import tree_of
from workflows.runtime.kinds import kinds
from workflows.services.records import (
    AskedOne,
    OpenedBy,
    RecordedQuestion,
    Redline,
    Some,
    Source,
    Voice,
    Window,
    WordChange,
)
from workflows.services.stages import role_words
from workflows.services.step_titles import title_of


def questions_of(run: Run, window: Window) -> Some:
    """Each question to people in its order, whatever became of it."""
    rows = Task.objects.filter(run=run).select_related("step").order_by("created_at", "pk")
    found = window.of(rows.prefetch_related("decisions", "assignees__person", "looks__person"))
    known = _Known.of(run, found.rows)
    return Some([_question(task, known) for task in found.rows], found.first, found.total)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the questions of one run share: its tree, names of groups, and the steps that wrote drafts."""

    tree: Tree
    groups: Mapping[str, str]
    writers: Mapping[UUID, StepRun]
    positions: Mapping[str, list[str]]

    @classmethod
    def of(cls, run: Run, tasks: Sequence[Task]) -> _Known:
        tree = tree_of(run.version_id)
        slugs = {one.group for task in tasks for one in task.assignees.all() if one.group}
        groups = Group.objects.filter(department=run.department_id, slug__in=slugs) if slugs else ()
        names = {group.slug: group.name for group in groups}
        return cls(tree, names, _writers(run, tree, tasks), _positions(run, tasks))

    def whom(self, row: Assignee) -> str:
        return str(row.person) if row.person else self.groups.get(row.group, row.group) or role_words(row.role)


def _writers(run: Run, tree: Tree, tasks: Sequence[Task]) -> dict[UUID, StepRun]:
    """Task → the step that wrote its draft: of several tries or rounds the last one before the question."""
    reviews = [task for task in tasks if task.kind == TaskKind.REVIEW and task.step.step_id in tree.places]
    names = {id: writer_of(tree, id, kinds()) for id in {task.step.step_id for task in reviews}}
    wrote = StepRun.objects.filter(run=run, step_id__in=[name for name in names.values() if name])
    places = list(wrote.order_by("position").values_list("pk", "step_id", "position")) if reviews else []
    found: dict[UUID, UUID] = {}
    for task in reviews:
        wanted, before = names[task.step.step_id], task.step.position
        earlier = [pk for pk, step_id, position in places if step_id == wanted and position < before]
        found |= {task.pk: earlier[-1]} if earlier else {}
    # A second query for these alone: a loop of a thousand rounds has a thousand writers with all their prompts.
    rows = StepRun.objects.filter(pk__in=found.values()).prefetch_related("tries") if found else ()
    steps = {row.pk: row for row in rows}
    return {task: steps[step] for task, step in found.items()}


def _positions(run: Run, tasks: Sequence[Task]) -> dict[str, list[str]]:
    """Id of the task → where the ledger speaks of it, the first first."""
    about = Entry.objects.filter(run_id=run.pk, object_id__in=[str(task.pk) for task in tasks]).order_by("pk")
    found: dict[str, list[str]] = {}
    for task, position in about.values_list("object_id", "pk") if tasks else ():
        found.setdefault(task, []).append(str(position))
    return found


def _question(task: Task, known: _Known) -> RecordedQuestion:
    writer, text = known.writers.get(task.pk), _text(task)
    base = _base(task)
    return RecordedQuestion(
        task=str(task.pk),
        step=task.step.path,
        title=title_of(task.step.step_id, task.step.kind, known.tree),
        kind=TaskKind(task.kind),
        status=TaskStatus(task.status),
        question=task.question,
        why=task.why,
        asked_at=task.created_at,
        due_at=task.due_at,
        shown=task.shown,
        options=task.options,
        draft=task.draft,
        drafted_by=writer.path if writer else "",
        drafted_title=title_of(writer.step_id, writer.kind, known.tree) if writer else "",
        drafted_by_hand=writer.made_by if writer else "",
        model=_model(writer),
        sources=_sources(writer),
        text=text,
        changes=_redline(base, text) if base and text else None,
        answer=_without_leaving(task.answer),
        leaving=task.leaving,
        leaving_sha256=digest(task.leaving) if task.leaving else "",
        decided_by=task.decided_by_label,
        decided_at=task.decided_at,
        positions=known.positions.get(str(task.pk), []),
        asked=[_asked(row, known) for row in sorted(task.assignees.all(), key=lambda row: row.pk)],
        opened=[OpenedBy(str(look.person), look.at) for look in sorted(task.looks.all(), key=lambda look: look.at)],
        voices=[_voice(row) for row in sorted(task.decisions.all(), key=lambda row: row.at)],
    )


def _text(task: Task) -> str:
    """As it was decided; of an open question as those asked before have left it."""
    answer = task.answer or {}
    if answer.get("decision") == "choose" and not answer.get("text"):
        return _base(task)
    return str(answer.get("text") or "") or task.text


def _base(task: Task) -> str:
    """With what the text is compared: the draft, or of several the one that was chosen."""
    option = (task.answer or {}).get("option") or 0
    return task.options[option - 1] if 0 < option <= len(task.options) else task.draft


def _redline(before: str, after: str) -> Redline:
    found = difference(before, after)
    return Redline([WordChange(part.kind, part.text) for part in found.parts], found.kept, found.of)


def _without_leaving(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if answer is None else {name: value for name, value in answer.items() if name != "leaving"}


def _model(writer: StepRun | None) -> str:
    calls = [call for each in writer.tries.all() for call in each.calls] if writer and not writer.made_by else []
    return str(calls[-1].get("model_answered") or calls[-1].get("model_asked") or "") if calls else ""


def _sources(writer: StepRun | None) -> list[Source]:
    given = step_output(writer) if writer else None
    found = given.get("quotes", []) if isinstance(given, Mapping) else []
    quotes = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    return [Source(str(each.get("document") or ""), str(each.get("passage") or "")) for each in quotes]


def step_output(step: StepRun) -> Any:
    """Large outputs lie in a file under their hash."""
    return outputs.fetch(step.output_sha256) if step.output_sha256 else step.output


def _asked(row: Assignee, known: _Known) -> AskedOne:
    return AskedOne(row.stage + 1, known.whom(row), row.why, row.by_label, row.reason, row.since, row.until)


def _voice(row: Decision) -> Voice:
    return Voice(
        stage=row.stage + 1,
        by=row.by_label,
        by_kind=row.by_kind,
        in_place_of=row.in_place_of,
        decision=row.decision,
        reason=row.reason,
        answer=_without_leaving(row.answer) or {},
        via=row.via,
        at=row.at,
        open_s=row.open_s,
        look_s=row.look_s,
        seen_sha256=row.seen_sha256,
        verdict=row.verdict,
        words=row.words,
        words_changed=row.words_changed,
    )
