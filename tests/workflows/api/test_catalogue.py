"""Step kinds, the ledger, and who I am."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from departments.models import Role
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.api.test_workflows import DEFINITION, created
from workflows.runtime.kinds import kinds

pytestmark = pytest.mark.django_db


def test_every_step_kind_is_listed_with_valid_schemas(program: Program) -> None:
    listed = program.get("step-kinds").json()

    assert [each["kind"] for each in listed["results"]] == list(kinds())
    assert (listed["next"], listed["previous"]) == (None, None)
    for each in listed["results"]:
        Draft202012Validator.check_schema(each["params"])
        Draft202012Validator.check_schema(each["output"])


def test_a_step_kind_is_read_by_its_name(program: Program) -> None:
    kind = program.get("step-kinds/text.compose").json()

    assert (kind["title"], kind["effect"], kind["sequences"]) == ("Compose a text", "pure", [])
    assert "text" in kind["params"]["properties"]
    assert kind["output"]["properties"]["text"]["type"] == "string"
    assert_problem(program.get("step-kinds/text.nothing"), 404)


def test_a_program_learns_who_it_is(program: Program) -> None:
    viewer = Program(program.department, Role.VIEWER, "Wallboard")

    assert viewer.get("me").json() == {
        "kind": "token",
        "id": str(viewer.token.pk),
        "name": "Wallboard",
        "role": "viewer",
        "department": {"slug": "legal", "name": "Legal", "time_zone": "Europe/Berlin"},
        "may": ["view"],
        "expires_at": viewer.get("me").json()["expires_at"],
    }


def test_the_ledger_tells_what_was_done_in_the_tokens_department(program: Program, stranger: Program) -> None:
    made, _theirs = created(program), created(stranger)

    def entries(**query: str) -> list[dict[str, Any]]:
        return program.get("ledger", query).json()["results"]

    newest = entries()[0]
    assert newest == {
        "id": newest["id"],
        "at": newest["at"],
        "verb": "workflow.created",
        "actor_kind": "token",
        "actor_id": str(program.token.pk),
        "actor": "Archive",
        "object_kind": "workflow",
        "object_id": made["id"],
        "object": "Greeting",
        "run": None,
        "detail": {},
        "sentence": "Archive created the workflow Greeting",
    }
    assert [each["verb"] for each in entries()] == ["workflow.created", "token.created"]
    assert entries(verb="workflow.created") == entries(since=newest["at"]) == [newest]
    assert [each["verb"] for each in entries(until=newest["at"])] == ["token.created"]
    assert entries(run="nobody") == []


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.BUILDER, Role.APPROVER])
def test_the_ledger_is_for_managers(program: Program, role: Role) -> None:
    assert_problem(Program(program.department, role).get("ledger"), 403, "not-allowed")


def test_the_ledger_is_read_in_two_queries(program: Program, django_assert_num_queries: Any) -> None:
    for number in range(5):
        created(program, name=f"W{number}", definition=DEFINITION)

    with django_assert_num_queries(2):
        assert program.get("ledger").status_code == 200
