"""Finds the facts of a record, in a fixed number of queries however long the run is."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from audit.models import Entry
from workflows.models import Decision, Run, RunStatus, StepRun
from workflows.services.recorded_questions import questions_of
from workflows.services.records import ALL, InnerRun, ModelUsed, Record, Some, Window


def gather(
    run: Run, *, questions: Window = ALL, steps: Window = ALL, inner: Window = ALL, deeds: Window = ALL
) -> Record:
    """The record of a run with its workflow, version and department."""
    return Record(
        run=run,
        gathered_at=timezone.now(),
        models=_models(run),
        people=_people(run),
        questions=questions_of(run, questions),
        steps=steps.of(StepRun.objects.filter(run=run).order_by("position").prefetch_related("tries")),
        inner=_inner(run, inner),
        deeds=deeds.of(Entry.objects.shown().filter(run_id=run.pk).order_by("pk")),
    )


def _people(run: Run) -> list[str]:
    voices = Decision.objects.filter(task__run=run, by_kind="person").order_by("by_label")
    return list(voices.values_list("by_label", flat=True).distinct())


# ── models, runs inside ──────────────────────────────────────────────────────────────────────────────────────────────

MODELS = """
WITH RECURSIVE family AS (
    SELECT id FROM workflows_run WHERE id = %s
    UNION ALL SELECT inner_run.id FROM workflows_run inner_run JOIN family ON inner_run.parent_id = family.id
)
SELECT call ->> 'provider', coalesce(nullif(call ->> 'model_answered', ''), call ->> 'model_asked'),
       count(*), count(*) FILTER (WHERE coalesce(call ->> 'error', '') <> ''),
       coalesce(sum((call ->> 'tokens_in')::bigint), 0)::bigint,
       coalesce(sum((call ->> 'tokens_out')::bigint), 0)::bigint,
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
