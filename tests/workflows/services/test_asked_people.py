"""Whoever a draft names has to be there to be asked."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from departments.models import Department, Role
from tests import factories
from workflows.engine import definition as definitions
from workflows.services.asked_people import people_problems
from workflows.services.workflows import draft_problems

pytestmark = pytest.mark.django_db


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


def ask(**given: Any) -> dict[str, Any]:
    return {"id": "ask", "kind": "people.approve", "with": {"question": "May it go?", **given}}


def found(department: Department, *steps: dict[str, Any]) -> list[tuple[str, str]]:
    definition = definitions.load({"name": "Any", "steps": list(steps)})
    return [(each.field, each.message) for each in people_problems(department, definition)]


def test_members_and_groups_with_somebody_in_them_are_no_problem(legal: Department):
    ada = factories.make_user("Ada", legal, Role.APPROVER)
    factories.make_group(legal, ada, name="Counsel")

    steps = ask(person=ada.email.upper(), then=[{"group": "counsel"}], hand_on={"person": "{{ inputs.who }}"})

    assert found(legal, steps) == []


def test_strangers_are_a_problem_wherever_they_are_named(legal: Department):
    sam = factories.make_user("Sam", factories.make_department("Marketing"), Role.MANAGER)
    nobody = f"Nobody in Legal has the address “{sam.email}”. Choose who is asked."

    steps = ask(person=sam.email, then=[{}, {"person": sam.email}], escalate=[{"after_hours": 1, "person": sam.email}])

    assert found(legal, steps) == [
        ("with.person", nobody),
        ("with.then.1.person", nobody),
        ("with.escalate.0.person", nobody),
    ]


def test_a_group_that_is_not_there_is_empty_or_too_small_is_a_problem(legal: Department):
    factories.make_group(legal, name="Empty")
    factories.make_group(legal, factories.make_user("Ada", legal), name="One")

    steps = ask(group="gone", then=[{"group": "empty"}, {"group": "one", "needs": 2}])

    assert found(legal, steps) == [
        ("with.group", "Legal has no group “gone”. Choose another, or let a manager make it."),
        ("with.then.0.group", "Nobody is in the group “empty” of Legal. Choose another one."),
        ("with.then.1.group", "2 have to agree, but the group “one” has 1."),
    ]


def test_who_carries_on_by_hand_is_looked_at_only_where_a_person_is_asked(legal: Department):
    helper = {"person": "gone@tandem.example", "group": "gone"}
    write = {"id": "w", "kind": "ai.write", "with": {"instructions": "x"}, "helper": helper}

    assert found(legal, write) == []
    assert [field for field, _why in found(legal, {**write, "on_error": "ask"})] == ["helper.person", "helper.group"]


def test_a_workflow_that_names_nobody_costs_no_query_for_it(legal: Department):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert found(legal, ask()) == []

    assert len(asked) == 0


def test_a_stranger_keeps_the_draft_from_being_published(legal: Department):
    workflow = factories.make_workflow(legal, {"name": "Any", "steps": [ask(person="gone@tandem.example")]})

    assert [str(each) for each in draft_problems(workflow)] == [
        "ask: with.person: Nobody in Legal has the address “gone@tandem.example”. Choose who is asked."
    ]
