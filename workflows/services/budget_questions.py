"""What owners of budgets are asked: who may answer, what an answer does, and what time does to a question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit import sql, wall
from audit.services import record
from connectors.models import Spending
from departments.access import SYSTEM, Actor, Verb, visible
from departments.models import Membership, Role
from departments.notices import withdraw
from workflows.models import Budget, BudgetAnswer, BudgetQuestion, QuestionStatus
from workflows.runtime import limits, store
from workflows.runtime.budget_owners import CENT, month_end, tell
from workflows.runtime.paying import limit_of
from workflows.services import budgets
from workflows.services.deciders import Standing, standing_of
from workflows.services.refusals import Conflict, ValidationError

MOST: Final = Decimal(10) ** 10

# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def questions_seen(actor: Actor) -> QuerySet[BudgetQuestion]:
    """Those of the actor's departments, and of an administrator those that nobody else is asked. Newest first."""
    rows = BudgetQuestion.objects.select_related("department", "budget__workflow", "budget__owner")
    rows = rows.annotate(has_owner=_has_owner(), has_manager=_has_manager()).order_by("-pk")
    if not actor.is_administrator:
        return visible(rows, actor)
    return rows.filter(Q(department__in=actor.departments()) | Q(department__in=_ownerless()))


def questions_for(actor: Actor, standing: Standing | None = None) -> QuerySet[BudgetQuestion]:
    """The open ones that are put to the actor, by name or by role."""
    return _open(actor).filter(_by_name(actor, standing or standing_of(actor)) | _by_role(actor))


def questions_by_name(actor: Actor, standing: Standing) -> QuerySet[BudgetQuestion]:
    """Of a budget that the actor owns, or one for whom they stand in."""
    return _open(actor).filter(_by_name(actor, standing))


def questions_by_role(actor: Actor, standing: Standing) -> QuerySet[BudgetQuestion]:
    """Of budgets without an owner, the managers; where there is no manager either, the administrators."""
    return _open(actor).filter(_by_role(actor))


def questions_of_others(actor: Actor, standing: Standing) -> QuerySet[BudgetQuestion]:
    asked = questions_for(actor, standing).order_by().values("pk")
    return visible(_open(actor), actor).exclude(pk__in=asked)


def asked_of(question: BudgetQuestion) -> str:
    """In words; of one that `questions_seen` has found."""
    if question.has_owner:  # type: ignore[attr-defined]
        return str(question.budget.owner)
    if question.has_manager:  # type: ignore[attr-defined]
        return _("the managers of %(name)s") % {"name": question.department}
    return _("the administrators")


def used_now(question: BudgetQuestion) -> tuple[Decimal, Decimal]:
    """(spent, put aside) of its month, as it is now; of one that is over, as it was when it was asked."""
    rows = Spending.objects.filter(subject=limit_of(question.budget), month=question.month)
    found = rows.first() if question.status == QuestionStatus.OPEN else None
    return (found.spent_usd, found.reserved_usd) if found else (question.spent_usd, question.reserved_usd)


# ── answering ────────────────────────────────────────────────────────────────────────────────────────────────────────


def may_answer(question: BudgetQuestion, actor: Actor) -> bool:
    """Its owner, who stands in for them, and whoever may set the budget."""
    if budgets.may_say(question.budget, actor):
        return True
    may_view = actor.may(Verb.VIEW, question.department_id)
    return may_view and question.budget.owner_id in standing_of(actor).ids


def answer_question(
    question: BudgetQuestion, answer: BudgetAnswer, *, to_usd: Decimal | None = None, actor: Actor
) -> None:
    """The answer takes effect at once. `to_usd`: what the limit is raised to.

    Raises PermissionDenied, ValidationError for a limit that is no raise, and Conflict saying who was first.
    """
    if not may_answer(question, actor):
        raise PermissionDenied(_("This question is for %(whom)s.") % {"whom": asked_of(question)})
    with transaction.atomic():
        budget = Budget.objects.select_for_update(of=("self",)).get(pk=question.budget_id)
        to_usd = _raised(budget, to_usd) if answer == BudgetAnswer.RAISE else None
        _close(question, answer, to_usd, actor)
        said: dict[str, Any] = {"to_usd": str(to_usd)} if to_usd is not None else {}
        record(
            "budget.answered",
            actor=actor,
            department=budget.department.slug,
            thing=budget,
            question=str(question.pk),
            answer=answer.value,
            **said,
        )
        _DEEDS[answer](budget, to_usd, actor)


def _close(question: BudgetQuestion, answer: BudgetAnswer, to_usd: Decimal | None, actor: Actor) -> None:
    rows = BudgetQuestion.objects.filter(pk=question.pk, status=QuestionStatus.OPEN)
    closed = {"status": QuestionStatus.ANSWERED, "answered_at": Now(), "next_at": None}
    if not rows.update(**closed, answer=answer, raised_to_usd=to_usd, answered_by=actor.label[:254]):
        question.refresh_from_db()
        raise Conflict(
            _("%(who)s was first. Look at it again.") % {"who": question.answered_by or _("The end of the month")}
        )
    withdraw([question.pk])
    question.refresh_from_db()


