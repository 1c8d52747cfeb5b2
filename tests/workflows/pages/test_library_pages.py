"""The library's pages and its part in the panel of a step."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.urls import reverse

from departments.access import SYSTEM
from tests.factories import make_department, make_workflow
from tests.workflows.pages.scenes import Scene
from workflows.engine.definition import load
from workflows.models import SavedStep, Workflow
from workflows.services import copies, drafting
from workflows.services.saving import add_version, archive_saved, keep_prompt

pytestmark = pytest.mark.django_db

HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "{{ inputs.name }}{% if %}",
    "\u202eevil\u2066",
    "🧨 مرحبا" * 20,
    "a" * 10_000,
]


def step(id: str = "say", text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}, **more}


def writing(**more: Any) -> dict[str, Any]:
    return {"id": "write", "kind": "ai.write", "with": {"instructions": "Write kindly."}, **more}


def a_draft(scene: Scene, *steps: dict[str, Any], name: str = "Answer") -> Workflow:
    return make_workflow(scene.department, definition={"format": 1, "name": name, "steps": list(steps)}, name=name)


def address(name: str, workflow: Workflow, step: str = "say") -> str:
    return reverse(name, args=[workflow.pk, step])


def html_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def a_copy(scene: Scene) -> tuple[Workflow, SavedStep]:
    workflow = a_draft(scene, step())
    return workflow, copies.save_steps(workflow, ["say"], title="Say it", actor=SYSTEM).saved


def test_a_step_is_saved_from_its_panel(scene: Scene, signed_in: Any):
    workflow = a_draft(scene, step(), step("more"))
    client = signed_in(scene.builder)

    form = client.get(address("step_keep", workflow), {"count": "2"})
    answer = client.post(address("step_keep", workflow), {"title": "Both", "note": "For all", "count": "2"})

    assert "2 steps, up to “Compose a text”" in html_of(form)
    assert json.loads(answer.headers["HX-Trigger"])["draft-changed"] == {"revision": 2}
    assert "One of 2 steps taken together from" in html_of(answer)
    saved = SavedStep.objects.get()
    assert (saved.title, saved.kind, saved.note) == ("Both", "sequence", "For all")


def test_what_others_will_read_is_shown_before_it_is_saved(scene: Scene, signed_in: Any):
    workflow = a_draft(scene, step(text="Write to anna@acme-bank.example and {{ steps.other.text }}"))

    form = html_of(signed_in(scene.builder).get(address("step_keep", workflow)))

    assert "Everybody in the department will read this:" in form
    assert "anna@acme-bank.example" in form
    assert "It takes from outside" in form
    assert "other ▸ text" in form


def test_a_title_that_is_taken_comes_back_as_it_was_typed(scene: Scene, signed_in: Any):
    a_copy(scene)
    workflow = a_draft(scene, step(), name="Other")

    answer = signed_in(scene.builder).post(address("step_keep", workflow), {"title": "say it", "note": "Mine"})

    assert answer.status_code == 422
    assert "has “say it” already" in html_of(answer)
    assert 'value="say it"' in html_of(answer)
    assert "Mine" in html_of(answer)


def test_a_newer_version_is_offered_shown_and_taken(scene: Scene, signed_in: Any):
    workflow, saved = a_copy(scene)
    add_version(saved, {"steps": [step(text="hello there")], "needs": []}, why="Warmer", actor=SYSTEM)
    client = signed_in(scene.builder)

    bar = html_of(client.post(address("step_saved", workflow), {"deed": "nothing"}))
    difference = html_of(client.get(address("step_difference", workflow)))
    answer = client.post(address("step_saved", workflow), {"deed": "update"})

    assert "404" in bar or "not found" in bar.lower()
    assert "hello<ins> there</ins>" in difference
    assert json.loads(answer.headers["HX-Trigger"])["build:reload"] == {}
    assert "version 2" in html_of(answer)
    workflow.refresh_from_db()
    assert workflow.draft["steps"] == [step(text="hello there", saved="say-it@2")]


def test_a_change_made_here_is_saved_as_the_next_version(scene: Scene, signed_in: Any):
    workflow, saved = a_copy(scene)
    change = {"do": "change", "step": "say", "field": "with.text", "value": "hello you"}
    drafting.edit_draft(workflow, change, actor=SYSTEM)
    client = signed_in(scene.builder)

    form = html_of(client.get(address("step_version", workflow)))
    answer = client.post(address("step_version", workflow), {"why": "Friendlier"})

    assert "hello<ins> you</ins>" in form
    assert "Save as version 2" in form
    assert answer.status_code == 200
    assert list(saved.versions.values_list("number", "note")) == [(2, "Friendlier"), (1, "")]


def test_a_deed_that_cannot_be_done_says_so_and_changes_nothing(scene: Scene, signed_in: Any):
    workflow = a_draft(scene, step())

    answer = signed_in(scene.builder).post(address("step_saved", workflow), {"deed": "detach"})

    assert answer.status_code == 422
    assert "not taken from the library any more" in html_of(answer)


def test_a_copy_that_the_library_does_not_know_says_so(scene: Scene, signed_in: Any):
    workflow = a_draft(scene, step(saved="gone@3"))

    answer = signed_in(scene.builder).post(address("step_saved", workflow), {"deed": "update"})

    assert answer.status_code == 422
    assert "does not know “gone”, version 3" in html_of(answer)
    assert "The step works as it is." in html_of(answer)


def test_a_prompt_is_chosen_for_a_text(scene: Scene, signed_in: Any):
    workflow = a_draft(scene, writing())
    keep_prompt(scene.department, "Be brief.", title="Brief", actor=SYSTEM)
    keep_prompt(make_department(), "Theirs", title="Theirs", actor=SYSTEM)
    client = signed_in(scene.builder)

    form = html_of(client.get(address("step_prompt", workflow, "write")))
    sent = {"field": "instructions", "prompt": "brief"}
    answer = client.post(address("step_prompt", workflow, "write"), sent)

    assert "Be brief." in form
    assert "Theirs" not in form
    assert "“What to write” is the prompt" in html_of(answer)
    workflow.refresh_from_db()
    assert workflow.draft["steps"][0]["with"]["instructions"] == "Be brief."


@pytest.mark.parametrize(
    "sent",
    [{"field": "model", "prompt": "brief"}, {"field": "instructions", "prompt": "theirs"}, {"prompt": "brief"}],
)
def test_a_prompt_goes_only_where_it_may(scene: Scene, signed_in: Any, sent: dict[str, str]):
    workflow = a_draft(scene, writing())
    keep_prompt(scene.department, "Be brief.", title="Brief", actor=SYSTEM)
    keep_prompt(make_department(), "Theirs", title="Theirs", actor=SYSTEM)

    answer = signed_in(scene.builder).post(address("step_prompt", workflow, "write"), sent)

    assert answer.status_code == 404


def test_a_text_is_saved_as_a_prompt(scene: Scene, signed_in: Any):
    workflow = a_draft(scene, writing())
    client = signed_in(scene.builder)

    form = html_of(client.get(address("step_prompt_keep", workflow, "write")))
    client.post(address("step_prompt_keep", workflow, "write"), {"field": "instructions", "title": "Kind"})

    assert "Save as prompt" in form
    assert SavedStep.objects.get().kind == "prompt"


def test_the_list_is_searched(scene: Scene, signed_in: Any):
    a_copy(scene)
    keep_prompt(scene.department, "Be brief.", title="Brief", actor=SYSTEM)
    client = signed_in(scene.viewer)

    everything = html_of(client.get("/library/"))
    prompts = html_of(client.get("/library/", {"kind": "prompt"}, HTTP_HX_REQUEST="true"))
    nothing = html_of(client.get("/library/", {"q": "zebra"}))

    assert all(words in everything for words in ("Say it", "Brief", "1 workflow"))
    assert "Brief" in prompts
    assert not any(words in prompts for words in ("Say it", "<html"))
    assert "Nothing in the library fits" in nothing
    assert "New prompt" not in everything


def test_the_page_of_one_tells_where_it_is_used_and_updates_the_drafts(scene: Scene, signed_in: Any):
    workflow, saved = a_copy(scene)
    add_version(saved, {"steps": [step(text="hi")], "needs": []}, why="Shorter", actor=SYSTEM)
    client = signed_in(scene.builder)

    shown = html_of(client.get(reverse("saved", args=[saved.pk])))
    after = html_of(client.post(reverse("saved_update", args=[saved.pk]), follow=True))

    assert all(words in shown for words in ("draft: version 1", "older version", "Update 1 draft?"))
    assert "1 draft was updated. Publish them to put the change to work." in after
    assert "draft: version 2" in after
    workflow.refresh_from_db()
    assert workflow.draft["steps"] == [step(text="hi", saved="say-it@2")]


def test_a_version_tells_what_is_other_in_it(scene: Scene, signed_in: Any):
    prompt = keep_prompt(scene.department, "Be kind.", title="Kind", actor=SYSTEM).saved
    client = signed_in(scene.builder)
    sent = {"text": "Be very kind.", "why": "Kinder", "known": "1"}

    client.post(reverse("saved_rewrite", args=[prompt.pk]), sent)
    shown = html_of(client.get(reverse("saved_version", args=[prompt.pk, 2])))

    assert "What is other than in version 1" in shown
    assert re.search(r"<ins>\s*very\s*</ins>", shown)
    assert client.get(reverse("saved_version", args=[prompt.pk, 3])).status_code == 404


def test_a_prompt_that_somebody_else_changed_keeps_what_was_typed(scene: Scene, signed_in: Any):
    prompt = keep_prompt(scene.department, "Be kind.", title="Kind", actor=SYSTEM).saved
    client = signed_in(scene.builder)
    client.post(reverse("saved_rewrite", args=[prompt.pk]), {"text": "Theirs", "known": "1"})

    answer = client.post(reverse("saved_rewrite", args=[prompt.pk]), {"text": "Mine", "why": "Why not", "known": "1"})

    assert answer.status_code == 422
    assert "Somebody else saved version 2" in html_of(answer)
    assert ">Mine</textarea>" in html_of(answer)
    assert "<del>Theirs</del><ins>Mine</ins>" in html_of(answer)


def test_a_new_prompt_goes_into_the_department_that_was_chosen(scene: Scene, signed_in: Any):
    answer = signed_in(scene.builder).post(reverse("prompt_new"), {"title": "Kind", "text": "Be kind."}, follow=True)

    assert "“Kind” is in the library." in html_of(answer)
    assert SavedStep.objects.get().department == scene.department


def test_a_prompt_is_not_put_into_a_department_where_one_may_not_edit(scene: Scene, signed_in: Any):
    other = make_department("Legal")

    sent = {"title": "Kind", "text": "Be kind.", "department": other.slug}

    answer = signed_in(scene.builder).post(reverse("prompt_new"), sent)

    assert answer.status_code == 404
    assert not SavedStep.objects.exists()


def test_archived_ones_are_listed_apart_and_come_back(scene: Scene, signed_in: Any):
    _, saved = a_copy(scene)
    archive_saved(saved, actor=SYSTEM)
    client = signed_in(scene.builder)

    assert "Say it" not in html_of(client.get("/library/"))
    assert "Say it" in html_of(client.get("/library/", {"archived": "1"}))
    assert "is in the library again" in html_of(client.post(reverse("saved_bring_back", args=[saved.pk]), follow=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_show_as_words(scene: Scene, signed_in: Any, text: str):
    workflow = a_draft(scene, writing(title=text[:200]))
    client = signed_in(scene.builder)
    client.post(address("step_keep", workflow, "write"), {"title": text, "note": text})
    saved = SavedStep.objects.get()
    client.post(reverse("prompt_new"), {"title": f"P {text}"[:120], "text": text, "note": text})
    content = {"steps": [writing(title=text[:200])], "needs": [{"reference": "x", "title": text}]}
    add_version(saved, content, why=text[:900], actor=SYSTEM)

    pages = [
        client.get("/library/"),
        client.get("/library/", {"q": text[:100]}),
        client.get(reverse("saved", args=[saved.pk])),
        client.get(reverse("saved_version", args=[saved.pk, 2])),
        client.get(address("step_keep", workflow, "write")),
        client.get(address("step_prompt", workflow, "write")),
        client.get(address("step_difference", workflow, "write")),
        client.post(address("step_saved", workflow, "write"), {"deed": "update"}),
    ]

    assert [page.status_code for page in pages] == [200] * len(pages)
    for page in pages:
        assert "<script>alert" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()
    assert load(Workflow.objects.get(pk=workflow.pk).draft)
