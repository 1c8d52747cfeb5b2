"""“When it fails”: stop, go on, or a person instead, and who that is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from departments.models import Role
from tests import factories
from tests.workflows.pages.scenes import Scene
from workflows.engine.definition import Node, load
from workflows.models import DraftEdit, Workflow

pytestmark = pytest.mark.django_db

STEPS: list[dict[str, Any]] = [
    {"id": "write", "kind": "ai.write", "with": {"instructions": "Kind."}},
    {"id": "ask", "kind": "people.approve", "with": {"question": "May it go?"}},
]


@pytest.fixture
def workflow(scene: Scene) -> Workflow:
    return factories.make_workflow(scene.department, {"format": 1, "name": "News", "steps": STEPS})


@pytest.fixture
def client(signed_in, scene: Scene) -> Client:
    return signed_in(factories.make_user("Bea Lindqvist", scene.department, Role.BUILDER))


def changed(client: Client, workflow: Workflow, **sent: str) -> Node:
    """The first step after the form “When it fails” came back with these answers."""
    data = {"part": "failing", **{f"failing-{name}": value for name, value in sent.items()}}
    answer = client.post(f"/workflows/{workflow.pk}/build/step/write/settings/", data)
    assert answer.status_code == 200, answer.content
    workflow.refresh_from_db()
    return load(workflow.draft).steps[0]


def test_a_person_is_offered_only_where_somebody_could_do_it_by_hand(client: Client, workflow: Workflow):
    panels = {step: client.get(f"/workflows/{workflow.pk}/build/step/{step}/") for step in ("write", "ask")}

    assert "Ask a person instead" in panels["write"].text
    assert "A person could carry on instead." in panels["write"].text
    assert "Ask a person instead" not in panels["ask"].text


def test_who_carries_on_is_chosen_among_the_people_of_the_department(client: Client, workflow: Workflow, scene: Scene):
    ada = factories.make_user("Ada Ekman", scene.department, Role.OPERATOR)
    factories.make_group(scene.department, ada, name="Night desk")
    factories.make_user("Sam Stranger", factories.make_department("Elsewhere"), Role.OPERATOR)

    panel = client.get(f"/workflows/{workflow.pk}/build/step/write/").text

    assert f"Ada Ekman ({ada.email})" in panel
    assert "Night desk" in panel
    assert "Sam Stranger" not in panel


def test_a_person_instead_with_a_role_and_a_deadline_is_kept_and_told_in_words(client: Client, workflow: Workflow):
    node = changed(client, workflow, on_error="ask", role="operator", due_hours="8")

    assert (node.on_error, node.helper and node.helper.model_dump(exclude_defaults=True)) == (
        "ask",
        {"role": "operator", "due_hours": 8.0},
    )
    assert [row.said for row in DraftEdit.objects.order_by("revision")] == [
        "Changed what happens after a failure of “Write a text”",
        "Changed who carries on by hand of “Write a text”",
    ]


def test_another_answer_leaves_who_does_it_in_manual_mode(client: Client, workflow: Workflow):
    changed(client, workflow, on_error="ask", role="operator")
    node = changed(client, workflow, on_error="stop")

    assert (node.on_error, node.helper and node.helper.role) == ("stop", "operator")


def test_whoever_started_the_run_is_the_helper_again_when_nobody_is_named(client: Client, workflow: Workflow):
    changed(client, workflow, on_error="ask", role="operator")
    node = changed(client, workflow, on_error="ask", role="")

    assert node.helper is None


def test_a_helper_that_is_nobody_here_stands_among_the_problems_with_a_way_out(client: Client, workflow: Workflow):
    Workflow.objects.filter(pk=workflow.pk).update(
        draft={
            **workflow.draft,
            "steps": [{**STEPS[0], "on_error": "ask", "helper": {"person": "gone@tandem.example"}}],
        }
    )

    page = client.get(f"/workflows/{workflow.pk}/build/").text

    assert "Nobody in" in page
    assert "has the address “gone@tandem.example”. Choose who is asked." in page
    assert "Ask whoever started the run" in page
