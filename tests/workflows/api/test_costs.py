"""What AI has cost and may cost, for other programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from connectors.models import Spending
from departments.access import SYSTEM
from departments.models import Role
from tests import factories
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.pages.test_costs import THIS_MONTH, spend
from workflows.services import budgets

pytestmark = pytest.mark.django_db


def test_costs_are_those_of_the_tokens_department(program: Program, stranger: Program) -> None:
    workflow = factories.make_workflow(program.department, name="Digest")
    spend(workflow, "3.5", calls=3, estimated_calls=1)
    spend(workflow, "1", month=THIS_MONTH.replace(year=THIS_MONTH.year - 1))
    spend(factories.make_workflow(stranger.department), "70")

    found = program.get("costs", {"months": "12"}).json()

    assert (found["department"], found["total_usd"], found["calls"]) == (program.department.slug, 3.5, 3)
    assert found["lines"] == [
        {
            "month": f"{THIS_MONTH:%Y-%m}",
            "workflow": str(workflow.pk),
            "workflow_name": "Digest",
            "provider": "Northwind",
            "model": "large-1",
            "calls": 3,
            "estimated_calls": 1,
            "tokens_in": 100,
            "tokens_out": 50,
            "cost_usd": 3.5,
        }
    ]
    assert program.get("costs", {"months": "24"}).json()["total_usd"] == 4.5
    for wrong in ({"months": "0"}, {"months": "25"}, {"months": "x"}, {"department": "press"}):
        assert_problem(program.get("costs", wrong), 400)


def test_budgets_say_what_is_left(program: Program, stranger: Program) -> None:
    workflow = factories.make_workflow(program.department)
    limits: dict[str, Any] = {"month_usd": 100, "soft_usd": 80, "calls_per_run": 20}
    budgets.set_budget(program.department, limits=limits, actor=SYSTEM)
    own = budgets.set_budget(program.department, workflow, limits={"run_usd": 2}, actor=SYSTEM)
    budgets.set_budget(stranger.department, limits=limits, actor=SYSTEM)
    budgets.stop_budget(own, actor=SYSTEM)

    first, second = program.get("budgets").json()["results"]

    assert (first["workflow"], first["run_usd"], first["month_usd"]) == (str(workflow.pk), 2, None)
    assert first["stopped_by"] == "Tandem"
    assert (second["workflow"], second["month_usd"], second["soft_usd"], second["calls_per_run"]) == (None, 100, 80, 20)
    assert (second["spent_usd"], second["reserved_usd"], second["calls"], second["stopped_by"]) == (0, 0, 0, None)


def test_budgets_cost_the_same_however_many_there_are(
    program: Program,
    django_assert_num_queries: Callable[[int], Any],
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    person = Client()
    person.force_login(factories.make_user("Mona", program.department, Role.MANAGER))
    for number in range(12):
        workflow = factories.make_workflow(program.department, name=f"Digest {number}")
        budgets.set_budget(program.department, workflow, limits={"month_usd": 9}, actor=SYSTEM)
        used = {"subject": workflow.pk, "month": THIS_MONTH, "spent_usd": number, "reserved_usd": 1, "calls": 3}
        Spending.objects.create(department=program.department, **used)

    with django_assert_num_queries(3):
        lines = program.get("budgets").json()["results"]
    person.get("/budgets/")
    with django_assert_max_num_queries(12):
        page = person.get("/budgets/").content.decode()

    assert [(line["spent_usd"], line["reserved_usd"], line["calls"]) for line in lines] == [
        (number, 1, 3) for number in reversed(range(12))
    ]
    assert page.count("of $9.00 spent this month") == 12