def _raised(budget: Budget, to_usd: Decimal | None) -> Decimal:
    if to_usd is None:
        raise ValidationError({"to_usd": _("Write what it is raised to.")})
    now = limit_now(budget)
    if to_usd.is_finite() and to_usd >= MOST - CENT:
        raise ValidationError({"to_usd": _("Write less than ten billion US dollars.")})
    if not to_usd.is_finite() or (raised := to_usd.quantize(CENT)) <= now:
        raise ValidationError({"to_usd": _("Write more than the %(now)s US dollars of now.") % {"now": f"{now:.2f}"}})
    return raised


def limit_now(budget: Budget) -> Decimal:
    """What is raised: the most for a month, where there is none the limit from which the owner is asked."""
    return budget.month_usd if budget.month_usd is not None else budget.soft_usd or Decimal(0)


def _raise(budget: Budget, to_usd: Decimal | None, actor: Actor) -> None:
    """The owner is asked again at the same share of it."""
    assert to_usd is not None
    share = (budget.soft_usd or Decimal(0)) / limit_now(budget) if limit_now(budget) else Decimal(1)
    values = {name: getattr(budget, name) for name in budgets.LIMITS}
    values["soft_usd"] = (to_usd * share).quantize(CENT)
    if budget.month_usd is not None:
        values["month_usd"] = to_usd
    budgets.write_budget(budget.department, budget.workflow, values, budget.owner, actor)


def _leave(budget: Budget, to_usd: Decimal | None, actor: Actor) -> None:
    """Nothing changes: at the most for a month runs wait, as ever."""


def _stop(budget: Budget, to_usd: Decimal | None, actor: Actor) -> None:
    budgets.write_stop(budget, actor)


_DEEDS: Final[Mapping[BudgetAnswer, Callable[[Budget, Decimal | None, Actor], None]]] = {
    BudgetAnswer.RAISE: _raise,
    BudgetAnswer.LEAVE: _leave,
    BudgetAnswer.STOP: _stop,
}

# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def strike() -> int:
    """Remind once, and end what is asked about a month that is over. A part of the scheduler's sweep."""
    return sum(_strike(*row) for row in sql.rows(_DUE, [limits.SWEEP_BATCH]))


def _strike(question_id: UUID) -> bool:
    with transaction.atomic():
        rows = BudgetQuestion.objects.select_for_update(of=("self",), skip_locked=True)
        now = store.clock()
        found = rows.filter(pk=question_id, status=QuestionStatus.OPEN, next_at__lte=now).first()
        if found is None:
            return False
        if now >= month_end(found.month):
            found.status, found.answered_at, found.next_at = QuestionStatus.OVERTAKEN, now, None
            withdraw([found.pk])
        else:
            found.reminded_at, found.next_at = now, month_end(found.month)
            tell(found, "remind", now)
            record("budget.reminded", actor=SYSTEM, department=found.department.slug, thing=found.budget)
        found.save(update_fields=["status", "answered_at", "reminded_at", "next_at"])
    return True


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _open(actor: Actor) -> QuerySet[BudgetQuestion]:
    return questions_seen(actor).filter(status=QuestionStatus.OPEN)


def _ownerless() -> list[UUID]:
    """Departments with questions for which only administrators are left. The second wall lets them through."""
    with wall.beyond():
        rows = BudgetQuestion.objects.filter(~_has_owner(), ~_has_manager()).order_by()
        found = list(rows.values_list("department", flat=True).distinct())
    wall.admit(*found)
    return found


def _by_name(actor: Actor, standing: Standing) -> Q:
    """Owner and stand-in both have to be members."""
    return Q(has_owner=True, department__in=list(actor.roles), budget__owner__in=standing.ids)


def _by_role(actor: Actor) -> Q:
    asked = Q(department__in=actor.departments(Verb.MANAGE))
    return Q(asked | Q(has_manager=False) if actor.is_administrator else asked, has_owner=False)


def _has_owner() -> Exists:
    return Exists(_members().filter(user=OuterRef("budget__owner")))


def _has_manager() -> Exists:
    return Exists(_members().filter(role=Role.MANAGER))


def _members() -> QuerySet[Membership]:
    return Membership.objects.filter(department=OuterRef("department"), user__is_active=True)


# A volatile function cannot be looked up in an index, so the time is taken by a subselect.
_DUE = """
SELECT id FROM workflows_budgetquestion
WHERE next_at <= (SELECT clock_timestamp()) ORDER BY next_at LIMIT %s
"""
