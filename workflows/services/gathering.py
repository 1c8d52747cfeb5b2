"""Finds the facts of a record, in a fixed number of queries however long the run is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Count, QuerySet
from django.utils import timezone

from audit.models import Entry
from connectors.sdk.leaving import digest
from departments.models import Group
from workflows.engine.redline import difference
from workflows.engine.sending_back import writer_of
from workflows.engine.tree import Tree
from workflows.models import Assignee, Decision, Run, RunStatus, StepRun, Task, TaskKind, TaskStatus
from workflows.runtime import outputs
from workflows.runtime.journey import tree_of
from workflows.runtime.kinds import kinds
from workflows.services.records import (
    AskedOne,
    InnerRun,
    ModelUsed,
    OpenedBy,
    Record,
    RecordedQuestion,
    Redline,
    Some,
    Source,
    Voice,
    WordChange,
)
from workflows.services.stages import role_words


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a long list is wanted: `most` rows from the place `first` on; None for all."""

    first: int = 0
    most: int | None = None

    def of(self, rows: QuerySet[Any]) -> Some:
        if self.most is None:
            found = list(rows)
            return Some(found, 0, len(found))
        found = list(rows[self.first : self.first + self.most])
        is_end = len(found) < self.most and (found or not self.first)
        return Some(found, self.first, self.first + len(found) if is_end else rows.count())


ALL = Window()


def gather(
    run: Run, *, questions: Window = ALL, steps: Window = ALL, inner: Window = ALL, deeds: Window = ALL
) -> Record:
    """The record of a run with its workflow, version and department."""
    return Record(
        run=run,
        gathered_at=timezone.now(),
        models=_models(run),
        people=_people(run),
        questions=_questions(run, questions),
        steps=steps.of(StepRun.objects.filter(run=run).order_by("position").prefetch_related("tries")),
        inner=_inner(run, inner),
        deeds=deeds.of(Entry.objects.filter(run_id=run.pk).order_by("pk")),
    )


def _people(run: Run) -> list[str]:
    voices = Decision.objects.filter(task__run=run, by_kind="person").order_by("by_label")
    return list(voices.values_list("by_label", flat=True).distinct())


def title_of(step_id: str, kind: str, tree: Tree) -> str:
    """As the workflow calls the step, else as its kind is called."""
    place = tree.places.get(step_id)
    if place and place.node.title:
        return place.node.title
    known = kinds().get(kind)
    return known.title if known else kind


# ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _questions(run: Run, window: Window) -> Some:
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

    @classmethod
    def of(cls, run: Run, tasks: Sequence[Task]) -> _Known:
        tree = tree_of(run.version_id)
        slugs = {one.group for task in tasks for one in task.assignees.all() if one.group}
        groups = Group.objects.filter(department=run.department_id, slug__in=slugs) if slugs else ()
        return cls(tree, {group.slug: group.name for group in groups}, _writers(run, tree, tasks))

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


# ── models, runs inside ──────────────────────────────────────────────────────────────────────────────────────────────

MODELS = """
WITH RECURSIVE family AS (
    SELECT id FROM workflows_run WHERE id = %s
    UNION ALL SELECT inner_run.id FROM workflows_run inner_run JOIN family ON inner_run.parent_id = family.id
)
SELECT call ->> 'provider', coalesce(nullif(call ->> 'model_answered', ''), call ->> 'model_asked'),
       count(*), count(*) FILTER (WHERE coalesce(call ->> 'error', '') <> ''),
       coalesce(sum((call ->> 'tokens_in')::bigint), 0), coalesce(sum((call ->> 'tokens_out')::bigint), 0),
       coalesce(sum(nullif(call ->> 'cost_usd', '')::numeric), 0)
FROM family
JOIN workflows_steprun step ON step.run_id = family.id
JOIN workflows_attempt attempt ON attempt.step_id = step.id
CROSS JOIN jsonb_array_elements(attempt.calls) call
WHERE call ->> 'kind' = 'model'
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""


def _models(run: Run) -> list[ModelUsed]:
    """The database takes the calls apart, so that no prompt is carried here."""
    with connection.cursor() as cursor:
        cursor.execute(MODELS, [run.pk])
        rows = cursor.fetchall()
    return [ModelUsed(row[0] or "", row[1] or "", row[2], row[3], row[4], row[5], float(row[6])) for row in rows]


def _inner(run: Run, window: Window) -> Some:
    names = ("item_index", "status", "title", "cost_usd", "tokens", "finished_at", "parent_step__path")
    rows = Run.objects.filter(parent=run).select_related("parent_step").only(*names)
    found = window.of(rows.order_by("parent_step", "item_index", "pk"))
    ids = [row.pk for row in found.rows]
    deciders, by_hand = (_deciders(ids), _by_hand(ids)) if ids else ({}, {})
    return Some(
        [_inner_run(row, deciders.get(row.pk, []), by_hand.get(row.pk, 0)) for row in found.rows],
        found.first,
        found.total,
    )


def _inner_run(row: Run, deciders: list[str], by_hand: int) -> InnerRun:
    return InnerRun(
        id=str(row.pk),
        step=row.parent_step.path if row.parent_step else "",
        item=row.item_index,
        status=RunStatus(row.status),
        title=row.title,
        cost_usd=float(row.cost_usd),
        tokens=row.tokens,
        finished_at=row.finished_at,
        decided_by=deciders,
        by_hand=by_hand,
    )


def _deciders(runs: Iterable[UUID]) -> dict[UUID, list[str]]:
    rows = Decision.objects.filter(task__run__in=runs).order_by().values_list("task__run")
    return dict(rows.annotate(who=ArrayAgg("by_label", distinct=True, order_by="by_label")))


def _by_hand(runs: Iterable[UUID]) -> dict[UUID, int]:
    rows = StepRun.objects.filter(run__in=runs).exclude(made_by="").order_by()
    return dict(rows.values_list("run").annotate(count=Count("pk")))
