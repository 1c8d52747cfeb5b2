"""A program that sends one unusable workflow after the other waits, and nobody else does (case P15)."""

from __future__ import annotations

from typing import Any

import pytest

from departments.allowances import Limit
from departments.models import Role
from tests import factories
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.api.test_workflows import DEFINITION
from workflows.api import throttled
from workflows.models import Workflow

pytestmark = pytest.mark.django_db

UNUSABLE = {"name": "Odd", "definition": {"format": 1, "name": "Odd", "steps": [{"id": "a", "kind": 7}]}}


def test_the_twenty_first_unusable_workflow_in_a_row_waits_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing is forgotten while the test takes its time.
    monkeypatch.setattr(throttled, "UNSOUND", Limit("unsound", throttled.UNSOUND.at_once, pause_s=60))
    press = factories.make_department("Press")
    one, other = (Program(press, Role.BUILDER, name) for name in ("Archive", "Newsroom"))
    made = one.post("workflows", {"name": "Sound", "definition": DEFINITION}).json()["id"]
    places: list[tuple[Any, str, Any]] = [
        (one.post, "workflows", UNUSABLE),
        (one.put, f"workflows/{made}/draft", {"definition": {"steps": 7}}),
        (one.post, f"workflows/{made}/draft/edits", {"edit": {"do": "nothing known"}}),
        (one.post, "import/look", {"text": "steps: ["}),
    ]

    answers = [places[turn % 4][0](*places[turn % 4][1:]) for turn in range(throttled.UNSOUND.at_once)]
    refused = [send(place, body) for send, place, body in places]

    assert {answer.status_code for answer in answers} == {400}
    for answer in refused:
        assert "cannot be used" in assert_problem(answer, 429, "too-often")["detail"]
        assert int(answer["Retry-After"]) >= 1
    assert one.get("workflows").status_code == one.get(f"workflows/{made}").status_code == 200, "it may go on reading"
    assert other.post("workflows", {"name": "Mine", "definition": DEFINITION}).status_code == 201
    assert Workflow.objects.count() == 2
