"""The gallery, the preview of a template, and the guided set-up of its copy."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from departments.models import Role
from tests.factories import make_department, make_member, make_model, make_user, make_workflow
from tests.workflows.pages.scenes import Scene
from workflows.gallery.catalogue import templates
from workflows.models import Workflow
from workflows.pages.gallery import spent

pytestmark = pytest.mark.django_db

SLUGS = list(templates())
COPY = {
    "department": "marketing",
    "name": "Spring campaign",
    "who-completion": "operator",
    "who-edit": "approver",
    "who-legal": "approver",
}


@pytest.fixture
def builder(scene: Scene):
    return make_user("Clara Vogel", scene.department, Role.BUILDER)


def shown(answer) -> list[str]:
    """Slugs of the templates on the page, in order."""
    text = answer.content.decode()
    found = [slug for slug in SLUGS if f'href="{reverse("template", args=[slug])}"' in text]
    return sorted(found, key=text.index)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, SLUGS),
        ({"q": "nda"}, ["nda-desk"]),
        ({"q": "quotation analyst"}, ["media-report"]),
        ({"q": "MARKET", "department": "legal"}, ["claims-clearance"]),
        ({"department": "communications"}, ["announcement", "media-report", "press-desk"]),
        ({"q": "content system"}, ["channel-pack", "localisation"]),
        ({"q": "zebra"}, []),
        ({"department": "zebra"}, []),
    ],
)
def test_the_gallery_is_searched_by_words_and_department(signed_in, scene: Scene, query, expected):
    answer = signed_in(scene.viewer).get(reverse("templates"), query)

    assert sorted(shown(answer)) == sorted(expected)


def test_typing_brings_the_list_alone(signed_in, scene: Scene):
    answer = signed_in(scene.viewer).get(reverse("templates"), {"q": "nda"}, headers={"HX-Request": "true"})

    assert answer.content.decode().startswith('<section id="templates"')


@pytest.mark.parametrize("slug", SLUGS)
def test_a_preview_reads_as_a_column_and_says_what_it_needs(signed_in, builder, slug: str):
    template = templates()[slug]

    text = signed_in(builder).get(reverse("template", args=[slug])).content.decode()

    assert all(f"<h3>{node.title}</h3>" in text for node in template.definition.steps if "'" not in node.title)
    assert "run as a rehearsal" in text or "runs as a rehearsal" in text
    assert all(name in text for name in template.systems)


def test_an_unknown_template_is_not_there(signed_in, builder):
    client = signed_in(builder)

    assert client.get(reverse("template", args=["nothing"])).status_code == 404
    assert client.post(reverse("copy_template", args=["nothing"]), COPY).status_code == 404


def test_it_asks_only_what_the_template_needs(signed_in, builder):
    make_model(name="usual-1", is_default=True)

    setup = signed_in(builder).get(reverse("template", args=["channel-pack"])).context["setup"]

    assert [field.name for field in setup.form.fields] == ["name", "who-completion", "who-edit", "who-legal"]
    assert (setup.name.value, setup.usual.name) == ("Campaign brief into a channel pack", "usual-1")
    assert [field.value for field in setup.people] == ["operator", "approver", "approver"]


def test_of_several_models_one_may_be_chosen(signed_in, builder, scene: Scene):
    make_model(name="usual-1", is_default=True)
    make_model(name="large-1")
    client = signed_in(builder)

    asked = client.get(reverse("template", args=["channel-pack"])).context["setup"].model
    client.post(reverse("copy_template", args=["channel-pack"]), {**COPY, "model": "large-1"})

    assert [choice.value for choice in asked.choices] == ["(usual)", "large-1"]
    workflow = Workflow.objects.get(name="Spring campaign")
    assert workflow.draft["steps"][0]["with"]["model"] == "large-1"


def test_a_copy_is_made_and_leads_to_where_it_is_built(signed_in, builder, scene: Scene):
    who = {"who-legal": scene.approver.email}

    answer = signed_in(builder).post(reverse("copy_template", args=["channel-pack"]), {**COPY, **who})

    workflow = Workflow.objects.get(name="Spring campaign")
    assert answer.url == reverse("build", args=[workflow.pk])
    assert scene.approver.email in str(workflow.draft)
    assert [str(said) for said in get_messages(answer.wsgi_request)] == [
        "“Spring campaign” is yours. Look through it, then publish it."
    ]


def test_a_taken_name_comes_back_with_one_that_is_free(signed_in, builder, scene: Scene):
    make_workflow(scene.department, name="Spring campaign")

    answer = signed_in(builder).post(reverse("copy_template", args=["channel-pack"]), {**COPY, "who-edit": "manager"})

    setup = answer.context["setup"]
    assert answer.status_code == 422
    assert setup.name.value == "Spring campaign"
    assert setup.name.error.endswith("“Spring campaign 2” is free.")
    assert next(field.value for field in setup.people if field.name == "who-edit") == "manager"
    assert Workflow.objects.filter(template="channel-pack").count() == 0


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"name": " "}, "name"), ({"who-edit": ""}, "who-edit"), ({"who-edit": "x@y.example"}, "who-edit")],
)
def test_what_was_not_answered_well_is_said_at_its_question(signed_in, builder, changed, field):
    answer = signed_in(builder).post(reverse("copy_template", args=["channel-pack"]), {**COPY, **changed})

    wrong = [asked.name for asked in answer.context["setup"].form.fields if asked.error]
    assert (answer.status_code, wrong) == (422, [field])


def test_another_department_has_its_own_people_and_what_was_typed_stays(signed_in, builder):
    other = make_department("Sales")
    make_member(builder, other, Role.MANAGER)
    seller = make_user("Sven Lund", other, Role.APPROVER)
    client = signed_in(builder)
    address = reverse("template", args=["channel-pack"])

    first = client.get(address).context["setup"]
    moved = client.get(address, {**COPY, "department": "sales"}, headers={"HX-Request": "true"})

    assert [one.slug for one in first.departments] == ["marketing", "sales"]
    assert first.department.slug == "marketing"
    assert moved.context["setup"].department == other
    assert moved.context["setup"].name.value == "Spring campaign"
    assert seller.email in moved.content.decode()


def test_somebody_who_may_only_look_sees_the_template_and_no_form(signed_in, scene: Scene):
    text = signed_in(scene.viewer).get(reverse("template", args=["press-desk"])).content.decode()

    assert "Your role lets you look at templates" in text
    assert "Its step runs as a rehearsal" in text
    assert reverse("copy_template", args=["press-desk"]) not in text


@pytest.mark.parametrize(
    ("departments", "first"),
    [
        (["Legal"], {"legal"}),
        (["Communications"], {"communications"}),
        (["Marketing", "Legal"], {"marketing", "legal"}),
        (["Finance"], {"marketing", "legal", "communications"}),
    ],
)
def test_home_suggests_three_of_ones_own_department(signed_in, departments, first):
    builder = make_user("Clara Vogel")
    for name in departments:
        make_member(builder, make_department(name), Role.BUILDER)

    found = signed_in(builder).get("/").context["templates"]

    assert len(found) == 3
    assert {one.template.department_slug for one in found} == first


def test_home_leads_an_administrator_without_a_department_to_the_administration(signed_in, scene: Scene):
    page = signed_in(make_user("Robin Castell", is_superuser=True, is_staff=True)).get(reverse("home")).text

    assert "You are in no department" in page
    assert "Ask an administrator" not in page


def test_home_suggests_nothing_to_somebody_who_may_not_build(signed_in, scene: Scene):
    client = signed_in(scene.operator)

    assert client.get("/").context["templates"] == []


@pytest.mark.parametrize(("minutes", "said"), [(45, "45 min"), (60, "1 h"), (75, "1 h 15 min"), (240, "4 h")])
def test_time_is_told_in_hours_and_minutes(minutes: int, said: str):
    assert spent(minutes) == said


def test_a_strange_search_finds_nothing_and_harms_nothing(signed_in, scene: Scene):
    answer = signed_in(scene.viewer).get(reverse("templates"), {"q": "<script>alert(1)</script>\x00"})

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.content.decode()
    assert "<script>alert(1)" not in answer.content.decode()


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "‮desk", "🦄" * 60, "x" * 120])
def test_hostile_names_show_as_text_and_are_never_lost(signed_in, builder, scene: Scene, name: str):
    make_user(name[:80], scene.department, Role.APPROVER)
    client = signed_in(builder)

    text = client.get(reverse("template", args=["press-desk"])).content.decode()
    sent = {"department": "marketing", "name": name}
    again = client.post(reverse("copy_template", args=["press-desk"]), sent)

    assert "<script>alert(1)" not in text + again.content.decode()
    assert again.status_code == 422
    assert again.context["setup"].name.value == name
