"""The draft by edits, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from departments.models import Role
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.api.test_workflows import DEFINITION, created

pytestmark = pytest.mark.django_db

TITLE = {"do": "change", "step": "greet", "field": "title", "value": "Greet them"}


@pytest.fixture
def draft(program: Program) -> str:
    return f"workflows/{created(program)['id']}/draft"


def steps(program: Program, draft: str) -> list[str]:
    return [step["id"] for step in program.get(draft).json()["definition"]["steps"]]


def test_an_edit_gives_the_draft_it_led_to(program: Program, draft: str) -> None:
    answer = program.post(f"{draft}/edits", {"edit": {"do": "add", "kind": "ai.write"}, "revision": 1})

    said = answer.json()
    assert (answer.status_code, answer["ETag"]) == (200, '"2"')
    assert (said["revision"], said["said"]) == (2, "Added “Write a text” after “Compose a text”")
    assert (said["added"], said["rebased"]) == (["write_a_text"], False)
    assert said["definition"]["steps"][1] == {"id": "write_a_text", "kind": "ai.write"}
    assert {problem["step"] for problem in said["problems"]} == {"write_a_text"}
    assert program.get(draft).json()["definition"] == said["definition"]


def test_an_edit_that_was_sent_twice_is_made_once(program: Program, draft: str) -> None:
    edit = {"edit": {"do": "duplicate", "step": "greet"}}

    first = program.post(f"{draft}/edits", edit, idempotency_key="one")
    again = program.post(f"{draft}/edits", edit, idempotency_key="one")

    assert (again.json(), again["ETag"]) == (first.json(), first["ETag"])
    assert steps(program, draft) == ["greet", "greet_2"]


def test_undo_redo_and_the_history(program: Program, draft: str) -> None:
    program.post(f"{draft}/edits", {"edit": TITLE})

    undone = program.post(f"{draft}/undo", {"revision": 2}).json()
    redone = program.post(f"{draft}/redo").json()

    assert (undone["definition"], undone["revision"]) == (DEFINITION, 3)
    assert redone["definition"]["steps"][0]["title"] == "Greet them"
    told = program.get(f"{draft}/edits").json()["results"]
    assert [(row["revision"], row["deed"], row["undone"], row["by"]) for row in told] == [
        (4, "redo", False, "Archive"),
        (3, "undo", False, "Archive"),
        (2, "edit", True, "Archive"),
    ]
    assert {row["said"] for row in told} == {"Gave “Compose a text” the title “Greet them”"}
    assert told[2]["edit"] == TITLE
    assert_problem(program.post(f"{draft}/redo"), 409, "conflict")


def test_a_long_history_comes_in_pages(program: Program, draft: str) -> None:
    for _ in range(5):
        program.post(f"{draft}/edits", {"edit": {"do": "duplicate", "step": "greet"}})

    first = program.get(f"{draft}/edits", {"page_size": "3"}).json()
    second = program.get(first["next"]).json()

    assert [row["revision"] for row in first["results"] + second["results"]] == [6, 5, 4, 3, 2]


def test_two_programs_on_one_draft(program: Program, draft: str) -> None:
    other = Program(program.department, Role.BUILDER, name="Other")
    program.post(f"{draft}/edits", {"edit": TITLE, "revision": 1})

    beside = {"do": "set_input", "name": "tone", "value": {"title": "Tone"}}
    fits = other.post(f"{draft}/edits", {"edit": beside, "revision": 1})
    clashes = other.post(f"{draft}/edits", {"edit": {**TITLE, "value": "Mine"}, "revision": 1})

    assert (fits.status_code, fits.json()["rebased"], fits.json()["revision"]) == (200, True, 3)
    told = assert_problem(clashes, 409, "conflict")["detail"]
    assert "Archive has changed “Greeting” since you opened it: Gave “Compose a text” the title “Greet them”." in told
    assert "Your change was not made: Gave “Compose a text” the title “Mine”." in told


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "edit: This is needed."),
        ({"edit": {"do": "explode"}}, "This is not a change that can be made"),
        ({"edit": {"do": "remove", "steps": ["nobody"]}}, "There is no step “nobody” any more."),
        ({"edit": {"do": "replace", "definition": {"name": "x", "steps": 7}}}, "steps"),
        ({"edit": TITLE, "revision": 0}, "revision"),
        ({"edit": TITLE, "extra": 1}, "extra: There is nothing of this name here."),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    program: Program, draft: str, body: dict[str, Any], said: str
) -> None:
    answer = assert_problem(program.post(f"{draft}/edits", body), 400, "bad-request")

    assert said in answer["detail"]
    assert program.get(draft).json()["revision"] == 1
