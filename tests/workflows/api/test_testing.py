"""Testing a draft over the API."""

from __future__ import annotations

import pytest

from tests.steps import probes
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run

pytestmark = pytest.mark.django_db(transaction=True)

DRAFT = {
    "format": 1,
    "name": "Press",
    "inputs": {"name": {"type": "text"}},
    "steps": [
        {"id": "greet", "kind": "text.compose", "with": {"text": "Hello {{ inputs.name }}"}},
        {"id": "send", "kind": "probe.keyed", "with": {"value": "{{ steps.greet.text }}"}},
    ],
    "output": {"sent": "{{ steps.send.value }}"},
}


@pytest.fixture
def workflow(program: Program) -> str:
    probes.reset()
    return program.post("workflows", {"name": "Press", "definition": DRAFT}).json()["id"]


def test_a_draft_is_tested_rehearsed_and_read(program: Program, workflow: str) -> None:
    with silent_broker():
        begun = program.post(f"workflows/{workflow}/tests", {"inputs": {"name": "Ada"}})
    carried(Run.objects.get())
    over = program.get(f"runs/{begun.json()['id']}").json()

    assert (begun.status_code, begun["Location"]) == (201, f"/api/v1/runs/{over['id']}")
    assert (over["status"], over["mode"], over["version"], probes.SENT) == ("succeeded", "test", 1, [])
    assert [(step["path"], step["rehearsed"]) for step in over["steps"]] == [("greet", False), ("send", True)]
    assert program.get("runs").json()["results"] == []
    assert [each["id"] for each in program.get("runs", {"mode": "test"}).json()["results"]] == [over["id"]]


def test_the_same_key_tests_once(program: Program, workflow: str) -> None:
    with silent_broker():
        answers = [
            program.post(f"workflows/{workflow}/tests", {"inputs": {"name": "A"}}, idempotency_key="k")
            for _ in range(2)
        ]

    assert answers[0].json() == answers[1].json()
    assert Run.objects.count() == 1


def test_a_sample_is_written_used_and_forgotten(program: Program, workflow: str) -> None:
    missing = program.post(f"workflows/{workflow}/tests", {"extent": "only", "step": "send"})
    written = program.put(f"workflows/{workflow}/samples/greet", {"output": {"text": "By hand"}}).json()
    with silent_broker():
        begun = program.post(f"workflows/{workflow}/tests", {"extent": "only", "step": "send", "send": True})
    assert begun.status_code == 201, begun.content
    carried(Run.objects.get())
    forgotten = program.put(f"workflows/{workflow}/samples/greet", {"output": None}).json()

    assert list(assert_problem(missing, 400)["errors"]) == ["greet"]
    assert [(each["step"], each["by_hand"]) for each in written["results"]] == [("greet", True)]
    assert (begun.json()["mode"], len(probes.SENT)) == ("sending", 1)
    assert [each["step"] for each in forgotten["results"]] == ["send"]
    assert program.get(f"workflows/{workflow}/samples").json() == forgotten


def test_what_cannot_be_tested_is_refused_with_a_reason(program: Program, workflow: str) -> None:
    start = f"workflows/{workflow}/tests"

    assert "name" in assert_problem(program.post(start, {"inputs": {}}), 400)["errors"]
    assert_problem(program.post(start, {"extent": "half"}), 400)
    assert_problem(program.post(start, {"extent": "only", "step": "nobody"}), 400)
    assert_problem(program.put(f"workflows/{workflow}/samples/nobody", {"output": {}}), 404)
    assert_problem(program.put(f"workflows/{workflow}/samples/greet", {"output": "text"}), 400)
    assert Run.objects.count() == 0
