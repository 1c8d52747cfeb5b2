"""What a step's form saves, what it says is wrong, and what data it offers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from connectors.forms import form_for_model
from connectors.sdk.registry import discover
from departments.access import actor_for_user
from departments.models import Role, User
from tests.factories import make_model, make_user, make_workflow
from tests.workflows.pages.scenes import Scene
from workflows.engine.definition import load
from workflows.engine.problems import problems
from workflows.models import DraftEdit, Workflow
from workflows.pages import build_data
from workflows.runtime.kinds import kinds
from workflows.services import samples
from workflows.services.drafting import edit_draft

pytestmark = pytest.mark.django_db

END = [{"name": "end", "type": "date"}]
DEFINITION: dict[str, Any] = {
    "format": 1,
    "name": "Press mentions",
    "inputs": {"articles": {"type": "list", "title": "Articles"}, "urgent": {"type": "boolean"}},
    "steps": [
        {
            "id": "tone",
            "kind": "ai.classify",
            "title": "Tone",
            "with": {"text": "{{ inputs.articles }}", "labels": ["good", {"name": "bad", "examples": ["No."]}]},
        },
        {
            "id": "each",
            "kind": "flow.for_each",
            "title": "Each article",
            "with": {"items": "{{ inputs.articles }}", "as": "article"},
            "steps": [
                {
                    "id": "facts",
                    "kind": "ai.extract",
                    "with": {"text": "x", "fields": END},
                },
                {"id": "note", "kind": "text.compose", "with": {"text": "About {{ article }}: {{ steps.tone.label }}"}},
            ],
        },
        {"id": "last", "kind": "ai.write", "with": {"instructions": "Kind.", "max_words": 90}},
    ],
    "output": {"label": "{{ steps.tone.label }}"},
}


@pytest.fixture
def builder(scene: Scene) -> User:
    return make_user("Bea Lindqvist", scene.department, Role.BUILDER)


@pytest.fixture
def workflow(scene: Scene) -> Workflow:
    return make_workflow(scene.department, DEFINITION, sample={"articles": ["Bank closes", "Bank opens"]})


@pytest.fixture
def client(signed_in, builder: User) -> Client:
    return signed_in(builder)


def saved(client: Client, workflow: Workflow, step: str, revision: int = 1, **sent: Any) -> HttpResponse:
    """Sends what a browser sends: the fields by their names, all of them touched."""
    fields = {f"with-{name}": value for name, value in sent.items()}
    touched = sorted({f"with-{name.split('-')[0]}" for name in sent})
    address = f"/workflows/{workflow.pk}/build/step/{step}/form/"
    data = {**fields, "touched": touched, "revision": revision}
    return client.post(address, data, headers={"HX-Request": "true"})


def given(workflow: Workflow, step: str) -> dict[str, Any]:
    workflow.refresh_from_db()
    return next(node.given for node in load(workflow.draft).nodes() if node.id == step)


def test_each_touched_field_that_changed_is_one_edit_and_nothing_else_is(client: Client, workflow: Workflow):
    answer = saved(client, workflow, "last", instructions="Warm.", max_words="90", tone="dry")

    assert answer.status_code == 200
    assert given(workflow, "last") == {"instructions": "Warm.", "max_words": 90, "tone": "dry"}
    edits = [row.edit for row in DraftEdit.objects.order_by("revision")]
    assert [(edit["field"], edit["value"]) for edit in edits] == [("with.instructions", "Warm."), ("with.tone", "dry")]
    assert json.loads(answer["HX-Trigger"]) == {"draft-changed": {"revision": 3, "step": "last", "others": False}}


def test_a_field_that_was_sent_but_not_touched_stays_as_somebody_else_has_made_it(client: Client, workflow: Workflow):
    address = f"/workflows/{workflow.pk}/build/step/last/form/"

    client.post(
        address,
        {"with-instructions": "Old", "with-tone": "dry", "touched": "with-tone", "revision": 1},
        headers={"HX-Request": "true"},
    )

    assert given(workflow, "last") == {"instructions": "Kind.", "max_words": 90, "tone": "dry"}


def test_what_is_not_right_yet_is_kept_and_told_at_its_field(client: Client, workflow: Workflow):
    answer = saved(client, workflow, "last", max_words="some", instructions="")

    assert given(workflow, "last") == {"max_words": "some"}
    html = answer.content.decode()
    assert "Write a number, for example 12 or 3.5." in html
    assert "This is needed." in html


def test_a_field_nobody_has_looked_at_yet_is_not_called_missing(client: Client, workflow: Workflow):
    saved(client, workflow, "last", instructions="")

    opened = client.get(f"/workflows/{workflow.pk}/build/step/last/form/", headers={"HX-Request": "true"})

    assert "This is needed." not in opened.content.decode()


def test_what_no_database_takes_is_refused_at_its_field_and_the_draft_stays(client: Client, workflow: Workflow):
    answer = saved(client, workflow, "last", instructions="a\x00b")

    assert given(workflow, "last")["instructions"] == "Kind."
    assert "There is a NUL character in it" in answer.content.decode()
    assert "HX-Trigger" not in answer


def test_a_clash_shows_the_text_of_the_other_and_changes_nothing(client: Client, workflow: Workflow, scene: Scene):
    anna = make_user("Anna Berg", scene.department, Role.BUILDER)
    theirs = {"do": "change", "step": "last", "field": "with.instructions", "value": "Brief <b>."}
    edit_draft(workflow, theirs, actor=actor_for_user(anna))

    answer = saved(client, workflow, "last", instructions="Long.", tone="dry")

    assert answer.status_code == 409
    assert "Anna Berg has changed this too" in answer.content.decode()
    assert "Brief &lt;b&gt;." in answer.content.decode()
    assert given(workflow, "last") == {"instructions": "Brief <b>.", "max_words": 90, "tone": "dry"}


def test_somebody_elses_change_of_another_field_is_no_clash_and_the_form_learns_of_it(
    client: Client, workflow: Workflow, scene: Scene
):
    anna = make_user("Anna Berg", scene.department, Role.BUILDER)
    theirs = {"do": "change", "step": "last", "field": "with.instructions", "value": "Brief."}
    edit_draft(workflow, theirs, actor=actor_for_user(anna))

    answer = saved(client, workflow, "last", tone="dry")

    assert json.loads(answer["HX-Trigger"])["draft-changed"]["others"] is True
    assert given(workflow, "last") == {"instructions": "Brief.", "max_words": 90, "tone": "dry"}


def test_rows_keep_what_they_say_and_what_is_only_assumed_is_not_written_down(client: Client, workflow: Workflow):
    rows = {
        "fields-rows": ["0", "3", "7"],
        "fields-0-name": "end",
        "fields-0-type": "date",
        "fields-3-name": "side",
        "fields-3-type": "text",
        "fields-3-description": "Who it is",
        "fields-7-type": "text",
    }

    saved(client, workflow, "facts", **rows)

    wanted = [{"name": "end", "type": "date"}, {"name": "side", "description": "Who it is"}]
    assert given(workflow, "facts")["fields"] == wanted


def test_the_error_of_a_row_stands_in_the_row_that_the_browser_shows(client: Client, workflow: Workflow):
    rows = {"fields-rows": ["5", "9"], "fields-9-name": "Not a name", "fields-9-type": "text"}

    html = saved(client, workflow, "facts", **rows).content.decode()

    place = html.split('id="f-with-fields-9-name-error"')[1].split("</div>")[0]
    assert "Use small letters, digits and _; begin with a letter." in place


def test_models_that_are_in_use_are_offered_and_one_that_is_gone_is_still_shown(client: Client, workflow: Workflow):
    make_model(name="gpt-careful", title="The careful one")
    make_model(name="gpt-resting", title="The resting one", enabled=False)
    saved(client, workflow, "last", model="gpt-old")

    html = client.get(f"/workflows/{workflow.pk}/build/step/last/form/").content.decode()

    assert "The careful one" in html
    assert "The resting one" not in html
    assert "gpt-old (no longer offered)" in html
    assert "The usual model" in html


def test_an_upload_becomes_a_file_of_the_department(client: Client, scene: Scene):
    steps = [{"id": "read", "kind": "document.read", "with": {}}]
    workflow = make_workflow(scene.department, {"format": 1, "name": "Read", "steps": steps})

    address = f"/workflows/{workflow.pk}/build/step/read/form/"
    client.post(
        address,
        {"with-file-upload": SimpleUploadedFile("terms.txt", b"Hello"), "touched": "with-file", "revision": 1},
        headers={"HX-Request": "true"},
    )

    assert given(workflow, "read")["file"]["name"] == "terms.txt"


# ── data ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_known_names_every_step_that_comes_before_with_types_and_choices(workflow: Workflow):
    found = build_data.known(load(workflow.draft), "note")

    assert found["steps"]["tone"]["title"] == "Tone"
    assert found["steps"]["tone"]["fields"]["label"] == {"type": "string", "choices": ["good", "bad"]}
    assert found["steps"]["tone"]["fields"]["confidence"] == {"type": "number"}
    assert found["steps"]["facts"]["fields"] == {"end": {"type": "date"}}
    assert "last" not in found["steps"]
    assert found["inputs"]["articles"] == {"title": "Articles", "type": "array"}
    assert {"article", "item_number", "run", "department"} <= set(found["names"])


@pytest.mark.parametrize("step", ["tone", "note", "last", ""])
def test_whatever_the_picker_offers_is_a_reference_that_leads_somewhere(workflow: Workflow, step: str):
    definition = load(workflow.draft)
    offered = [item.text for group in build_data.offered(workflow, definition, step) for item in group.items]

    assert offered
    for text in offered:
        if step:
            raw = json.loads(json.dumps(workflow.draft))
            node = next(each for each in _raw_nodes(raw["steps"]) if each["id"] == step)
            node["when"] = {"all": [{"value": text, "is": "is_not_empty"}]}
        else:
            raw = {**workflow.draft, "output": {"label": text}}
        assert problems(load(raw), kinds()) == [], text


def _raw_nodes(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [inner for step in steps for inner in (step, *_raw_nodes(step.get("steps", [])))]


def test_the_picker_shows_what_a_tested_step_gave_and_looks_inside_it(workflow: Workflow, builder: User):
    node = next(each for each in load(workflow.draft).nodes() if each.id == "tone")
    told = {"label": "bad", "confidence": 0.9, "reason": "“betrayal”"}
    samples.pin(workflow, node, told, actor=actor_for_user(builder))

    groups = build_data.offered(workflow, load(workflow.draft), "last", "tone")

    tone = next(group for group in groups if group.title == "Tone")
    assert tone.is_tested
    first = tone.items[0]
    assert (first.text, first.type, first.sample) == ("{{ steps.tone.label }}", "text", "bad")


def test_a_file_is_asked_for_with_the_files_first(client: Client, scene: Scene):
    steps = [
        {"id": "memo", "kind": "document.write", "with": {"format": "md", "name": "Memo", "content": "Hi"}},
        {"id": "read", "kind": "document.read", "with": {}},
    ]
    inputs = {"agreement": {"type": "file", "title": "Agreement"}, "note": {"type": "text"}}
    workflow = make_workflow(scene.department, {"format": 1, "name": "Read", "inputs": inputs, "steps": steps})

    html = client.get(f"/workflows/{workflow.pk}/build/step/read/data/", {"field": "with-file"}).content.decode()
    other = build_data.offered(workflow, load(workflow.draft), "read")

    first = html.split("<section")[1]
    assert "{{ inputs.agreement }}" in first
    assert "{{ steps.memo.file }}" in first
    assert "{{ inputs.note }}" not in first
    assert other[0].title != "Files"


def test_a_text_is_previewed_with_real_values_and_escaped(client: Client, workflow: Workflow):
    workflow.sample = {"articles": ["<i>one</i>", "two"]}
    workflow.save()

    address = f"/workflows/{workflow.pk}/build/step/last/preview/"
    html = client.post(address, {"text": "All: {{ inputs.articles | join: ' & ' }}"}).content.decode()

    assert "All: &lt;i&gt;one&lt;/i&gt; &amp; two" in html


@pytest.mark.parametrize("text", ["plain", "{{ steps.gone.x }}", "{{ broken", "{% for %}"])
def test_what_cannot_be_previewed_is_left_empty(client: Client, workflow: Workflow, text: str):
    answer = client.post(f"/workflows/{workflow.pk}/build/step/last/preview/", {"text": text})

    assert answer.status_code == 200
    assert answer.content.decode().strip() == ""


def test_every_parameter_of_every_kind_has_a_title_a_line_of_help_and_an_example():
    lacking = [
        f"{kind}.{asked.name}"
        for kind, action in discover("workflows.steps", "connectors.catalog").items()
        for asked in form_for_model(action.Params).fields
        if not asked.label or not asked.help or not (asked.example or asked.widget in ("switch", "choice"))
    ]

    assert lacking == []
