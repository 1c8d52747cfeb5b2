"""Manual mode on pages: the banner, the switch, and the way back."""

from __future__ import annotations

import pytest
from django.test import Client

from departments.access import SYSTEM
from departments.models import Role, User
from tests import factories
from tests.workflows.pages.scenes import Scene
from workflows.models import ManualMode, Task
from workflows.services.manual_mode import switch_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(scene: Scene) -> User:
    return factories.make_user("Mona Lund", scene.department, Role.MANAGER)


def test_every_page_of_the_department_says_that_people_do_the_work_and_no_other(scene: Scene, signed_in):
    switch_on(scene.department, reason="The provider is down.", actor=SYSTEM)
    stranger = signed_in(scene.stranger)

    for address in ("/", "/workflows/", f"/workflows/{scene.workflow.pk}/", "/runs/"):
        assert "The provider is down." in signed_in(scene.viewer).get(address).text
        assert "The provider is down." not in stranger.get("/").text


def test_a_manager_switches_a_department_and_a_provider_on_and_off(scene: Scene, signed_in, manager: User):
    factories.make_provider(name="Far away")
    client: Client = signed_in(manager)

    for scope in (str(scene.department.pk), f"provider:{scene.department.pk}:Far away"):
        answer = client.post("/manual/on/", {"scope": scope, "reason": "Down."}, follow=True)
        assert "Manual mode is on." in answer.text
    assert list(ManualMode.objects.order_by("on_at").values_list("provider", "on_by")) == [
        ("", "Mona Lund"),
        ("Far away", "Mona Lund"),
    ]
    for mode in ManualMode.objects.all():
        client.post(f"/manual/{mode.pk}/off/")

    assert not ManualMode.objects.filter(off_at=None).exists()


def test_a_builder_switches_a_workflow_on_but_never_the_department(scene: Scene, signed_in):
    client: Client = signed_in(scene.builder)
    page = client.get(f"/manual/?workflow={scene.workflow.pk}").text
    assert f'value="workflow:{scene.workflow.pk}" selected' in page
    assert f'value="{scene.department.pk}"' not in page

    refused = client.post("/manual/on/", {"scope": str(scene.department.pk), "reason": "Down."})
    done = client.post("/manual/on/", {"scope": f"workflow:{scene.workflow.pk}", "reason": "Down."})

    assert (refused.status_code, done.status_code) == (422, 302)
    assert ManualMode.objects.get().workflow == scene.workflow


def test_a_second_one_for_the_same_is_a_conflict_that_names_the_first(scene: Scene, signed_in, manager: User):
    switch_on(scene.department, reason="Down.", actor=SYSTEM)

    answer = signed_in(manager).post("/manual/on/", {"scope": str(scene.department.pk), "reason": "Again."})

    assert answer.status_code == 409
    assert "Tandem has switched manual mode on" in answer.text


def test_without_a_reason_the_form_comes_back(scene: Scene, signed_in, manager: User):
    answer = signed_in(manager).post("/manual/on/", {"scope": str(scene.department.pk), "reason": " "})

    assert answer.status_code == 422
    assert "This is needed." in answer.text


def test_on_the_page_of_a_workflow_it_is_switched_on_with_a_reason_and_off_with_a_choice(scene: Scene, signed_in):
    client: Client = signed_in(scene.builder)
    address = f"/workflows/{scene.workflow.pk}/"
    assert "Let people do its AI steps" in client.get(address).text
    assert "Let people do its AI steps" not in signed_in(scene.operator).get(address).text

    given = {"scope": f"workflow:{scene.workflow.pk}", "reason": "It writes nonsense.", "at_workflow": "1"}
    on = client.post("/manual/on/", given)
    mode = ManualMode.objects.get()
    step = factories.make_step(factories.make_run(scene.workflow.live), "write", status="waiting")
    factories.make_task(step, kind="resolve", why={"code": "manual_mode", "mode": str(mode.pk)})
    page = client.get(address).text
    off = client.post(f"/manual/{mode.pk}/off/", {"tasks": "back", "at_workflow": "1"}, follow=True)

    assert (on.status_code, on["Location"]) == (302, address)
    assert "1 task waits because of it and nobody has taken it." in page
    assert (off.redirect_chain, "1 task was handed back to the AI." in off.text) == ([(address, 302)], True)
    mode.refresh_from_db()
    assert (mode.off_by, Task.objects.get().answer["decision"]) == ("Britta Falk", "again")


def test_what_becomes_of_the_tasks_is_one_of_two(scene: Scene, signed_in, manager: User):
    mode = switch_on(scene.department, reason="Down.", actor=SYSTEM)

    answer = signed_in(manager).post(f"/manual/{mode.pk}/off/", {"tasks": "gone"})

    mode.refresh_from_db()
    assert (answer.status_code, mode.off_at) == (400, None)


def test_the_page_of_the_department_leads_to_its_switch(scene: Scene, signed_in, manager: User):
    client: Client = signed_in(manager)

    page = client.get(f"/departments/{scene.department.slug}/").text
    switch = client.get(f"/manual/?department={scene.department.pk}").text

    assert f'href="/manual/?department={scene.department.pk}"' in page
    assert f'value="{scene.department.pk}" selected' in switch
