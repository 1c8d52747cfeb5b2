"""Asking whoever owns a budget: the owner while they are a member, else the managers, else the administrators."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from audit.services import record
from connectors.models import Spending
from connectors.models_gateway.payer import Limit
from departments.absences import stand_in_for
from departments.access import SYSTEM
from departments.models import Role, User
from departments.notices import TASK, notify
from workflows.models import Budget, BudgetQuestion
from workflows.runtime import store

REMINDED_AFTER: Final = timedelta(days=1)
ONE_DAY: Final = timedelta(days=1)
CENT: Final = Decimal("0.01")


def owners_of(budget: Budget) -> QuerySet[User]:
    members = User.objects.filter(is_active=True, memberships__department=budget.department_id).distinct()
    managers = members.filter(memberships__role=Role.MANAGER, memberships__department=budget.department_id)
    for found in (members.filter(pk__in=[budget.owner_id]), managers):
        if found.exists():
            return found
    return User.objects.filter(is_active=True, is_superuser=True)


def ask(budget: Budget, limit: Limit) -> None:
    """Once for a month and a soft limit. The caller holds the budget's row, and is in its transaction."""
    assert limit.soft_usd is not None
    now = store.clock()
    used = Spending.objects.filter(subject=limit.subject, month=limit.month).first()
    spent, reserved = (used.spent_usd, used.reserved_usd) if used else (Decimal(0), Decimal(0))
    asked, is_new = BudgetQuestion.objects.get_or_create(
        budget=budget,
        month=limit.month,
        soft_usd=limit.soft_usd,
        defaults={
            "department": budget.department,
            "month_usd": limit.usd,
            "spent_usd": spent,
            "reserved_usd": reserved,
            "foreseen_usd": foreseen(spent + reserved, limit.month, now),
            "next_at": min(now + REMINDED_AFTER, month_end(limit.month)),
        },
    )
    if is_new:
        tell(asked, "ask", now)
        figures: dict[str, Any] = {"soft_usd": str(limit.soft_usd), "spent_usd": str(spent)}
        record("budget.asked", actor=SYSTEM, department=budget.department.slug, thing=budget, **figures)


def foreseen(used: Decimal, month: date, now: datetime) -> Decimal:
    """What the month comes to at its pace so far. Its first day counts as a whole one: an hour foretells no month."""
    begin, end = month_begin(month), month_end(month)
    elapsed = min(max(now - begin, ONE_DAY), end - begin)
    return (used * Decimal((end - begin) / ONE_DAY) / Decimal(elapsed / ONE_DAY)).quantize(CENT, ROUND_UP)


def month_begin(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def month_end(month: date) -> datetime:
    return month_begin(month) + monthrange(month.year, month.month)[1] * ONE_DAY


def tell(asked: BudgetQuestion, deed: str, now: datetime) -> None:
    """`deed`: ask or remind. As mail about tasks goes: at once, in the daily summary or never, as each has chosen."""
    budget = asked.budget
    address = settings.PUBLIC_URL + reverse("budget_question", args=[asked.pk])
    subject = f"AI budget of {budget} runs low: may it go on?"
    for person, absent in _people(budget, now):
        notify(
            person,
            key=f"budget.{deed}.{asked.pk}.{person.pk}",
            kind=TASK,
            subject=subject if deed == "ask" else f"Nobody has answered yet: {subject}",
            text="\n\n".join([_said(asked), *([f"You are asked in place of {absent}."] if absent else []), address]),
            department=budget.department,
            digest_line=f"{subject} {address}",
            about=asked.pk,
        )


def _people(budget: Budget, now: datetime) -> Iterable[tuple[User, str]]:
    """Who is told, each once, and in whose place. An owner who is away hears of it as well as their stand-in."""
    found: dict[object, tuple[User, str]] = {person.pk: (person, "") for person in owners_of(budget)}
    owner = found.get(budget.owner_id, (None, ""))[0]
    stand_in = stand_in_for(owner, now) if owner else None
    if stand_in is not None and stand_in.memberships.filter(department=budget.department_id).exists():
        found.setdefault(stand_in.pk, (stand_in, str(owner)))
    return found.values()


def _said(asked: BudgetQuestion) -> str:
    spent, aside = usd(asked.spent_usd), f" and {usd(asked.reserved_usd)} put aside" if asked.reserved_usd else ""
    most = f"At {usd(asked.month_usd)} runs wait. " if asked.month_usd is not None else ""
    return (
        f"In {asked.month:%B %Y} {spent} of the AI budget of {asked.budget} are spent{aside}: "
        f"more than the {usd(asked.soft_usd)} from which its owner is asked. At the pace so far the month comes to "
        f"{usd(asked.foreseen_usd)}. {most}You can raise the limit, leave it as it is, or stop the work for now. Until "
        "somebody answers it goes on."
    )


def usd(amount: Decimal | None) -> str:
    return f"{amount:.2f} US dollars"
