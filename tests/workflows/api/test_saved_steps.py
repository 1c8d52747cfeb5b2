"""What other programs read of the department's library."""

from __future__ import annotations

from typing import Any

import pytest

from departments.access import SYSTEM
from tests.factories import make_department, make_version, make_workflow
from tests.workflows.api.program import Program, assert_problem
from workflows.engine.definition import load
from workflows.services.saving import archive_saved, keep_prompt, keep_steps, rewrite_prompt

pytestmark = pytest.mark.django_db

STEP: dict[str, Any] = {"id": "say", "kind": "text.compose", "with": {"text": "Dear {{ inputs.name }}"}}
DEFINITION: dict[str, Any] = {"name": "Any", "inputs": {"name": {"title": "The name"}}, "steps": [STEP]}


@pytest.fixture
def greeting(program: Program) -> Any:
    definition = load(DEFINITION)
    return keep_steps(program.department, definition.steps, definition, title="Greeting", actor=SYSTEM).saved


def test_a_saved_step_is_read_with_its_newest_version_and_where_it_is_used(program: Program, greeting: Any) -> None:
    marked = {**DEFINITION, "steps": [{**STEP, "saved": "greeting@1"}]}
    version = make_version(make_workflow(program.department, definition=marked, name="Letter"))

    said = program.get("saved-steps/greeting").json()

    assert said == program.get(f"saved-steps/{greeting.pk}").json()
    assert (said["slug"], said["kind"], said["title"], said["newest"]) == ("greeting", "step", "Greeting", 1)
    assert said["version"]["content"] == {
        "steps": [STEP],
        "needs": [{"reference": "inputs.name", "title": "The name"}],
    }
    assert said["used_in"] == [
        {"workflow": str(version.workflow_id), "name": "Letter", "draft_versions": [1], "live_versions": [1]}
    ]
    assert said["url"].endswith(f"/library/{greeting.pk}/")


def test_the_library_is_listed_and_filtered(program: Program, greeting: Any) -> None:
    prompt = keep_prompt(program.department, "Be kind.", title="Kind", actor=SYSTEM).saved
    keep_prompt(make_department(), "Theirs", title="Theirs", actor=SYSTEM)

    def titles(**query: Any) -> list[str]:
        return [each["title"] for each in program.get("saved-steps", query).json()["results"]]

    assert titles() == ["Kind", "Greeting"]
    assert titles(kind="prompt") == ["Kind"]
    assert titles(words="greet") == ["Greeting"]
    archive_saved(prompt, actor=SYSTEM)
    assert (titles(), titles(archived="true")) == (["Greeting"], ["Kind"])
    assert_problem(program.get("saved-steps", {"kind": "nonsense"}), 400)


def test_versions_are_listed_newest_first_and_read_by_number(program: Program) -> None:
    prompt = keep_prompt(program.department, "Be kind.", title="Kind", actor=SYSTEM).saved
    rewrite_prompt(prompt, "Be very kind.", why="Kinder", actor=SYSTEM)

    listed = program.get("saved-steps/kind/versions").json()["results"]

    assert [(each["number"], each["note"], each["saved_by"]) for each in listed] == [
        (2, "Kinder", "Tandem"),
        (1, "", "Tandem"),
    ]
    assert program.get("saved-steps/kind/versions/2").json()["content"] == {"text": "Be very kind."}
    for number in ("3", "0", "-1", "x", "9" * 30):
        assert_problem(program.get(f"saved-steps/kind/versions/{number}"), 404)
