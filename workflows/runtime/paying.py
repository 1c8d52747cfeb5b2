"""Whose money an attempt of a step spends, and who is told when it runs low."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from audit import sql
from connectors.models_gateway.payer import Limit, Payer
from connectors.sdk import StepError
from departments import notices
from departments.models import Department, Role, User
from workflows.models import Budget
from workflows.runtime.budget_owners import ask, owners_of

if TYPE_CHECKING:
    from workflows.runtime.journey import Journey, Step


def payer_of(journey: Journey, step: Step, now: datetime) -> Payer:
    """One query; one more where the run is inside another, whose budget it spends."""
    run = journey.run
    try:
        budgets = _budgets(run.department_id, run.workflow_id)
        root = run.pk if run.parent_id is None else _root(run.pk)
    finally:
        sql.release()
    whole, own = budgets.get(None), budgets.get(run.workflow_id)
    month = month_of(now)
    return Payer(
        department=_limit(run.department_id, run.department.name, month, whole),
        workflow=_limit(run.workflow_id, f"the workflow “{run.workflow.name}”", month, own),
        run=Limit(root, "this run", usd=_least("run_usd", whole, own), calls=_least("calls_per_run", whole, own)),
        step_id=step.id,
        calls_per_step=_least("calls_per_step", whole, own),
        is_repeat=step.error is not None and step.attempts > int(step.inside.get("tries_before", 0)),
        tell=partial(_tell, {limit_of(each): each for each in budgets.values()}),
        tell_of=partial(_tell_of, run.department),
    )


def month_of(now: datetime) -> date:
    """Its first day."""
    return now.astimezone(UTC).date().replace(day=1)


def limit_of(budget: Budget) -> UUID:
    """The subject that the budget limits."""
    return budget.workflow_id or budget.department_id


def _budgets(department_id: UUID, workflow_id: UUID) -> dict[UUID | None, Budget]:
    rows = Budget.objects.filter(Q(workflow=None) | Q(workflow=workflow_id), department=department_id)
    return {row.workflow_id: row for row in rows}


def _root(run_id: UUID) -> UUID:
    found = sql.row(_ROOT, [run_id])
    assert found is not None
    root: UUID = found[0]
    return root


def _limit(subject: UUID, named: str, month: date, budget: Budget | None) -> Limit:
    if budget is None:
        return Limit(subject, named, month)
    return Limit(
        subject,
        named,
        month,
        usd=budget.month_usd,
        soft_usd=budget.soft_usd,
        calls_per_hour=budget.calls_per_hour,
        stopped_by=budget.stopped_by,
    )


def _least(name: str, *budgets: Budget | None) -> Any:
    found = [getattr(each, name) for each in budgets if each is not None]
    return min((value for value in found if value is not None), default=None)


# ── telling the owner ────────────────────────────────────────────────────────────────────────────────────────────────


def _tell(budgets: dict[UUID, Budget], limit: Limit, kind: str) -> None:
    """Once in a month. `kind`: soft or hard."""
    budget = budgets.get(limit.subject)
    if budget is None or getattr(budget, f"{kind}_told") == limit.month:
        return
    field = f"{kind}_told"
    with transaction.atomic():
        rows = Budget.objects.filter(Q(**{field: None}) | ~Q(**{field: limit.month}), pk=budget.pk)
        if kind == "soft":  # a limit that was changed since the step began is no longer asked about
            rows = rows.filter(soft_usd=limit.soft_usd)
        if rows.update(**{field: limit.month}):
            if kind == "soft":
                ask(budget, limit)
            else:
                _notify_of_end(budget, limit)


def _tell_of(department: Department, provider: str, error: StepError) -> None:
    """The managers, and who can do something about it: each once a day (case M02)."""
    today = datetime.now(UTC).date()
    managers = Q(memberships__department=department, memberships__role=Role.MANAGER)
    with transaction.atomic():
        for person in User.objects.filter(managers | Q(is_superuser=True), is_active=True).distinct():
            notices.notify(
                person,
                key=f"provider.{error.code}.{provider}.{today}.{person.pk}",
                kind="provider",
                subject=f"AI: {provider} does not answer",
                text=f"{error.message}\n\nAI steps that need it fail, or another model of their route answers.",
                department=department if not person.is_superuser else None,
            )
    sql.release()


def _notify_of_end(budget: Budget, limit: Limit) -> None:
    for person in owners_of(budget):
        notices.notify(
            person,
            key=f"budget.hard.{budget.pk}.{limit.month}.{person.pk}",
            kind="budget",
            subject=f"AI budget: {limit.named} has used it up",
            text=f"{limit.named[0].upper()}{limit.named[1:]} may ask no more AI models for now: the limit is reached. "
            "Runs wait and nothing is lost. They go on when you raise it, or by themselves in the next month (or hour, "
            f"where it is the limit of an hour).\n\n{settings.PUBLIC_URL}/budgets/{budget.pk}/",
            department=budget.department,
        )


_ROOT = """
WITH RECURSIVE up AS (
    SELECT id, parent_id FROM workflows_run WHERE id = %s
    UNION ALL SELECT run.id, run.parent_id FROM workflows_run AS run JOIN up ON run.id = up.parent_id
)
SELECT id FROM up WHERE parent_id IS NULL
"""
