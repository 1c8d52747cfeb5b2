"""A template from the gallery to a workflow of one's own, in a real browser, by mouse and by keyboard."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from departments.models import Role, User
from tests.factories import make_department, make_member, make_model, make_user, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Workflow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


@pytest.fixture
def builder(scene: Scene) -> User:
    return make_user("Clara Vogel", scene.department, Role.BUILDER)


def test_home_leads_to_three_templates_of_the_department(builder: User, page: Page, sign_in, seen):
    sign_in(builder)

    page.goto("/")
    region = page.get_by_role("region", name="Build a workflow")
    expect(region.get_by_role("listitem").first).to_contain_text("New workflow")
    expect(region.get_by_role("listitem")).to_have_count(4)
    seen("home-templates")
    region.get_by_role("link", name="All templates").click()

    expect(page.get_by_role("heading", level=1, name="Templates")).to_be_visible()


def test_the_gallery_is_searched_while_typing_and_by_department(builder: User, page: Page, sign_in, seen):
    sign_in(builder)

    page.goto("/templates/")
    cards = page.locator("#templates").get_by_role("heading", level=2)
    expect(cards).to_have_count(9)
    seen("templates")
    page.get_by_label("Department").select_option("legal")
    expect(cards).to_have_count(3)
    page.get_by_role("searchbox").fill("register")
    expect(cards).to_have_text(["NDA desk", "Vendor and AI tool intake"])
    assert "department=legal" in page.url
    page.get_by_role("searchbox").fill("zebra")

    expect(page.get_by_role("heading", name="No template speaks of “zebra”")).to_be_visible()
    seen("templates-none")


def test_a_template_is_read_set_up_and_copied(builder: User, scene: Scene, page: Page, sign_in, seen):
    make_model(name="usual-1", title="House model", is_default=True)
    make_model(name="large-1", title="Large model")
    sign_in(builder)

    page.goto("/templates/")
    page.get_by_role("link", name="Campaign brief into a channel pack").click()
    expect(page.get_by_role("heading", name="Legal clears the risky claims")).to_be_visible()
    expect(page.get_by_text("Its step runs as a rehearsal")).to_be_visible()
    seen("template")
    page.get_by_label("Name").fill("Spring campaign")
    page.get_by_label("Legal clears the risky claims").select_option(scene.approver.email)
    page.get_by_label("AI model").select_option("large-1")
    page.get_by_role("button", name="Copy the template").click()

    expect(page.get_by_text("“Spring campaign” is yours.")).to_be_visible()
    expect(page.get_by_text("Legal clears the risky claims").first).to_be_visible()
    workflow = Workflow.objects.get(name="Spring campaign")
    assert page.url.endswith(f"/workflows/{workflow.pk}/build/")
    assert scene.approver.email in str(workflow.draft)
    assert "large-1" in str(workflow.draft)


def test_a_name_that_is_taken_is_kept_and_a_free_one_named(builder: User, scene: Scene, page: Page, sign_in, seen):
    page.expected = ("422",)
    make_workflow(scene.department, name="Our desk")
    sign_in(builder)

    page.goto("/templates/press-desk/")
    page.get_by_label("Name").fill("Our desk")
    page.get_by_label("A press officer reads and edits").select_option(label="Anyone with the role Manager")
    page.get_by_role("button", name="Copy the template").click()

    expect(page.get_by_text("“Our desk 2” is free.")).to_be_visible()
    expect(page.get_by_label("Name")).to_have_value("Our desk")
    expect(page.get_by_label("A press officer reads and edits")).to_have_value("manager")
    seen("template-taken")


def test_a_template_is_copied_by_keyboard_alone(builder: User, page: Page, sign_in):
    sign_in(builder)

    page.goto("/templates/")
    page.get_by_role("searchbox").focus()
    page.keyboard.type("languages")
    expect(page.locator("#templates").get_by_role("heading", level=2)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Internal announcement in several languages")).to_be_focused()
    page.keyboard.press("Enter")
    name = page.get_by_label("Name")
    expect(name).to_have_value("Internal announcement in several languages")
    name.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Canteen news")
    page.keyboard.press("Enter")

    expect(page.get_by_text("“Canteen news” is yours.")).to_be_visible()
    assert Workflow.objects.filter(name="Canteen news", template="announcement").count() == 1


def test_another_department_brings_its_people_and_keeps_what_was_typed(builder: User, page: Page, sign_in, seen):
    sales = make_department("Sales")
    make_member(builder, sales, Role.MANAGER)
    seller = make_user("Sven Lund", sales, Role.APPROVER)
    sign_in(builder)

    page.goto("/templates/localisation/")
    page.get_by_label("Name").fill("Nordic markets")
    page.get_by_label("Department").select_option(label="Sales")
    who = page.get_by_label("A reviewer of the market puts it right")
    expect(who.get_by_role("option", name="Sven Lund")).to_have_count(1)
    expect(page.get_by_label("Name")).to_have_value("Nordic markets")
    seen("template-departments")
    who.select_option(seller.email)
    page.get_by_role("button", name="Copy the template").click()

    expect(page.get_by_text("“Nordic markets” is yours.")).to_be_visible()
    assert Workflow.objects.get(name="Nordic markets").department == sales


def test_somebody_who_may_only_look_is_told_so(scene: Scene, page: Page, sign_in, seen):
    sign_in(scene.viewer)

    page.goto("/templates/nda-desk/")

    expect(page.get_by_text("Your role lets you look at templates")).to_be_visible()
    expect(page.get_by_role("button", name="Copy the template")).to_have_count(0)
    seen("template-read")
