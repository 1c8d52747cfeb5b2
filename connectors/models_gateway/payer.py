"""Who pays for a call, and how far: plain values, and the sentence for whoever is out of budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from connectors.sdk.errors import NotNow, StepError

ALWAYS = date(2000, 1, 1)
"""The month of what has no months: a run."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much one subject may spend; None is no limit. `named` is the subject in a sentence.

    `usd` and `calls` count for `month`, `calls_per_hour` for each hour of the clock. `stopped_by` has stopped it.
    """

    subject: UUID
    named: str
    month: date = ALWAYS
    usd: Decimal | None = None
    soft_usd: Decimal | None = None
    calls: int | None = None
    calls_per_hour: int | None = None
    stopped_by: str = ""


@dataclass(frozen=True, slots=True)
class Payer:
    """One attempt of a step, and whose money it spends. `tell` is called with a limit that is crossed: soft or hard.

    `tell_of` is called with a provider that will answer nobody: it wants money, or does not know our key.
    """

    department: Limit
    workflow: Limit
    run: Limit
    step_id: UUID
    calls_per_step: int | None = None
    is_repeat: bool = False
    tell: Callable[[Limit, str], None] = lambda _limit, _kind: None
    tell_of: Callable[[str, StepError], None] = lambda _provider, _error: None

    @property
    def limits(self) -> tuple[Limit, Limit, Limit]:
        """In the order in which they are locked: what many share comes last."""
        return self.run, self.workflow, self.department


@dataclass(frozen=True, slots=True)
class Used:
    """What a subject has used so far; `hour_calls` in this hour of the clock."""

    spent_usd: Decimal
    reserved_usd: Decimal
    calls: int
    hour_calls: int


def why_not(limit: Limit, used: Used, usd: Decimal, now: datetime) -> NotNow | None:
    """Why this limit does not let a call of at most so much money through, or None."""
    if limit.stopped_by:
        return stopped(limit)
    if limit.usd is not None and used.spent_usd + used.reserved_usd + usd > limit.usd:
        return _no_money(limit, used, usd, now)
    if limit.calls is not None and used.calls >= limit.calls:
        return _no_calls(limit, f"{limit.calls:,} questions to AI models", None)
    if limit.calls_per_hour is not None and used.hour_calls >= limit.calls_per_hour:
        return _no_calls(limit, f"{limit.calls_per_hour:,} questions to AI models in an hour", _next_hour(now) - now)
    return None


def stopped(limit: Limit) -> NotNow:
    return NotNow(
        f"{limit.stopped_by} has stopped what {limit.named} spends on AI. Let it go on under Budgets.",
        code="budget",
    )


def step_is_out(limit: int) -> NotNow:
    return NotNow(
        f"This step has asked AI models {limit:,} times, the most a step may ask. A manager can raise that under "
        "Budgets; then it goes on.",
        code="budget",
    )


def _no_money(limit: Limit, used: Used, usd: Decimal, now: datetime) -> NotNow:
    has_months = limit.month != ALWAYS
    when = "or by itself when the next month begins" if has_months else "not by itself"
    aside = f" and {used.reserved_usd:.4f} are put aside for questions under way" if used.reserved_usd else ""
    is_over = used.spent_usd + used.reserved_usd >= (limit.usd or 0)
    lacks = "is used up" if is_over else "does not reach for this question"
    return NotNow(
        f"The budget of {limit.named} {lacks}: of {limit.usd:.2f} US dollars {used.spent_usd:.4f} are spent{aside}, "
        f"and this question may cost {usd:.4f}. It goes on when a manager raises the budget, {when}.",
        code="budget",
        after=_next_month(limit.month) - now if has_months else None,
    )


def _no_calls(limit: Limit, what: str, after: timedelta | None) -> NotNow:
    return NotNow(
        f"{limit.named[0].upper()}{limit.named[1:]} has asked {what}, the most that are allowed. A manager can raise "
        "that under Budgets; then it goes on.",
        code="budget",
        after=after,
    )


def _next_month(month: date) -> datetime:
    first = (month.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime(first.year, first.month, 1, tzinfo=UTC)


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
