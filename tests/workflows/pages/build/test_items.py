"""“Each item gives”: what comes of one item of a list, said with what the steps inside have found."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from departments.models import Role
from tests import factories
from tests.workflows.pages.scenes import Scene
from workflows.engine.definition import load
from workflows.engine.sight import at_its_end, sight
from workflows.models import Workflow
from workflows.runtime.kinds import kinds
from workflows.services.workflows import draft_problems

pytestmark = pytest.mark.django_db

EACH: dict[str, Any] = {
    "id": "each",
    "kind": "flow.for_each",
    "with": {"items": "{{ inputs.mentions }}", "as": "mention"},
    "steps": [{"id": "tone", "kind": "ai.classify", "with": {"text": "{{ mention }}", "labels": ["good", "bad"]}}],
}
DRAFT = {
    "format": 1,
    "name": "Mentions",
    "inputs": {"mentions": {"type": "list"}},
    "steps": [{"id": "before", "kind": "text.compose", "with": {"text": "x"}}, EACH],
}


@pytest.fixture
def workflow(scene: Scene) -> Workflow:
    return factories.make_workflow(scene.department, DRAFT)


@pytest.fixture
def client(signed_in, scene: Scene) -> Client:
    return signed_in(factories.make_user("Bea Lindqvist", scene.department, Role.BUILDER))


def sent(client: Client, workflow: Workflow, step: str, **values: Any) -> Any:
    data = {"part": "item", **{f"item-output-{name}": value for name, value in values.items()}}
    return client.post(f"/workflows/{workflow.pk}/build/step/{step}/settings/", data)


def test_what_an_item_gives_is_kept_and_taken_back(client: Client, workflow: Workflow):
    row = {"0-name": "tone", "0-value": "{{ steps.tone.label }}"}
    assert sent(client, workflow, "each", rows=["0"], **row).status_code == 200
    workflow.refresh_from_db()
    kept = load(workflow.draft).steps[1].output
    problems = draft_problems(workflow)
    assert sent(client, workflow, "each").status_code == 200
    workflow.refresh_from_db()

    assert kept == {"tone": "{{ steps.tone.label }}"}
    assert problems == []
    assert load(workflow.draft).steps[1].output is None


def test_only_a_step_that_does_others_for_each_item_asks_for_it(client: Client, workflow: Workflow):
    panels = {step: client.get(f"/workflows/{workflow.pk}/build/step/{step}/").text for step in ("each", "before")}

    assert "Each item gives" in panels["each"]
    assert "Each item gives" not in panels["before"]
    assert sent(client, workflow, "before").status_code == 404


@pytest.mark.parametrize(("where", "is_offered"), [("?inside=1", True), ("", False)])
def test_its_data_picker_offers_what_the_steps_inside_have_found(
    client: Client, workflow: Workflow, where: str, is_offered: bool
):
    offered = client.get(f"/workflows/{workflow.pk}/build/step/each/data/{where}").text
    previewed = client.post(
        f"/workflows/{workflow.pk}/build/step/each/preview/{where}", {"text": "Is {{ steps.tone.label }}"}
    ).text

    assert ("{{ steps.tone.label }}" in offered, "Preview" in previewed) == (is_offered, is_offered)
    assert "{{ inputs.mentions }}" in offered


def test_the_end_of_a_container_sees_its_steps_and_changes_nothing():
    definition = load(DRAFT)

    longer, end = at_its_end(definition, "each")

    assert [node.id for node in sight(longer, end, kinds()).steps] == ["before", "tone"]
    assert [node.id for node in sight(longer, end, kinds()).around] == ["each"]
    assert definition == load(DRAFT)
