"""The link in a mail: who may use it, what it shows, and that looking at it decides nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.core.signing import Signer
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit.models import Entry
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role, User
from departments.services import change_deciding_by_mail, deactivate_user, remove_member
from tests.factories import make_group, make_user
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Assignee, Decision, Look, Task, TaskKind, TaskStatus
from workflows.services import mail_links
from workflows.services.handing_over import delegate_task
from workflows.services.tasks import decide_task, may_decide
from workflows.services.telling import Told

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    return scenes.a_department()


@pytest.fixture
def task(scene: Scene) -> Task:
    return scenes.a_task(scene)


@pytest.fixture
def link(scene: Scene, task: Task) -> str:
    return link_of(task, scene.approver)


def link_of(task: Task, person: User, expires: datetime | None = None) -> str:
    told = Told(person, Assignee.objects.filter(task=task, until=None).latest("id"))
    token = mail_links.link_for(task, told, expires or mail_links.expiry(task, timezone.now()))
    return reverse("decide_by_mail", args=[token])


def signed_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def without_sign_in(scene: Scene) -> None:
    change_deciding_by_mail(scene.department, without_sign_in=True, actor=SYSTEM)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of ours, to see that none has changed."""
    ours = [
        model for label in ("workflows", "departments", "audit") for model in apps.get_app_config(label).get_models()
    ]
    return {model.__name__: list(model._base_manager.order_by("pk").values()) for model in ours}


def approve(client: Client, link: str, **more: Any) -> Any:
    with silent_broker():
        return client.post(link, {"decision": "approve", **more})


# ── looking decides nothing ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_shows_what_is_decided_and_only_the_button_decides(scene: Scene, task: Task, link: str) -> None:
    client = signed_in(scene.approver)

    shown = client.get(link)
    body = shown.content.decode()

    assert shown.status_code == 200
    assert "May this pack go out?" in body
    assert "Round-Up rounds every card payment up." in body
    assert "Approve as it is" in body
    assert f'href="{reverse("task", args=[task.pk])}"' in body
    assert "no-store" in shown["Cache-Control"]
    assert (Decision.objects.count(), list(Look.objects.values_list("person", flat=True))) == (0, [scene.approver.pk])

    assert approve(client, link, sha256=shown.context["sha256"]).status_code == 302
    voice = Decision.objects.get()
    assert (voice.via, voice.by_label, voice.seen_sha256) == ("mail", "Astrid Berg", shown.context["sha256"])
    assert "You have approved this." in client.get(link).content.decode()
    assert Entry.objects.shown().filter(verb="task.decided").count() == 1


@pytest.mark.parametrize("is_enough", [False, True])
@pytest.mark.parametrize("method", ["get", "head"])
def test_a_scanner_that_follows_the_link_changes_no_row(scene: Scene, link: str, method: str, is_enough: bool) -> None:
    if is_enough:
        without_sign_in(scene)
    before = everything()

    answers = [
        getattr(Client(), method)(link),
        getattr(Client(), method)(link, headers={"Sec-Purpose": "prefetch;prerender"}),
        getattr(Client(), method)(f"{link}?decision=approve"),
    ]

    assert [answer.status_code for answer in answers] == [200 if is_enough else 302] * 3
    assert everything() == before


def test_what_a_colleague_has_taken_shows_who_and_no_button(scene: Scene, task: Task, link: str) -> None:
    colleague = make_user("Bo Falk", scene.department, Role.APPROVER)
    Task.objects.update(claimed_by=colleague)

    body = signed_in(scene.approver).get(link).content.decode()
    own = signed_in(colleague).get(link_of(task, colleague)).content.decode()

    assert "Bo Falk has taken this task. Ask them to decide it or to give it back." in body
    assert 'name="decision"' not in body
    assert 'name="decision"' in own


def test_what_the_browser_fetches_ahead_is_no_look(scene: Scene, link: str) -> None:
    client, before = signed_in(scene.approver), everything()

    client.head(link)
    client.get(link, headers={"Sec-Purpose": "prefetch"})

    assert {**everything(), "User": before["User"]} == before


def test_other_methods_are_refused(scene: Scene, link: str) -> None:
    client = signed_in(scene.approver)

    assert [client.put(link).status_code, client.delete(link).status_code] == [405, 405]


