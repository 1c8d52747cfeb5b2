"""What AI may cost: budgets set, stopped and let go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from audit.services import record
from connectors.models import Spending
from departments.access import Actor, Verb, may_manage, require_manager, visible
from departments.models import Department, User
from departments.notices import withdraw
from workflows.models import Budget, BudgetQuestion, QuestionStatus, StepRun, StepStatus, Workflow
from workflows.services.refusals import Conflict, ValidationError

LIMITS: Final = ("month_usd", "soft_usd", "run_usd", "calls_per_run", "calls_per_step", "calls_per_hour")


def budgets_of(actor: Actor, month: date) -> QuerySet[Budget]:
    """Those of the departments whose member the actor is, each with what is `used_of` it in the month. One query."""
    rows = visible(Budget.objects.all(), actor).annotate(**_used(month))
    return rows.select_related("department", "workflow", "owner").order_by("department__name", "workflow__name")


def set_budget(
    department: Department,
    workflow: Workflow | None = None,
    *,
    limits: Mapping[str, Any],
    owner: User | None = None,
    actor: Actor,
) -> Budget:
    """Set all limits of the department or of one of its workflows; what is not named is without limit.

    Who waits for money goes on. Raises PermissionDenied, and ValidationError by field.
    """
    require_manager(actor, department)
    _check(department, workflow, owner)
    return write_budget(department, workflow, limits, owner, actor)


def write_budget(
    department: Department, workflow: Workflow | None, limits: Mapping[str, Any], owner: User | None, actor: Actor
) -> Budget:
    """As `set_budget`, for somebody of whom it is known that they may."""
    with transaction.atomic():
        budget = Budget.objects.select_for_update(of=("self",)).filter(department=department, workflow=workflow).first()
        before = _limits(budget) if budget else {}
        budget = budget or Budget(department=department, workflow=workflow)
        for name in LIMITS:
            setattr(budget, name, limits.get(name))
        budget.owner = owner
        budget.soft_told = budget.hard_told = None
        _clean(budget)
        budget.save()
        budget.refresh_from_db()
        said = {name: value for name, value in _limits(budget).items() if value != before.get(name)}
        woken = wake(budget)
        if said.keys() & {"soft_usd", "month_usd"}:
            overtake(budget, actor)
        record("budget.set", actor=actor, department=department.slug, thing=budget, woken=woken, **said)
    return budget


def remove_budget(budget: Budget, *, actor: Actor) -> None:
    require_manager(actor, budget.department)
    with transaction.atomic():
        # Before its questions, as whoever answers one does it, and so that none is asked meanwhile.
        Budget.objects.select_for_update(of=("self",)).filter(pk=budget.pk).first()
        record("budget.removed", actor=actor, department=budget.department.slug, thing=budget)
        woken = Budget(department=budget.department, workflow=budget.workflow)
        overtake(budget, actor)
        budget.delete()
        wake(woken)


def stop_budget(budget: Budget, *, actor: Actor) -> None:
    """Ask no more AI models for now: runs wait. Raises Conflict saying who was first."""
    _require_say(budget, actor)
    write_stop(budget, actor)


def write_stop(budget: Budget, actor: Actor) -> None:
    """As `stop_budget`, by somebody of whom it is known that they may."""
    with transaction.atomic():
        rows = Budget.objects.filter(pk=budget.pk, stopped_at=None)
        if not rows.update(stopped_at=Now(), stopped_by=actor.label[:254]):
            raise Conflict(_("Somebody has stopped it already. Look at it again."))
        budget.refresh_from_db()
        overtake(budget, actor)
        record("budget.stopped", actor=actor, department=budget.department.slug, thing=budget)


def let_go_on(budget: Budget, *, actor: Actor) -> int:
    """Take the stop back; how many steps go on at once."""
    _require_say(budget, actor)
    with transaction.atomic():
        rows = Budget.objects.filter(pk=budget.pk).exclude(stopped_at=None)
        if not rows.update(stopped_at=None, stopped_by=""):
            raise Conflict(_("It is not stopped. Look at it again."))
        budget.refresh_from_db()
        woken = wake(budget)
        record("budget.let_go_on", actor=actor, department=budget.department.slug, thing=budget, woken=woken)
    return woken


def may_say(budget: Budget, actor: Actor) -> bool:
    """Whether the actor may stop it and let it go on: its owner, and whoever may set it."""
    is_owner = actor.kind == "person" and budget.owner_id is not None and actor.id == str(budget.owner_id)
    return (is_owner and actor.may(Verb.VIEW, budget.department_id)) or may_manage(actor, budget.department)


def overtake(budget: Budget, actor: Actor) -> None:
    """Whoever sets or stops the budget has answered what its owner is asked."""
    rows = BudgetQuestion.objects.filter(budget=budget, status=QuestionStatus.OPEN)
    ids = list(rows.values_list("pk", flat=True))
    over = {"status": QuestionStatus.OVERTAKEN, "answered_at": Now(), "next_at": None}
    rows.update(**over, answered_by=actor.label[:254])
    withdraw(ids)


def wake(budget: Budget) -> int:
    """Steps that wait for money of this budget ask again now. One statement."""
    return waiting_for(budget).update(run_after=Now(), handed_out_at=None)


def waiting_for(budget: Budget) -> QuerySet[StepRun]:
    """Steps that wait for money, of its department or of its workflow."""
    rows = _waiting().filter(department_id=budget.department_id)
    return rows if budget.workflow_id is None else rows.filter(run__workflow=budget.workflow_id)


def waiting_of(budgets: Iterable[Budget]) -> Mapping[UUID, int]:
    """Budget → how many steps wait for its money. One query for all of them."""
    shown = list(budgets)
    rows = _waiting().filter(department__in={each.department_id for each in shown}).order_by()
    counts = rows.values_list("department", "run__workflow").annotate(count=Count("pk"))
    found: dict[UUID, int] = dict.fromkeys((each.pk for each in shown), 0)
    for department, workflow, count in counts:
        for each in shown:
            if each.department_id == department and each.workflow_id in (None, workflow):
                found[each.pk] += count
    return found


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _require_say(budget: Budget, actor: Actor) -> None:
    if not may_say(budget, actor):
        require_manager(actor, budget.department)


def _check(department: Department, workflow: Workflow | None, owner: User | None) -> None:
    if workflow is not None and workflow.department_id != department.pk:
        raise ValidationError({"workflow": _("This is no workflow of %(name)s.") % {"name": department.name}})
    if owner is not None and not owner.memberships.filter(department=department).exists():
        said = _("%(person)s is nobody in %(name)s.") % {"person": owner, "name": department.name}
        raise ValidationError({"owner": said})


def refuse_too_late(soft: Decimal | None, hard: Decimal | None) -> None:
    if soft is not None and hard is not None and soft > hard:
        said = _("The owner would be asked too late: write no more than the most for a month.")
        raise ValidationError({"soft_usd": said})


def _clean(budget: Budget) -> None:
    refuse_too_late(budget.soft_usd, budget.month_usd)
    try:
        budget.clean_fields(exclude=["department", "workflow", "owner"])
    except DjangoValidationError as error:
        raise ValidationError(error.message_dict) from None


def _limits(budget: Budget) -> dict[str, Any]:
    """As the ledger keeps them: JSON values."""
    values = {name: getattr(budget, name) for name in LIMITS}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def used_of(budget: Any) -> tuple[Decimal, Decimal, int]:
    """(spent, put aside, questions) of one that `budgets_of` has found, in US dollars."""
    return budget.spent_usd or Decimal(0), budget.reserved_usd or Decimal(0), budget.calls or 0


def _used(month: date) -> dict[str, Subquery]:
    subject = Coalesce(OuterRef("workflow"), OuterRef("department"))
    rows = Spending.objects.filter(subject=subject, month=month).order_by()
    return {name: Subquery(rows.values(name)) for name in ("spent_usd", "reserved_usd", "calls")}


def _waiting() -> QuerySet[StepRun]:
    return StepRun.objects.filter(status=StepStatus.READY, run_after__gt=Now(), error__code="budget")
