"""“What if the AI is away?” in the builder: what it answers, and that its proposals are edits of the draft."""

from __future__ import annotations

import json
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from tests import factories
from tests.workflows.pages.scenes import Scene
from workflows.engine.definition import load
from workflows.models import DraftEdit, Workflow

pytestmark = pytest.mark.django_db


def write(id: str, **rest: Any) -> dict[str, Any]:
    given = {"instructions": "x", **rest.pop("given", {})}
    return {"id": id, "kind": "ai.write", "title": id.capitalize(), "with": given, **rest}


@pytest.fixture
def workflow(scene: Scene) -> Workflow:
    far, near = (factories.make_provider(name=name) for name in ("Far away", "Near"))
    factories.make_model(far, name="usual-1", is_default=True)
    factories.make_model(near, name="small-1")
    steps = [write("draft"), write("polish", given={"model": "small-1"}), write("sum", on_error="ask")]
    return factories.make_workflow(scene.department, {"format": 1, "name": "News", "steps": steps})


@pytest.fixture
def client(signed_in, scene: Scene) -> Client:
    return signed_in(scene.builder)


def drilled(client: Client, workflow: Workflow, away: str = "") -> str:
    answer = client.get(f"/workflows/{workflow.pk}/build/drill/?away={quote(away)}")
    assert answer.status_code == 200
    return unescape(answer.text)


def edits_in(page: str) -> list[dict[str, Any]]:
    return [json.loads(part.partition('}"')[0] + "}") for part in page.split('data-edit="')[1:]]


def test_it_says_where_the_run_would_stop_and_what_one_click_does_about_it(client: Client, workflow: Workflow):
    page = drilled(client, workflow)

    assert "The run would stop at 2 steps of 3 that ask this AI." in page
    assert "1 step has another way" in page
    assert "whoever started the run carries on by hand" in page
    assert edits_in(page) == [
        {"do": "change", "step": "draft", "field": "on_error", "value": "ask"},
        {"do": "change", "step": "polish", "field": "on_error", "value": "ask"},
        {"do": "change_each", "steps": ["draft", "polish"], "field": "on_error", "value": "ask"},
    ]


def test_only_what_is_away_counts_and_only_what_the_draft_uses_is_offered(client: Client, workflow: Workflow):
    factories.make_model(factories.make_provider(name="Unused"), name="never-1")

    page = drilled(client, workflow, "provider:Near")

    assert "The run would stop at 1 step of 1 that ask this AI." in page
    assert 'value="provider:Near" selected' in page
    assert "All of Far away (usual-1)" in page
    assert "Unused" not in page
    assert client.get(f"/workflows/{workflow.pk}/build/drill/?away=provider:Gone").status_code == 422


def test_asking_a_person_at_all_of_them_is_one_edit_and_one_undo(client: Client, workflow: Workflow):
    every = edits_in(drilled(client, workflow))[-1]

    client.post(f"/workflows/{workflow.pk}/build/edit/", {"edit": json.dumps(every), "revision": "1"})
    workflow.refresh_from_db()
    asked = [node.on_error for node in load(workflow.draft).steps]
    after = drilled(client, workflow)
    client.post(f"/workflows/{workflow.pk}/build/undo/", {"revision": str(workflow.draft_revision)})
    workflow.refresh_from_db()

    assert (asked, "The run would stop nowhere" in after) == (["ask"] * 3, True)
    assert [node.on_error for node in load(workflow.draft).steps] == ["stop", "stop", "ask"]
    assert DraftEdit.objects.filter(workflow=workflow).order_by("revision")[0].said == (
        "Changed what happens after a failure of 2 steps"
    )


def test_a_draft_without_ai_would_not_notice_and_names_of_others_are_text(client: Client, scene: Scene):
    plain = {"id": "say", "kind": "text.compose", "with": {"text": "x"}}
    quiet = factories.make_workflow(scene.department, {"format": 1, "name": "Quiet", "steps": [plain]})
    hostile = factories.make_workflow(
        scene.department,
        {"format": 1, "name": "Loud", "steps": [{**write("draft"), "title": "<script>alert(1)</script>"}]},
    )

    assert "No step of this draft would notice." in drilled(client, quiet)
    answer = client.get(f"/workflows/{hostile.pk}/build/drill/").text
    assert "<script>" not in answer
