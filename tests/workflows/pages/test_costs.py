"""What AI costs on pages and as a table to take along: sums that are right, walls between departments, no formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from connectors.models import Breaker, Cost, Spending
from departments.access import SYSTEM
from departments.models import User
from tests.factories import make_member, make_model, make_provider, make_workflow
from tests.workflows.pages.scenes import Scene
from workflows.models import Budget, Workflow
from workflows.runtime.paying import month_of
from workflows.services import budgets, costs

pytestmark = pytest.mark.django_db

THIS_MONTH = month_of(timezone.now())


def spend(workflow: Workflow, usd: str, model: str = "large-1", **more: Any) -> Cost:
    told = {"provider": "Northwind", "month": THIS_MONTH, "calls": 2, "tokens_in": 100, "tokens_out": 50, **more}
    return Cost.objects.create(
        department=workflow.department, workflow_id=workflow.pk, model=model, cost_usd=Decimal(usd), **told
    )


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_months_reach_back_over_the_turn_of_the_year() -> None:
    assert costs.months_until(date(2026, 2, 1), 4) == [
        date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1),
    ]  # fmt: skip


def test_sums_are_right_by_month_workflow_and_model(scene: Scene) -> None:
    other = make_workflow(scene.department, name="Digest")
    spend(scene.workflow, "3", calls=3, estimated_calls=1)
    spend(scene.workflow, "1", model="small-1")
    spend(other, "6", month=date(2026, 1, 1) if date(2026, 1, 1) != THIS_MONTH else date(2025, 12, 1))
    months = costs.months_until(THIS_MONTH, 24)

    found = costs.summed(costs.parts_of([scene.department], months[0]), months)

    assert [(line.title, line.cost_usd, line.share) for line in found.workflows] == [
        ("Digest", 6, 100.0), (scene.workflow.name, 4, 66.7),
    ]  # fmt: skip
    assert [(line.title, line.cost_usd) for line in found.models] == [
        ("large-1 (Northwind)", 9), ("small-1 (Northwind)", 1),
    ]  # fmt: skip
    assert (found.total_usd, found.calls, len(found.months)) == (10, 7, 24)
    assert (found.months[-1].cost_usd, found.months[-1].estimated_calls, found.months[0].cost_usd) == (4, 1, 0)


def test_nobody_sees_what_another_department_spends(scene: Scene) -> None:
    theirs = make_workflow(name="Their secret plan")
    spend(theirs, "1234")
    spend(scene.workflow, "3")
    client = signed_in(scene.viewer)

    shown = [client.get(path).content.decode() for path in ("/costs/", "/costs/csv/", "/budgets/", "/models/")]

    assert "Their secret plan" not in "".join(shown)
    assert "1234" not in shown[1]
    assert client.get(f"/costs/?department={theirs.department.slug}").status_code == 404
    assert client.get(f"/costs/csv/?department={theirs.department.slug}").status_code == 404


def test_the_table_to_take_along_holds_no_formula_and_stands_in_the_ledger(scene: Scene) -> None:
    Workflow.objects.filter(pk=scene.workflow.pk).update(name='=HYPERLINK("http://evil.example")')
    spend(scene.workflow, "0.0125", model="+cmd|' /C calc'!A0")

    answer = signed_in(scene.viewer).get("/costs/csv/?months=3")

    (row,) = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["Workflow"], row["Model"]) == ('\'=HYPERLINK("http://evil.example")', "'+cmd|' /C calc'!A0")
    assert (row["Cost in US dollars"], row["Questions"]) == ("0.012500", "2")
    assert answer["Content-Disposition"].startswith('attachment; filename="ai-costs-')
    assert Entry.objects.filter(verb="costs.taken_along", department="marketing").count() == 1


def test_the_page_costs_the_same_however_much_was_spent(
    scene: Scene, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    make_member(scene.viewer, make_workflow().department)
    for number in range(30):
        spend(make_workflow(scene.department), str(number), model=f"m-{number}")
    client = signed_in(scene.viewer)
    client.get("/costs/")

    with django_assert_max_num_queries(10):
        page = client.get("/costs/").content.decode()

    assert "20 lines are left out" in page
    assert page.count('<svg class="cs-bar"') == 41


def test_a_manager_sets_a_budget_and_sees_how_far_it_is_used(scene: Scene) -> None:
    client = signed_in(scene.manager)
    scope = f"workflow:{scene.workflow.pk}"

    wrong = client.post("/budgets/new/", {"scope": scope, "month_usd": "5", "soft_usd": "9", "calls_per_hour": "2.5"})
    set_ = client.post("/budgets/new/", {"scope": scope, "month_usd": "50", "soft_usd": "40", "calls_per_hour": "7"})
    budget = Budget.objects.get()
    Spending.objects.create(
        department=scene.department, subject=scene.workflow.pk, month=THIS_MONTH, spent_usd=41, reserved_usd=1, calls=3
    )
    page = client.get(f"/budgets/{budget.pk}/").content.decode()
    again = client.post("/budgets/new/", {"scope": scope})

    assert (wrong.status_code, set_.status_code, again.status_code) == (422, 302, 422)
    assert (budget.workflow, budget.month_usd, budget.calls_per_hour) == (scene.workflow, 50, 7)
    assert "$41.00 of $50.00 spent this month" in page
    assert 'class="cs-bar wait"' in page
    assert "runs low" in client.get("/budgets/").content.decode()


def test_a_budget_is_changed_by_managers_and_shown_to_members(scene: Scene) -> None:
    budget = budgets.set_budget(scene.department, limits={"month_usd": Decimal(5)}, actor=SYSTEM)
    path = f"/budgets/{budget.pk}/"

    refused = signed_in(scene.builder).post(path, {"month_usd": "500"})
    shown = signed_in(scene.builder).get(path).content.decode()
    signed_in(scene.manager).post(path, {"month_usd": "7.50"})

    budget.refresh_from_db()
    assert (refused.status_code, budget.month_usd) == (403, Decimal("7.50"))
    assert "Set the budget" not in shown


def test_members_see_which_models_they_may_use_and_which_are_left_alone(scene: Scene) -> None:
    model = make_model(
        make_provider("Northwind"), "large-1", price_in=Decimal("0.2500"), currency="EUR", jurisdiction="EU"
    )
    make_model(make_provider("Closed", for_all=False), "secret-1")
    now = timezone.now()
    Breaker.objects.create(model=model, opened_at=now, open_until=now, failures=15, calls=20)

    page = signed_in(scene.viewer).get("/models/").content.decode()

    assert "0.25 EUR" in page
    assert "15 of 20 calls failed" in page
    assert "secret-1" not in page