def test_a_decision_without_the_sign_of_our_own_form_is_refused(scene: Scene, link: str) -> None:
    without_sign_in(scene)

    for client in (signed_in(scene.approver, enforce_csrf_checks=True), Client(enforce_csrf_checks=True)):
        assert approve(client, link).status_code == 403
    assert not Decision.objects.exists()


# ── who ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_not_signed_in_signs_in_and_comes_back(link: str) -> None:
    for answer in (Client().get(link), Client().post(link, {"decision": "approve"})):
        assert answer.status_code == 302
        assert answer.url == f"{reverse('account_login')}?next={link}"
    assert not Decision.objects.exists()


@pytest.mark.parametrize("is_enough", [False, True])
def test_somebody_else_to_whom_the_mail_was_passed_on_learns_nothing(
    scene: Scene, task: Task, link: str, is_enough: bool
) -> None:
    if is_enough:
        without_sign_in(scene)
    also = make_user("Also asked", scene.department, Role.APPROVER)

    for other in (also, scene.builder, scene.stranger):
        for answer in (signed_in(other).get(link), approve(signed_in(other), link)):
            assert answer.status_code == 404
            assert task.question not in answer.content.decode()
            assert "There is nothing here for you" in answer.content.decode()
    assert not Decision.objects.exists()


def test_a_department_may_let_the_link_be_enough_once(scene: Scene, task: Task, link: str) -> None:
    without_sign_in(scene)
    client = Client()

    assert "Approve as it is" in client.get(link).content.decode()
    assert approve(client, link).status_code == 302
    again = approve(client, link)

    voice = Decision.objects.get()
    assert (voice.person, voice.via) == (scene.approver, "mail")
    assert (again.status_code, "You have approved this." in again.content.decode()) == (409, True)
    assert not Look.objects.exists()


def test_the_switch_on_the_page_of_the_department_holds_at_once_for_links_that_were_sent_before(
    scene: Scene, task: Task, link: str
) -> None:
    manager = signed_in(make_user("Mona Lund", scene.department, Role.MANAGER))
    address = reverse("department_by_mail", args=[scene.department.slug])
    other = link_of(scenes.a_task(scene), scene.approver)
    before, stranger = everything(), Client()

    for method in (stranger.get, stranger.head):
        assert method(link).url == f"{reverse('account_login')}?next={link}"
    assert approve(stranger, link).status_code == 302
    assert everything() == before, "before, the link alone decides nothing"
    manager.post(address, {"without_sign_in": "on"})
    assert "Approve as it is" in stranger.get(link).text
    assert not Decision.objects.exists()
    assert approve(stranger, link).status_code == 302
    manager.post(address, {})
    assert stranger.get(other).url == f"{reverse('account_login')}?next={other}"
    assert approve(stranger, other).status_code == 302

    assert [(voice.task, voice.person) for voice in Decision.objects.all()] == [(task, scene.approver)]


def test_without_signing_in_one_rejects_with_a_reason_and_does_nothing_else(
    scene: Scene, task: Task, link: str
) -> None:
    without_sign_in(scene)
    client = Client()

    for decision in ("send_back", "answer", "again", ""):
        assert approve(client, link, decision=decision, reason="No.").status_code == 422
    assert client.post(link, {"decision": "reject", "reason": " "}).status_code == 422
    assert not Decision.objects.exists()
    with silent_broker():
        client.post(link, {"decision": "reject", "reason": "Not before Monday."})

    task.refresh_from_db()
    assert (task.status, task.answer["decision"], task.answer["reason"]) == (  # type: ignore[index]
        TaskStatus.DECIDED,
        "reject",
        "Not before Monday.",
    )


@pytest.mark.parametrize("is_enough", [False, True])
def test_who_may_no_longer_sign_in_decides_nothing(scene: Scene, link: str, is_enough: bool) -> None:
    if is_enough:
        without_sign_in(scene)
    client = signed_in(scene.approver)
    deactivate_user(scene.approver, actor=SYSTEM)

    for each in (client, Client()):
        assert each.get(link).status_code == 302
        assert approve(each, link).status_code == 302
    assert not Decision.objects.exists()


