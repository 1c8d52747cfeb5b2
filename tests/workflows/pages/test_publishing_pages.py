"""The pages of publishing, versions and files, asked without a browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from departments.access import actor_for_user
from departments.models import Role, User
from tests import factories
from tests.workflows.pages.scenes import Scene
from workflows.models import PublishRequest, Version, Workflow
from workflows.services.drafting import edit_draft
from workflows.services.workflows import create_workflow, publish_workflow

pytestmark = pytest.mark.django_db

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7|add:7 }} {% debug %} {0.__class__}",
    "\u202egnihsilbup\u202c \U0001f9d1\u200d\U0001f4bb عقد",
    "long " * 2_000,
)


def edit(scene: Scene, workflow: Workflow, **fields: Any) -> None:
    edit_draft(Workflow.objects.get(pk=workflow.pk), fields, actor=actor_for_user(scene.builder))


def address(name: str, workflow: Workflow, *more: Any, query: str = "") -> str:
    return reverse(name, args=[workflow.pk, *more]) + query


@pytest.fixture
def second_person(scene: Scene) -> Scene:
    scene.department.second_person_publishes = True
    scene.department.save()
    return scene


@pytest.mark.parametrize("text", HOSTILE, ids=("script", "img", "templates", "directions", "long"))
def test_what_people_wrote_is_shown_as_text(scene: Scene, signed_in, text: str) -> None:
    actor, title = actor_for_user(scene.builder), text[:120]
    step = {"id": "say", "kind": "text.compose", "title": title, "with": {"text": "x"}}
    definition = {"inputs": {"a": {"title": title, "help": text[:1000]}}, "steps": [step], "description": text}
    workflow = create_workflow(scene.department, name=title, definition=definition, actor=actor)
    publish_workflow(workflow, note=text, actor=actor)
    edit(scene, workflow, do="change", step="say", field="with.text", value=text.replace("{", "(").replace("%", ""))
    edit(scene, workflow, do="set_input", name="a", value={"title": f"New {title}"})
    edit(scene, workflow, do="change", step="say", field="title", value=f"B {title}")
    client = signed_in(scene.builder)

    file = client.get(address("export", workflow, query="?download=1")).content.decode()

    for page in (
        client.get(address("publish", workflow)),
        client.post(address("publish", workflow), {"note": text, "revision": "1"}),
        client.get(address("versions", workflow)),
        client.get(address("compare", workflow)),
        client.get(address("export", workflow, query="?version=draft")),
        client.post(reverse("import_workflow"), {"text": text}),
        client.post(reverse("import_workflow"), {"text": file}),
    ):
        shown = page.content.decode()
        assert page.status_code in (200, 409, 422)
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert ">14 " not in shown


def test_a_page_that_is_older_than_the_question_decides_nothing(second_person: Scene, signed_in) -> None:
    scene = second_person
    old = factories.make_publish_request(scene.workflow)
    edit(scene, scene.workflow, do="change", step="facts", field="title", value="Facts")
    old.status = "withdrawn"
    old.save()
    newer = factories.make_publish_request(Workflow.objects.get(pk=scene.workflow.pk))

    answer = signed_in(scene.approver).post(
        address("decide_publishing", scene.workflow), {"decision": "approve", "request": str(old.pk)}
    )

    newer.refresh_from_db()
    assert answer.status_code == 409
    assert newer.status == "open"
    assert Version.objects.count() == 1


@pytest.mark.parametrize(("who", "status"), [("builder", 200), ("approver", 200), ("operator", 403), ("viewer", 403)])
def test_where_a_second_person_decides_approvers_see_the_page(
    second_person: Scene, signed_in, who: str, status: int
) -> None:
    assert signed_in(getattr(second_person, who)).get(address("publish", second_person.workflow)).status_code == status


def test_a_request_of_another_workflow_is_not_decided_here(second_person: Scene, signed_in) -> None:
    other = factories.make_publish_request(factories.make_workflow(second_person.department))

    answer = signed_in(second_person.approver).post(
        address("decide_publishing", second_person.workflow), {"decision": "approve", "request": str(other.pk)}
    )

    assert answer.status_code == 409
    assert PublishRequest.objects.get().status == "open"


def test_a_refusal_without_a_reason_comes_back(second_person: Scene, signed_in) -> None:
    asked = factories.make_publish_request(second_person.workflow)

    answer = signed_in(second_person.approver).post(
        address("decide_publishing", second_person.workflow), {"decision": "refuse", "request": str(asked.pk)}
    )

    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()


@pytest.mark.parametrize("query", ["?from=9", "?to=0", "?from=-1", "?from=1e3", "?to=99999999999", "?from=٣"])
def test_a_version_that_there_is_not_is_not_found(scene: Scene, signed_in, query: str) -> None:
    assert signed_in(scene.viewer).get(address("compare", scene.workflow, query=query)).status_code == 404


def test_the_pages_cost_the_same_however_many_versions(scene: Scene, signed_in, django_assert_max_num_queries) -> None:
    for number in range(20):
        factories.make_version(scene.workflow, note=f"Note {number}")
    client = signed_in(scene.builder)

    with django_assert_max_num_queries(14):
        answer = client.get(address("versions", scene.workflow))

    assert answer.content.decode().count("Restore as draft") == 21


def test_older_versions_are_one_click_away(scene: Scene, signed_in) -> None:
    for _ in range(60):
        factories.make_version(scene.workflow)
    client = signed_in(scene.viewer)

    first = client.get(address("versions", scene.workflow))

    older = first.content.decode().partition('href="?after=')[2].partition('"')[0]
    shown = client.get(address("versions", scene.workflow, query=f"?after={older}")).content.decode()
    assert ("From version 11" in shown, "From version 12" in shown) == (True, False)


def test_a_file_in_another_encoding_is_no_workflow(scene: Scene, signed_in) -> None:
    sent = {"file": SimpleUploadedFile("w.yaml", "name: Grüße".encode("utf-16"))}

    answer = signed_in(scene.builder).post(reverse("import_workflow"), sent)

    assert answer.status_code == 422
    assert "not a text in UTF-8" in answer.content.decode()
    assert Workflow.objects.count() == 1


def test_a_file_goes_into_the_department_that_was_chosen_and_into_no_other(scene: Scene, signed_in) -> None:
    person: User = factories.make_user("Two", scene.department, Role.BUILDER)
    second = factories.make_department("Archive")
    factories.make_member(person, second, Role.BUILDER)
    theirs = factories.make_department("Theirs")
    text = "name: N\nsteps: [{id: say, kind: text.compose, with: {text: x}}]"
    client = signed_in(person)

    made = client.post(reverse("import_workflow"), {"text": text, "do": "create", "department": str(second.pk)})
    refused = client.post(reverse("import_workflow"), {"text": text, "do": "create", "department": str(theirs.pk)})

    assert (made.status_code, refused.status_code) == (302, 404)
    assert list(Workflow.objects.exclude(pk=scene.workflow.pk).values_list("department", flat=True)) == [second.pk]
