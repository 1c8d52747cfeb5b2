"""What AI costs and what it may cost, in a real browser: from an empty page to a budget that was stopped."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from connectors.models import AiModel, Breaker, Cost, Spending
from departments.models import Department, Role, User
from tests.factories import make_department, make_member, make_model, make_provider, make_user, make_workflow
from workflows.runtime.paying import month_of
from workflows.services.costs import months_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

Seen = Callable[[str], None]
SignIn = Callable[[User], None]


def a_year_of_costs(department: Department) -> None:
    names = ("Press mention triage", "Campaign brief into channel copy", "NDA desk: first reading of what comes in")
    workflows = [make_workflow(department, name=name) for name in names]
    for place, month in enumerate(months_until(month_of(timezone.now()), 12)):
        for number, workflow in enumerate(workflows):
            told = {"provider": "Northwind AI", "model": ("large-1", "small-1")[number % 2], "month": month}
            usd = Decimal(3 + (place * 7 + number * 5) % 11) + Decimal("0.25")
            Cost.objects.create(
                department=department, workflow_id=workflow.pk, calls=120 + place, cost_usd=usd, tokens_in=80_000,
                tokens_out=9_000, estimated_calls=number, **told,
            )  # fmt: skip


def test_costs_models_and_a_budget_that_is_set_and_stopped(page: Page, sign_in: SignIn, seen: Seen) -> None:
    legal = make_department("Legal")
    mona = make_user("Mona Lund", legal, Role.MANAGER)
    make_member(mona, make_department("Communications"))
    a_year_of_costs(legal)
    northwind = make_provider("Northwind AI")
    make_model(northwind, "large-1", is_default=True, price_in="1.25", price_out=10, jurisdiction="EU")
    small: AiModel = make_model(northwind, "small-1", title="Small and quick", price_in="0.1", currency="EUR")
    now = timezone.now()
    Breaker.objects.create(model=small, opened_at=now, open_until=now, failures=15, calls=20)
    spent = {"department": legal, "subject": legal.pk, "month": month_of(now), "calls": 363}
    Spending.objects.create(**spent, spent_usd=Decimal("42.75"), reserved_usd=Decimal("0.12"))

    page.expected = ("422",)
    sign_in(mona)
    page.goto("/costs/")
    expect(page.get_by_role("heading", name="By workflow")).to_be_visible()
    seen("costs")
    page.get_by_role("link", name="Models").click()
    page.get_by_role("link", name="Budgets").click()
    page.get_by_role("link", name="Set one").click()
    page.get_by_label("For what").select_option(label="All of Legal")
    page.get_by_label("Most for a month").fill("50")
    page.get_by_label("Ask the owner from").fill("60")
    page.get_by_role("button", name="Set the budget").click()
    expect(page.get_by_text("The owner would be asked too late")).to_be_visible()
    page.get_by_label("Ask the owner from").fill("40")
    page.get_by_role("button", name="Set the budget").click()
    expect(page.get_by_text("$42.75 of $50.00 spent this month")).to_be_visible()
    page.get_by_role("button", name="Stop it for now").click()
    expect(page.get_by_text("Mona Lund has stopped it")).to_be_visible()
    seen("budget")
    page.get_by_role("button", name="Let it go on").click()
    expect(page.get_by_text("It goes on: 0 steps ask again.")).to_be_visible()