@pytest.mark.parametrize("is_enough", [False, True])
@pytest.mark.parametrize("is_named", [False, True])
def test_who_has_left_the_department_decides_nothing(scene: Scene, is_enough: bool, is_named: bool) -> None:
    task = scenes.a_task(scene, person=scene.approver if is_named else None)
    link = link_of(task, scene.approver)
    if is_enough:
        without_sign_in(scene)
    remove_member(scene.approver.memberships.get(), actor=SYSTEM)
    client = Client() if is_enough else signed_in(scene.approver)

    assert (client.get(link).status_code, approve(client, link).status_code) == (404, 404)
    assert not may_decide(task, actor_for_user(scene.approver))
    assert not Decision.objects.exists()


def test_who_has_lost_the_asked_role_is_told_for_whom_it_is(scene: Scene, task: Task, link: str) -> None:
    scene.approver.memberships.update(role=Role.VIEWER)
    client = signed_in(scene.approver)

    shown, refused = client.get(link), approve(client, link)

    assert "This question is not for you any more." in shown.content.decode()
    assert (refused.status_code, Decision.objects.count()) == (409, 0)


# ── the link itself ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_that_was_altered_at_any_place_is_no_link(scene: Scene, link: str) -> None:
    token, client = link.split("/")[2], signed_in(scene.approver)

    for place, sign in enumerate(token):
        other = "A" if sign != "A" else "B"
        assert mail_links.read(token[:place] + other + token[place + 1 :]) is None, place
        assert mail_links.read(token[:place]) is None
        assert mail_links.read(token[:place] + token[place + 1 :]) is None or sign == token[place + 1], place
    assert client.get(link[:-2] + "/").status_code == 404
    assert mail_links.read(token.swapcase()) is None
    assert mail_links.read(token + "=") is None


def test_a_link_signed_for_something_else_is_no_link(scene: Scene, task: Task) -> None:
    given = [task.pk.hex, 0, scene.approver.pk.hex, task.assignees.get().pk, 4_000_000_000]

    for signer in (Signer(salt="other", sep="."), Signer(sep="."), Signer(salt=mail_links.SALT, key="x", sep=".")):
        assert mail_links.read(signer.sign_object(given)) is None
    assert mail_links.read(Signer(salt=mail_links.SALT, sep=".").sign_object(["too", "short"])) is None


def test_a_link_is_short_and_tells_nothing_but_ids(link: str) -> None:
    assert len(link) < 220


def test_a_link_ends_with_the_time_to_decide_and_after_two_weeks_at_the_latest(task: Task) -> None:
    now = timezone.now()

    for due, expires in (
        (3, now + timedelta(hours=3)),
        (2_000, now + timedelta(days=14)),
        (-1, now + timedelta(days=14)),
    ):
        task.due_at = now + timedelta(hours=due)
        assert mail_links.expiry(task, now) == expires
    task.due_at = None
    assert mail_links.expiry(task, now) == now + timedelta(days=14)


@pytest.mark.parametrize("is_enough", [False, True])
def test_an_expired_link_leads_to_the_task(scene: Scene, task: Task, is_enough: bool) -> None:
    if is_enough:
        without_sign_in(scene)
    link = link_of(task, scene.approver, timezone.now() - timedelta(seconds=1))
    client = Client() if is_enough else signed_in(scene.approver)

    shown, refused = client.get(link), approve(client, link)

    assert (shown.status_code, "The time of this link is over" in shown.content.decode()) == (410, True)
    assert reverse("task", args=[task.pk]) in shown.content.decode()
    assert (refused.status_code, Decision.objects.count(), Look.objects.count()) == (410, 0, 0)


def test_a_link_to_what_others_have_decided_says_what_and_by_whom(scene: Scene, task: Task, link: str) -> None:
    with silent_broker():
        decide_task(
            task, actor=actor_for_user(manager(scene)), decision="reject", reason="The claim about savings is wrong."
        )
    client = signed_in(scene.approver)

    for answer, status in ((client.get(link), 200), (approve(client, link), 409)):
        assert answer.status_code == status
        assert "Mona has rejected this already." in answer.content.decode()
        assert "The claim about savings is wrong." in answer.content.decode()
    assert Decision.objects.count() == 1


def test_a_link_of_an_earlier_stage_decides_nothing_in_a_later_one(scene: Scene) -> None:
    mona = manager(scene)
    stages = [{"people": [str(person.pk)], "group": "", "role": "", "needs": 1} for person in (scene.approver, mona)]
    task = scenes.a_task(scene, stages=stages, person=scene.approver)
    first, later = link_of(task, scene.approver), link_of(task, mona)
    approve(signed_in(scene.approver), first)

    again, too_early = approve(signed_in(scene.approver), first), approve(signed_in(mona), later)

    assert "You have approved this already; it waits for others." in again.content.decode()
    assert "This question has gone on meanwhile. It is for Mona now." in too_early.content.decode()
    assert (again.status_code, too_early.status_code, Decision.objects.count()) == (409, 409, 1)


