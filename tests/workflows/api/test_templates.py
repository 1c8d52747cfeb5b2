"""Templates: list, read, and copy."""

from __future__ import annotations

from typing import Any

import pytest

from departments.models import Role
from tests.factories import make_model, make_user
from tests.workflows.api.program import Program, assert_problem
from workflows.gallery.catalogue import templates
from workflows.models import StoredFile, Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def test_all_templates_are_listed_and_read_alike(program: Program) -> None:
    listed = program.get("templates").json()

    assert [each["slug"] for each in listed["results"]] == list(templates())
    assert (listed["next"], listed["previous"]) == (None, None)
    for each in listed["results"]:
        assert program.get(f"templates/{each['slug']}").json() == each
    assert_problem(program.get("templates/nothing"), 404)


def test_a_template_says_who_decides_and_what_is_only_rehearsed(program: Program) -> None:
    told = program.get("templates/nda-desk").json()

    assert told["deciders"] == [
        {"step": "paralegal", "title": "A paralegal waves it through", "role": "operator"},
        {"step": "lawyer", "title": "A lawyer checks the proposed wording", "role": "approver"},
    ]
    assert told["rehearsed"] == ["Signing service", "E-mail", "Contract store"]
    assert (told["department"], told["minutes"], told["asks_a_model"]) == ("legal", 75, True)


@pytest.mark.parametrize("slug", list(templates()))
def test_a_copy_has_no_problem_and_is_published_as_it_is(program: Program, slug: str) -> None:
    made = program.post(f"templates/{slug}/copy").json()

    assert made["name"] == templates()[slug].name
    draft = program.get(f"workflows/{made['id']}/draft").json()
    assert draft["problems"] == []
    assert draft["definition"] == program.get(f"templates/{slug}").json()["definition"]
    assert program.post(f"workflows/{made['id']}/publish", {"note": "As it came"}).status_code == 201


def test_a_copy_takes_the_name_the_model_and_the_people_that_were_chosen(program: Program) -> None:
    make_model(name="large-1")
    lawyer = make_user("Ida Falk", program.department, Role.APPROVER)
    body = {"name": "NDA Hamburg", "model": "large-1", "deciders": {"lawyer": lawyer.email, "paralegal": "manager"}}

    answer = program.post("templates/nda-desk/copy", body)

    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/workflows/{answer.json()['id']}"
    workflow = Workflow.objects.get(pk=answer.json()["id"])
    assert (workflow.name, workflow.template, workflow.live_id) == ("NDA Hamburg", "nda-desk", None)
    assert workflow.sample["nda"]["file"] == str(StoredFile.objects.get(name="harbour-nda.md").pk)
    assert '"large-1"' in str(workflow.draft).replace("'", '"')


def test_a_name_left_out_is_numbered_and_a_name_sent_that_is_taken_is_409(program: Program) -> None:
    first = program.post("templates/press-desk/copy").json()

    again = program.post("templates/press-desk/copy").json()
    taken = program.post("templates/press-desk/copy", {"name": first["name"]})

    assert (first["name"], again["name"]) == ("Press inquiry desk", "Press inquiry desk 2")
    assert_problem(taken, 409)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"model": "nothing-1"}, "model"),
        ({"deciders": {"nobody": "approver"}}, "deciders.nobody"),
        ({"deciders": {"lawyer": "viewer"}}, "deciders.lawyer"),
        ({"deciders": {"lawyer": "stranger@tandem.example"}}, "deciders.lawyer"),
        ({"who": "me"}, "who"),
    ],
)
def test_what_cannot_be_chosen_is_named_and_nothing_is_made(program: Program, body: dict[str, Any], place: str) -> None:
    said = assert_problem(program.post("templates/nda-desk/copy", body), 400)

    assert list(said["errors"]) == [place]
    assert Workflow.objects.count() == StoredFile.objects.count() == 0


def test_the_same_key_copies_once(program: Program) -> None:
    first = program.post("templates/press-desk/copy", idempotency_key="k1").json()

    again = program.post("templates/press-desk/copy", idempotency_key="k1").json()

    assert first == again
    assert Workflow.objects.count() == 1


def test_a_template_that_does_not_exist_cannot_be_copied(program: Program) -> None:
    assert_problem(program.post("templates/nothing/copy"), 404)
