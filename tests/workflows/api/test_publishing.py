"""Publishing over the API: a second person, differences, going back, and files."""

from __future__ import annotations

import pytest

from departments.access import actor_for_user
from departments.models import Role
from tests import factories
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.api.test_workflows import DEFINITION
from workflows.models import PublishRequest, Version, Workflow
from workflows.services.publishing import approve_request

pytestmark = pytest.mark.django_db

YAML = """# A comment
name: From a file
inputs: {name: {title: Name}}
steps: [{id: say, kind: text.compose, with: {text: "Hello {{ inputs.name }}"}}]
sample: {name: Ada}
"""


@pytest.fixture
def workflow(program: Program) -> Workflow:
    return factories.make_workflow(program.department, DEFINITION, name="Greeting")


def test_where_a_second_person_decides_publishing_is_a_question(program: Program, workflow: Workflow) -> None:
    program.department.second_person_publishes = True
    program.department.save()

    answer = program.post(f"workflows/{workflow.pk}/publish", {"note": "why"})

    assert answer.status_code == 202
    asked = program.get(answer["Location"].removeprefix("/api/v1/")).json()
    assert asked == answer.json()
    assert (asked["status"], asked["waits"], asked["note"], asked["version"]) == ("open", True, "why", None)
    assert asked["url"].endswith(f"/workflows/{workflow.pk}/publish/")
    assert not Version.objects.exists()


def test_the_answer_of_the_second_person_is_read_there(program: Program, workflow: Workflow) -> None:
    asked = factories.make_publish_request(workflow)
    person = factories.make_user("Astrid", program.department, Role.APPROVER)

    approve_request(asked, actor=actor_for_user(person))

    read = program.get(f"publish-requests/{asked.pk}").json()
    assert (read["status"], read["decided_by"], read["version"]) == ("approved", "Astrid", 1)
    assert program.get("publish-requests", {"status": "open"}).json()["results"] == []
    assert len(program.get("publish-requests", {"status": "approved"}).json()["results"]) == 1


def test_a_question_is_taken_back_once(program: Program, workflow: Workflow) -> None:
    asked = factories.make_publish_request(workflow)

    first = program.post(f"publish-requests/{asked.pk}/withdraw", {})
    second = program.post(f"publish-requests/{asked.pk}/withdraw", {})

    assert first.json()["status"] == "withdrawn"
    assert_problem(second, 409)
    assert PublishRequest.objects.get().status == "withdrawn"


def test_two_versions_are_compared_in_sentences_and_as_data(program: Program, workflow: Workflow) -> None:
    factories.make_version(workflow)
    changed = {**DEFINITION, "steps": [{**DEFINITION["steps"][0], "with": {"text": "Bye {{ inputs.name }}"}}]}
    factories.make_version(workflow, changed)

    told = program.get(f"workflows/{workflow.pk}/compare", {"old": "1", "new": "2"}).json()["differences"]

    (only,) = told
    assert (only["deed"], only["thing"], only["step"], only["field"]) == ("changed", "step", "greet", "with.text")
    assert (only["before"], only["after"]) == ("Hello {{ inputs.name }}", "Bye {{ inputs.name }}")
    assert only["said"].endswith("Text changed")
    assert program.get(f"workflows/{workflow.pk}/compare", {"old": "1", "new": "draft"}).json() == {"differences": []}
    assert_problem(program.get(f"workflows/{workflow.pk}/compare", {"old": "9"}), 404)


def test_a_version_is_restored_as_the_draft_unless_the_draft_is_another_one(
    program: Program, workflow: Workflow
) -> None:
    factories.make_version(workflow)
    program.put(f"workflows/{workflow.pk}/draft", {"definition": {**DEFINITION, "name": "Greeting", "output": {}}})
    restore = f"workflows/{workflow.pk}/versions/1/restore"

    stale = program.post(restore, {}, if_match='"1"')
    restored = program.post(restore, {})

    assert_problem(stale, 412)
    assert restored.json()["definition"]["output"] == DEFINITION["output"]
    assert restored["ETag"] == f'"{restored.json()["revision"]}"'


def test_a_file_is_looked_at_and_then_imported_with_its_sample(program: Program) -> None:
    looked = program.post("import/look", {"text": YAML})
    assert not Workflow.objects.exists()
    made = program.post("import", {"text": YAML})

    assert (looked.json()["name"], looked.json()["missing"], looked.json()["problems"]) == ("From a file", [], [])
    assert made.status_code == 201
    assert Workflow.objects.get(pk=made.json()["id"]).sample == {"name": "Ada"}
    again = program.get(f"workflows/{made.json()['id']}/export", {"sample": "true"}).content.decode()
    assert program.post("import", {"text": again, "name": "Again"}).status_code == 201


def test_a_bad_file_is_refused_and_nothing_is_made(program: Program) -> None:
    for path in ("import/look", "import"):
        answer = program.post(path, {"text": "name: [unfinished"})

        assert_problem(answer, 400)
    assert not Workflow.objects.exists()
