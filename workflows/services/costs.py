"""What AI has cost: sums by month, department, workflow and model, for pages and as a table to take along."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from audit.services import record
from connectors.models import Cost
from departments.access import Actor
from departments.models import Department
from workflows.models import Workflow

MOST_LINES = 20
COLUMNS = (
    *("Month", "Department", "Workflow", "Provider", "Model", "Questions", "Of them estimated"),
    *("Tokens sent", "Tokens received", "Cost in US dollars"),
)
"""Fixed, whatever the reader's language: programs read them."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one workflow spent on one model in one month."""

    month: date
    department: str
    workflow_id: UUID
    workflow: str
    provider: str
    model: str
    calls: int
    estimated_calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """One bar and one row. `share` is its length in percent of the longest one; `key` is what it was summed by."""

    key: Any
    title: str
    calls: int
    estimated_calls: int
    tokens: int
    cost_usd: Decimal
    share: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Lines with the dearest first, months with the earliest first. `left_out` is how many lines are not shown."""

    months: Sequence[Line]
    departments: Sequence[Line]
    workflows: Sequence[Line]
    models: Sequence[Line]
    total_usd: Decimal
    calls: int
    left_out: int = 0


def parts_of(departments: Iterable[Department], since: date) -> list[Part]:
    """Two queries, whatever there is. Callers have asked who may look."""
    names = {each.pk: each.name for each in departments}
    rows = Cost.objects.filter(department__in=names, month__gte=since).order_by("month", "department_id", "id")
    found = list(rows)
    titles = dict(Workflow.objects.filter(pk__in={row.workflow_id for row in found}).values_list("pk", "name"))
    return [
        Part(
            row.month, names[row.department_id], row.workflow_id, titles.get(row.workflow_id, _("a removed workflow")),
            row.provider, row.model, row.calls, row.estimated_calls, row.tokens_in, row.tokens_out, row.cost_usd,
        )
        for row in found
    ]  # fmt: skip


def summed(parts: Sequence[Part], months: Sequence[date]) -> Costs:
    by_month = {line.key: line for line in _lines(parts, lambda part: (part.month, f"{part.month:%Y-%m}"))}
    empty = {month: Line(month, f"{month:%Y-%m}", 0, 0, 0, Decimal(0), 0) for month in months}
    workflows = _lines(parts, lambda part: (part.workflow_id, part.workflow))
    models = _lines(parts, lambda part: ((part.provider, part.model), f"{part.model} ({part.provider})"))
    return Costs(
        months=[by_month.get(month, empty[month]) for month in months],
        departments=_lines(parts, lambda part: (part.department, part.department)),
        workflows=workflows[:MOST_LINES],
        models=models[:MOST_LINES],
        total_usd=sum((part.cost_usd for part in parts), Decimal(0)),
        calls=sum(part.calls for part in parts),
        left_out=max(0, len(workflows) - MOST_LINES) + max(0, len(models) - MOST_LINES),
    )


def months_until(last: date, count: int) -> list[date]:
    """The first days of so many months, the last of them that of `last`."""
    place = last.year * 12 + last.month - 1
    return [date(number // 12, number % 12 + 1, 1) for number in range(place - count + 1, place + 1)]


def take_along(parts: Sequence[Part], departments: Sequence[Department], *, actor: Actor) -> bytes:
    """As CSV without formulas (rule S16). Who takes figures along stands in the ledger."""
    from connectors.documents.writing import write_document

    with transaction.atomic():
        for department in departments:
            record("costs.taken_along", actor=actor, department=department.slug, thing=department)
    rows = [dict(zip(COLUMNS, _cells(part), strict=True)) for part in parts]
    return write_document("csv", "", rows or [dict.fromkeys(COLUMNS)])


def _cells(part: Part) -> tuple[Any, ...]:
    return (
        *(f"{part.month:%Y-%m}", part.department, part.workflow, part.provider, part.model, part.calls),
        *(part.estimated_calls, part.tokens_in, part.tokens_out, f"{part.cost_usd:.6f}"),
    )


def _lines(parts: Iterable[Part], named: Callable[[Part], tuple[Any, str]]) -> list[Line]:
    groups: dict[Any, list[Part]] = {}
    titles: dict[Any, str] = {}
    for part in parts:
        key, title = named(part)
        titles[key] = title
        groups.setdefault(key, []).append(part)
    totals = {key: sum((part.cost_usd for part in group), Decimal(0)) for key, group in groups.items()}
    longest = max(totals.values(), default=Decimal(0)) or Decimal(1)
    lines = [
        Line(
            key=key,
            title=titles[key],
            calls=sum(part.calls for part in group),
            estimated_calls=sum(part.estimated_calls for part in group),
            tokens=sum(part.tokens_in + part.tokens_out for part in group),
            cost_usd=totals[key],
            share=round(float(totals[key] / longest * 100), 1),
        )
        for key, group in groups.items()
    ]
    return sorted(lines, key=lambda line: (-line.cost_usd, -line.calls, line.title))