def test_the_link_of_whoever_handed_the_task_over_is_over(scene: Scene) -> None:
    task, ben = scenes.a_task(scene, person=scene.approver), make_user("Ben", scene.department, Role.APPROVER)
    link = link_of(task, scene.approver)
    delegate_task(task, to=ben, reason="You know them.", actor=actor_for_user(scene.approver))

    refused = approve(signed_in(scene.approver), link)

    assert (refused.status_code, "It is for Ben now." in refused.content.decode()) == (409, True)
    assert approve(signed_in(ben), link_of(task, ben)).status_code == 302


def test_what_colleagues_have_taken_is_theirs_to_decide(scene: Scene, task: Task, link: str) -> None:
    Task.objects.update(claimed_by=manager(scene))

    refused = approve(signed_in(scene.approver), link)

    assert (refused.status_code, "Mona has taken this task." in refused.content.decode()) == (409, True)


@pytest.mark.parametrize("kind", [TaskKind.FORM, TaskKind.CHOOSE, TaskKind.RESOLVE])
def test_what_takes_more_than_yes_or_no_leads_to_the_page_of_the_task(scene: Scene, kind: str) -> None:
    task = scenes.a_task(scene, kind=kind, form={"type": "object", "properties": {}}, options=["One", "Two"])
    client, link = signed_in(scene.approver), link_of(task, scene.approver)

    shown = client.get(link).content.decode()

    assert "<form" not in shown
    assert "This takes more than a yes or no." in shown
    assert approve(client, link).status_code == 422


# ── what leaves ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db(transaction=True)
def test_what_will_be_sent_is_shown_to_the_letter_and_nothing_else_is_approved(scene: Scene) -> None:
    send = {
        "id": "send",
        "kind": "connector.planned",
        "with": {
            "system": "Newsletter",
            "does": "send it",
            "to": "all@example.org",
            "message": "<b>{{ steps.ask.text }}",
        },
    }
    asks = {"question": "May it go?", "draft": "We are glad.", "sends": "send"}
    steps = [{"id": "ask", "kind": "people.review", "with": asks}, send]
    run = carried(run_of(published(steps, scene.department)))
    task, client = run.tasks.get(), signed_in(scene.approver)
    link = link_of(task, scene.approver)

    shown = client.get(link)
    assert "&lt;b&gt;We are glad." in shown.content.decode()
    assert "all@example.org" in shown.content.decode()
    assert "Approve and send" in shown.content.decode()
    stale = approve(client, link, sha256="0" * 64)
    assert (stale.status_code, "has changed since you looked at it" in stale.content.decode()) == (409, True)
    approve(client, link, sha256=shown.context["sha256"])

    assert carried(run).status == "succeeded"


# ── the setting ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_managers_let_the_link_be_enough_and_the_ledger_knows(scene: Scene) -> None:
    with pytest.raises(PermissionDenied), transaction.atomic():
        change_deciding_by_mail(scene.department, without_sign_in=True, actor=actor_for_user(scene.builder))
    change_deciding_by_mail(scene.department, without_sign_in=True, actor=actor_for_user(manager(scene)))
    change_deciding_by_mail(scene.department, without_sign_in=True, actor=actor_for_user(manager(scene)))

    assert Department.objects.get(pk=scene.department.pk).decides_by_mail_without_sign_in
    entry = Entry.objects.shown().get(verb="department.deciding_by_mail_changed")
    assert (entry.actor_label, entry.detail) == ("Mona", {"without_sign_in": True})


def manager(scene: Scene) -> User:
    return User.objects.filter(name="Mona").first() or make_user("Mona", scene.department, Role.MANAGER)


def test_members_of_a_group_decide_by_their_own_links(scene: Scene) -> None:
    make_group(scene.department, scene.viewer, name="Press")
    stages = [{"people": [], "group": "press", "role": "", "needs": 1}]
    task = scenes.a_task(scene, stages=stages)

    assert approve(signed_in(scene.viewer), link_of(task, scene.viewer)).status_code == 302
