"""Workflows over the API: make, change, publish, keep."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import Entry
from departments.models import Department
from tests import factories
from tests.workflows.api.program import Program, assert_problem
from workflows.engine import readable
from workflows.models import Version, Workflow

pytestmark = pytest.mark.django_db

DEFINITION: dict[str, Any] = {
    "format": 1,
    "name": "Greeting",
    "inputs": {"name": {"title": "Name"}},
    "steps": [{"id": "greet", "kind": "text.compose", "with": {"text": "Hello {{ inputs.name }}"}}],
    "output": {"greeting": "{{ steps.greet.text }}"},
}
BROKEN = {**DEFINITION, "output": {"greeting": "{{ steps.nobody.text }}"}}


def created(program: Program, **changed: Any) -> dict[str, Any]:
    answer = program.post("workflows", {"name": "Greeting", "definition": DEFINITION, **changed})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_workflow_belongs_to_the_tokens_department(program: Program, legal: Department) -> None:
    answer = program.post("workflows", {"name": "Greeting", "definition": DEFINITION})

    made = answer.json()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/workflows/{made['id']}")
    assert made == program.get(answer["Location"]).json()
    assert made == {
        "id": str(Workflow.objects.get().pk),
        "slug": "greeting",
        "name": "Greeting",
        "name_warnings": [],
        "department": "legal",
        "description": "",
        "draft_revision": 1,
        "live_version": None,
        "created_at": made["created_at"],
        "changed_at": made["changed_at"],
        "archived_at": None,
        "keeps_days": None,
        "url": made["url"],
    }
    assert made["url"].endswith(f"/workflows/{made['id']}/")
    assert made["created_at"].endswith("Z")
    entry = Entry.objects.shown().get(verb="workflow.created")
    assert (entry.actor_kind, entry.actor_label, entry.department) == ("token", "Archive", "legal")


def test_a_name_that_may_deceive_says_so(program: Program) -> None:
    """Case P10."""
    made = created(program, name="ND\u0410 triage")

    assert made["name_warnings"] == ["In “ND\u0410”, \u0410 is a Cyrillic letter that looks like the Latin A."]


def test_a_slug_is_as_good_as_an_id_within_the_department(program: Program, stranger: Program) -> None:
    made = created(program)

    assert program.get("workflows/greeting").json() == made
    assert_problem(stranger.get("workflows/greeting"), 404)


def test_the_name_is_taken_from_the_definition_when_none_is_given(program: Program) -> None:
    assert program.post("workflows", {"definition": DEFINITION}).json()["name"] == "Greeting"


def test_a_name_that_is_taken_is_a_conflict(program: Program) -> None:
    created(program)

    assert_problem(program.post("workflows", {"name": "GREETING", "definition": DEFINITION}), 409, "conflict")


def test_a_draft_is_read_changed_and_read_again(program: Program) -> None:
    id = created(program)["id"]
    draft = program.get(f"workflows/{id}/draft")
    assert (draft["ETag"], draft.json()) == ('"1"', {"revision": 1, "definition": DEFINITION, "problems": []})

    saved = program.put(f"workflows/{id}/draft", {"definition": BROKEN}, if_match='"1"')

    assert (saved.status_code, saved["ETag"]) == (200, '"2"')
    assert saved.json()["problems"] == [
        {"step": "", "field": "output.greeting", "message": 'The step "nobody" does not exist.'}
    ]
    assert program.get(f"workflows/{id}/draft").json() == saved.json()
    assert program.get(f"workflows/{id}").json()["draft_revision"] == 2


@pytest.mark.parametrize("stale", ['"1"', '"0", "7"', 'W/"2"', "2", "x"])
def test_a_change_of_a_draft_that_somebody_else_has_changed_is_412(program: Program, stale: str) -> None:
    id = created(program)["id"]
    program.put(f"workflows/{id}/draft", {"definition": BROKEN})

    answer = program.put(f"workflows/{id}/draft", {"definition": DEFINITION}, if_match=stale)

    assert_problem(answer, 412, "changed-meanwhile")
    assert program.get(f"workflows/{id}/draft").json()["definition"] == BROKEN


def test_a_revision_in_the_body_guards_as_well(program: Program) -> None:
    id = created(program)["id"]
    right = program.put(f"workflows/{id}/draft", {"definition": BROKEN, "revision": 1})
    wrong = program.put(f"workflows/{id}/draft", {"definition": DEFINITION, "revision": 1})

    assert right.json()["revision"] == 2
    assert_problem(wrong, 409)


def test_publishing_makes_a_version_that_new_runs_take(program: Program) -> None:
    id = created(program)["id"]

    answer = program.post(f"workflows/{id}/publish", {"note": "First"}, if_match='"1"')

    version = answer.json()
    assert answer.status_code == 201
    assert version == {
        "number": 1,
        "note": "First",
        "published_by": "Archive",
        "published_at": version["published_at"],
        "is_live": True,
        "workflow": id,
        "definition": DEFINITION,
    }
    assert program.get(f"workflows/{id}").json()["live_version"] == 1
    assert program.get(f"workflows/{id}/versions/1").json() == version
    line = {name: version[name] for name in ("number", "note", "published_by", "published_at", "is_live")}
    assert program.get(f"workflows/{id}/versions").json() == {"results": [line], "next": None, "previous": None}
    assert_problem(program.get(f"workflows/{id}/versions/2"), 404)


def test_publishing_another_draft_than_was_read_is_412(program: Program) -> None:
    id = created(program)["id"]
    program.put(f"workflows/{id}/draft", {"definition": DEFINITION})

    assert_problem(program.post(f"workflows/{id}/publish", {"note": ""}, if_match='"1"'), 412)
    assert not Version.objects.exists()


def test_a_draft_that_cannot_run_is_not_published_and_every_problem_is_named(program: Program) -> None:
    id = created(program, definition=BROKEN)["id"]

    said = assert_problem(program.post(f"workflows/{id}/publish", {"note": ""}), 400, "bad-request")

    assert said["problems"] == ['output.greeting: The step "nobody" does not exist.']
    assert not Version.objects.exists()


def test_what_is_exported_can_be_created_again(program: Program, stranger: Program) -> None:
    id = created(program)["id"]
    exported = program.get(f"workflows/{id}/export")
    assert exported["Content-Type"] == "application/yaml; charset=utf-8"
    assert exported["Content-Disposition"] == 'attachment; filename="greeting.yaml"'

    as_text = stranger.post("workflows", {"definition": exported.content.decode()})
    as_object = program.post("workflows", {"name": "Copy", "definition": readable.loads(exported.content.decode())})

    assert stranger.get(f"workflows/{as_text.json()['id']}/draft").json()["definition"] == DEFINITION
    assert program.get(f"workflows/{as_object.json()['id']}/draft").json()["definition"] == {
        **DEFINITION,
        "name": "Copy",
    }


def test_the_live_version_is_exported_unless_another_is_asked_for(program: Program) -> None:
    id = created(program)["id"]
    export = f"workflows/{id}/export"
    assert_problem(program.get(export, {"version": "live"}), 404)
    program.post(f"workflows/{id}/publish", {"note": ""})
    program.put(f"workflows/{id}/draft", {"definition": BROKEN})

    def exported(**query: str) -> Any:
        return readable.loads(program.get(export, query).content.decode())

    assert exported() == exported(version="live") == exported(version="1") == DEFINITION
    assert exported(version="draft") == BROKEN
    assert_problem(program.get(export, {"version": "2"}), 404)


def test_lists_go_on_where_they_ended_while_rows_are_added(program: Program, legal: Department) -> None:
    old = [str(factories.make_workflow(legal).pk) for _ in range(5)]
    first = program.get("workflows", {"page_size": 2}).json()
    factories.make_workflow(legal)

    second = program.get(first["next"]).json()
    third = program.get(second["next"]).json()

    seen = [each["id"] for piece in (first, second, third) for each in piece["results"]]
    assert seen == old[::-1]
    assert third["next"] is None
    back = program.get(third["previous"]).json()
    assert [each["id"] for each in back["results"]] == [each["id"] for each in second["results"]]


def test_archived_workflows_are_listed_apart_and_names_are_searched(program: Program, legal: Department) -> None:
    factories.make_workflow(legal, name="Press triage")
    factories.make_workflow(legal, name="Old triage", archived_at="2026-01-01T00:00:00Z")

    def names(**query: str) -> list[str]:
        return [each["name"] for each in program.get("workflows", query).json()["results"]]

    assert names() == ["Press triage"]
    assert names(archived="true") == ["Old triage"]
    assert names(name="PRESS") == ["Press triage"]
    assert names(name="100%") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "many"}, "page_size"),
        ({"cursor": "?"}, "cursor"),
        ({"cursor": "cD1uby1pZA=="}, "cursor"),
        ({"limit": "5"}, "limit"),
        ({"archived": "perhaps"}, "archived"),
        ({"name": "\x00"}, "name"),
        ({"name": ["a", "b"]}, "name"),
    ],
)
def test_a_question_that_makes_no_sense_is_named(program: Program, query: dict[str, Any], field: str) -> None:
    assert list(assert_problem(program.get("workflows", query), 400)["errors"]) == [field]


def test_a_page_never_has_more_than_a_hundred_rows_and_costs_one_query(
    program: Program, legal: Department, django_assert_num_queries: Any
) -> None:
    for _ in range(101):
        factories.make_version(factories.make_workflow(legal))
    program.get("me")

    with django_assert_num_queries(2):  # the token, the rows
        answer = program.get("workflows", {"page_size": "1000"})

    assert len(answer.json()["results"]) == 100
