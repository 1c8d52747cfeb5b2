"""Every route asks the four questions: nobody signed in? a stranger? the wrong role? the right one?"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.urls.converters import IntConverter
from django.utils import timezone

from connectors import connections, net
from departments.access import SYSTEM, actor_for_user
from departments.holds import set_hold
from departments.models import User
from departments.tokens import create_token
from tests.connectors.manifests.petshop import described
from tests.deeds import leaves
from tests.factories import (
    make_absence,
    make_budget_question,
    make_group,
    make_manifest,
    make_publish_request,
    make_subscription,
)
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows import urls
from workflows.models import RunStatus, SavedStep, Series, SeriesRow, Workflow
from workflows.runtime import files
from workflows.services import budgets, copies, drafting, mail_links, subscriptions
from workflows.services.manual_mode import switch_off, switch_on
from workflows.services.runs import start_run
from workflows.services.saving import archive_saved, keep_prompt
from workflows.services.sharing import share_with_person
from workflows.services.telling import Told
from workflows.services.triggers import Wanted, set_up

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _in_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here each test is one, so that the page that tries a connection may ask others all the same."""
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)


@dataclass(frozen=True, slots=True)
class Route:
    """How one route is asked for. `thing` makes what its address names; `right` may, `wrong` may not (403)."""

    name: str
    thing: Callable[[Scene], list[object]] = lambda _scene: []
    method: str = "get"
    data: tuple[tuple[str, str], ...] = ()
    right: str = "viewer"
    wrong: str = ""
    answer: int = 200


def _step(scene: Scene) -> list[object]:
    step = scenes.a_step(scenes.a_run(scene), "facts", "ai.extract")
    return [step.run.pk, step.pk]


def _file(scene: Scene) -> list[object]:
    return [files.save(scene.department.pk, "brief.txt", b"hello", "text/plain").pk]


def _workflow(scene: Scene) -> list[object]:
    return [scene.workflow.pk]


def _template(_scene: Scene) -> list[object]:
    return ["localisation"]


def _run(status: str) -> Callable[[Scene], list[object]]:
    return lambda scene: [scenes.a_run(scene, status).pk]


def _failed(scene: Scene) -> list[object]:
    run = scenes.a_run(scene, RunStatus.FAILED, error={"code": "rejected", "message": "No."})
    scenes.a_step(run, "facts", "ai.extract", "failed", error=run.error)
    return [run.pk]


def _connection(scene: Scene) -> list[object]:
    told = connections.Told("Archive", {"address": "https://archive.example"}, {"secret": "unheard-of"})
    return [connections.connect(scene.department, "http", told, actor=SYSTEM).pk]


def _signs_in(scene: Scene) -> list[object]:
    there = {"address": "https://a.example", "authorize_address": "https://a.example/in", "client_id": "tandem"}
    told = connections.Told("Drive", {**there, "signs_in": "oauth_person", "token_address": "https://a.example/t"})
    return [connections.connect(scene.department, "http", told, actor=SYSTEM).pk]


def _service(scene: Scene) -> list[object]:
    return [make_manifest(described("https://shop.example"), scene.department).pk]


def _trigger(scene: Scene) -> list[object]:
    made, _ = set_up(scene.workflow, "time.schedule", Wanted("Mornings"), actor=SYSTEM)
    return [scene.workflow.pk, made.pk]


def _hosted(scene: Scene) -> list[object]:
    """For those with an account; who fills it in needs no role."""
    _made, shown = set_up(scene.workflow, "web.form", Wanted(settings={"who": "signed_in"}), actor=SYSTEM)
    return [shown.path]


def _hook(scene: Scene) -> list[object]:
    made, _ = set_up(scene.workflow, "web.hook", Wanted("Press room"), actor=SYSTEM)
    return [scene.workflow.pk, made.pk]


def _table(scene: Scene) -> list[object]:
    file = files.save(scene.department.pk, "briefs.csv", b"Brief,Tone\r\nSpring,warm\r\n", "")
    return [scene.workflow.pk, file.pk]


def _series(scene: Scene) -> list[object]:
    series = Series.objects.create(
        department=scene.department, workflow=scene.workflow, key="k", title="Briefs", total=2, columns=["Brief"]
    )
    SeriesRow.objects.create(series=series, number=1, values={"Brief": "Spring"})
    SeriesRow.objects.create(series=series, number=2, values={"Brief": "Autumn"}, state="refused", said="No.")
    return [series.pk]


def _subscription(scene: Scene) -> list[object]:
    return [make_subscription(scene.department).pk]


def _delivery(scene: Scene) -> list[object]:
    return [subscriptions.send_test(make_subscription(scene.department), actor=SYSTEM).pk]


def _task(scene: Scene) -> list[object]:
    return [scenes.a_task(scene).pk]


def _taken(scene: Scene) -> list[object]:
    return [scenes.a_task(scene, claimed_by=scene.approver).pk]


def _drafted_step(scene: Scene) -> list[object]:
    return [scene.workflow.pk, "facts"]


def _edited(scene: Scene) -> list[object]:
    drafting.edit_draft(scene.workflow, json.loads(CHANGED[0][1]), actor=actor_for_user(scene.builder))
    return [scene.workflow.pk]


def _test(scene: Scene) -> list[object]:
    return [scene.workflow.pk, scenes.a_run(scene, RunStatus.RUNNING, mode="test").pk]


def _undone(scene: Scene) -> list[object]:
    _edited(scene)
    drafting.undo(scene.workflow, actor=actor_for_user(scene.builder))
    return [scene.workflow.pk]


CHANGED = (("edit", json.dumps({"do": "change", "step": "facts", "field": "title", "value": "Facts"})),)
GOES_ON = (("part", "failing"), ("failing-on_error", "continue"))
PASTED = (("text", "kind: text.compose\nid: letter\nwith: {text: Hello}\n"), ("place", "{}"))


def _saved(scene: Scene) -> list[object]:
    return [keep_prompt(scene.department, "Be kind.", title="Kind", actor=SYSTEM).saved_id]


def _version(scene: Scene) -> list[object]:
    return [*_saved(scene), 1]


def _archived(scene: Scene) -> list[object]:
    saved = SavedStep.objects.get(pk=_saved(scene)[0])
    archive_saved(saved, actor=SYSTEM)
    return [saved.pk]


def _step_to_save(scene: Scene) -> list[object]:
    return [scene.workflow.pk, "facts"]


def _copy(scene: Scene) -> list[object]:
    copies.save_steps(scene.workflow, ["facts"], title="Facts", actor=SYSTEM)
    return [scene.workflow.pk, "facts"]


def _asked_to_publish(scene: Scene) -> list[object]:
    scene.department.second_person_publishes = True
    scene.department.save()
    make_publish_request(scene.workflow)
    return [scene.workflow.pk]


def _first_version(scene: Scene) -> list[object]:
    return [scene.workflow.pk, 1]


def _manual(scene: Scene) -> list[object]:
    return [switch_on(scene.department, workflow=scene.workflow, reason="Down.", actor=SYSTEM).pk]


def _manual_off(scene: Scene) -> list[object]:
    mode = switch_on(scene.department, workflow=scene.workflow, reason="Down.", actor=SYSTEM)
    switch_off(mode, actor=SYSTEM)
    return [mode.pk]


def _mailed(scene: Scene) -> list[object]:
    """The link that was sent to the approver."""
    task = scenes.a_task(scene)
    told = Told(scene.approver, task.assignees.get())
    return [mail_links.link_for(task, told, timezone.now() + timedelta(hours=1))]


def _budget(scene: Scene) -> list[object]:
    return [budgets.set_budget(scene.department, limits={"month_usd": 5}, actor=SYSTEM).pk]


def _stopped(scene: Scene) -> list[object]:
    budget = budgets.set_budget(scene.department, limits={}, actor=SYSTEM)
    budgets.stop_budget(budget, actor=SYSTEM)
    return [budget.pk]


def _asked_owner(scene: Scene) -> list[object]:
    budget = budgets.set_budget(scene.department, limits={"soft_usd": 4, "month_usd": 5}, actor=SYSTEM)
    return [make_budget_question(budget).pk]


FILLED = (("in-brief", "Round-Up"), ("in-forbidden", "guaranteed"), ("in-channels", "E-mail"))


def pattern_of(name: str) -> URLPattern:
    return next(pattern for pattern in urls.urlpatterns if pattern.name == name)


def _absence(scene: Scene) -> list[object]:
    return [make_absence(scene.viewer, date.today(), date.today() + timedelta(days=3)).pk]


def _person(scene: Scene) -> list[object]:
    return [scene.viewer.pk]


def _department(scene: Scene) -> list[object]:
    return [scene.department.slug]


def _token(scene: Scene) -> list[object]:
    return [scene.department.slug, create_token(scene.department, role="viewer", name="Archive", actor=SYSTEM)[0].pk]


def _member(scene: Scene) -> list[object]:
    return [scene.department.slug, scene.operator.pk]


def _held(scene: Scene) -> list[object]:
    hold = set_hold(department=scene.department, reason="A lawsuit", actor=actor_for_user(scene.manager))
    return [scene.department.slug, hold.pk]


def _group(scene: Scene) -> list[object]:
    return [scene.department.slug, make_group(scene.department, scene.viewer).pk]


def _share(scene: Scene) -> list[object]:
    return [scene.workflow.pk, share_with_person(scene.workflow, scene.viewer.email, actor=SYSTEM).pk]


def _lent(scene: Scene) -> list[object]:
    return _share(scene)[:1]


def _lent_run(scene: Scene) -> list[object]:
    workflow = Workflow.objects.get(pk=_share(scene)[0])
    return [start_run(workflow, inputs=dict(scenes.SAMPLE), actor=actor_for_user(scene.viewer)).pk]


WORKED = (("monday-0-from", "09:00"), ("monday-0-to", "12:00"))
TOKEN = (("name", "Archive"), ("role", "operator"), ("days", "30"))
RENEWED = (("days", "30"), ("overlap", "24"))
COPIED = (("department", "marketing"), ("name", "Ours"), ("who-review", "approver"))

ROUTES = [
    Route("home"),
    Route("templates"),
    Route("template", _template),
    Route("copy_template", _template, "post", COPIED, "builder", "operator", 302),
    Route("workflows"),
    Route("workflow", _workflow),
    Route("start", _workflow, "post", FILLED, "operator", "viewer", 302),
    Route("new_workflow", right="builder", wrong="operator"),
    Route("build", _workflow, right="builder", wrong="operator"),
    Route("build_menu", _workflow, right="builder", wrong="operator"),
    Route("build_edit", _workflow, "post", CHANGED, "builder", "operator"),
    Route("build_paste", _workflow, "post", PASTED, "builder", "operator"),
    Route("build_text", _workflow, right="builder", wrong="operator"),
    Route("build_undo", _edited, "post", (), "builder", "operator"),
    Route("build_redo", _undone, "post", (), "builder", "operator"),
    Route("build_news", _edited, data=(("revision", "1"),), right="builder", wrong="operator"),
    Route("build_history", _workflow, right="builder", wrong="operator"),
    Route("build_drill", _workflow, right="builder", wrong="operator"),
    Route("build_start", _workflow, right="builder", wrong="operator"),
    Route("build_result", _workflow, right="builder", wrong="operator"),
    Route("build_step", _drafted_step, right="builder", wrong="operator"),
    Route("build_settings", _drafted_step, "post", GOES_ON, "builder", "operator"),
    Route("build_form", _drafted_step, right="builder", wrong="operator"),
    Route("build_data", _drafted_step, right="builder", wrong="operator"),
    Route("build_preview", _drafted_step, "post", (("text", "{{ inputs.brief }}"),), "builder", "operator"),
    Route("build_result_data", _workflow, right="builder", wrong="operator"),
    Route("build_result_preview", _workflow, "post", (("text", "{{ inputs.brief }}"),), "builder", "operator"),
    Route("build_test", _workflow, right="builder", wrong="operator"),
    Route("build_test_run", _test, right="builder", wrong="operator"),
    Route("build_test_stop", _test, "post", (), "builder", "operator"),
    Route("build_sample", _drafted_step, right="builder", wrong="operator"),
    Route("publish", _workflow, right="builder", wrong="operator"),
    Route("decide_publishing", _asked_to_publish, "post", (("decision", "approve"),), "approver", "operator", 302),
    Route("versions", _workflow),
    Route("compare", _workflow),
    Route("restore", _first_version, "post", (), "builder", "operator", 302),
    Route("export", _workflow),
    Route("import_workflow", right="builder", wrong="operator"),
    Route("step_saved", _copy, "post", (("deed", "detach"),), "builder", "operator"),
    Route("step_keep", _step_to_save, right="builder", wrong="operator"),
    Route("step_version", _copy, right="builder", wrong="operator"),
    Route("step_difference", _copy, right="builder", wrong="operator"),
    Route("step_prompt", _step_to_save, right="builder", wrong="operator"),
    Route("step_prompt_keep", _step_to_save, right="builder", wrong="operator"),
    Route("library"),
    Route("prompt_new", right="builder", wrong="operator"),
    Route("saved", _saved),
    Route("saved_version", _version),
    Route("saved_describe", _saved, "post", (("title", "Kinder"),), "builder", "operator", 302),
    Route("saved_rewrite", _saved, "post", (("text", "Be kinder."),), "builder", "operator", 302),
    Route("saved_update", _saved, "post", (), "builder", "operator", 302),
    Route("saved_archive", _saved, "post", (), "builder", "operator", 302),
    Route("saved_bring_back", _archived, "post", (), "builder", "operator", 302),
    Route("runs"),
    Route("run", _run(RunStatus.SUCCEEDED)),
    Route("record", _run(RunStatus.SUCCEEDED)),
    Route("record_pdf", _run(RunStatus.SUCCEEDED)),
    Route("run_ledger", _run(RunStatus.SUCCEEDED)),
    Route("run_steps", _run(RunStatus.RUNNING)),
    Route("run_step", _step),
    Route("cancel", _run(RunStatus.RUNNING), "post", (), "operator", "viewer", 302),
    Route("run_erase", _failed, "post", (("reason", "Withdrawn"),), "manager", "operator", 302),
    Route("retry", _failed, "post", (), "operator", "viewer", 302),
    Route("resume", _failed, "post", (), "operator", "viewer", 302),
    Route("tasks"),
    Route("task", _task),
    Route("task_difference", _task, "post", (("text", "Other"),), "viewer"),
    Route("task_news", method="post", answer=204),
    Route("task_claim", _task, "post", (), "approver", "operator", 302),
    Route("task_release", _taken, "post", (), "approver", "operator", 302),
    Route("task_delegate", _task, "post", (("reason", "Yours."),), "approver", "operator", 422),
    Route("tasks_many", method="post", right="approver", answer=302),
    Route("tasks_many_decide", method="post", right="approver", answer=302),
    Route("decide", _task, "post", (("decision", "approve"),), "approver", "operator", 302),
    Route("kept", _workflow, right="manager", wrong="builder"),
    Route("shares", _workflow, right="manager", wrong="builder"),
    Route("share_person", _workflow, "post", (), "manager", "builder", 422),
    Route("share_department", _workflow, "post", (), "manager", "builder", 422),
    Route("share_end", _share, "post", (), "manager", "builder", 302),
    Route("shared", _lent),
    Route("shared_run", _lent_run),
    Route("shared_cancel", _lent_run, "post", (), answer=302),
    Route("hosted_form", _hosted),
    Route("workflow_tool", _workflow, "post", (("on", "1"),), "builder", "operator", 302),
    Route("series_new", _workflow, right="operator", wrong="viewer"),
    Route("series_empty", _workflow, right="operator", wrong="viewer"),
    Route("series_check", _table, right="operator", wrong="viewer"),
    Route("series", _series),
    Route("series_stop", _series, "post", (), "operator", "viewer", 302),
    Route("series_go_on", _series, "post", (), "operator", "viewer", 302),
    Route("series_results", lambda scene: [*_series(scene), "csv"]),
    Route("trigger_new", _workflow, right="builder", wrong="operator"),
    Route("trigger", _trigger),
    Route("trigger_change", _trigger, "post", (("how", "cron"), ("cron", "no")), "builder", "operator", 422),
    Route("trigger_switch", _trigger, "post", (("on", "0"),), "builder", "operator", 302),
    Route("trigger_start", _trigger, "post", (), "operator", "viewer", 302),
    Route("trigger_renew", _hook, "post", (), "builder", "operator"),
    Route("trigger_remove", _trigger, "post", (), "builder", "operator", 302),
    Route("connections"),
    Route("connection_new", right="builder", wrong="operator"),
    Route("subscriptions", right="builder", wrong="operator"),
    Route("subscription_new", right="builder", wrong="operator"),
    Route("subscription", _subscription, right="builder", wrong="operator"),
    Route("subscription_change", _subscription, "post", (), "builder", "operator", 422),
    Route("subscription_switch", _subscription, "post", (("on", "0"),), "builder", "operator", 302),
    Route("subscription_renew", _subscription, "post", (), "builder", "operator"),
    Route("subscription_test", _subscription, "post", (), "builder", "operator", 302),
    Route("subscription_remove", _subscription, "post", (), "builder", "operator", 302),
    Route("delivery", _delivery, right="builder", wrong="operator"),
    Route("delivery_again", _delivery, "post", (), "builder", "operator", 302),
    Route("services"),
    Route("service_import", right="builder", wrong="operator"),
    Route("service", _service),
    Route("service_choose", _service, "post", (("shown", "me"),), "builder", "operator", 302),
    Route("service_renew", _service, "post", (), "builder", "operator", 422),
    Route("service_remove", _service, "post", (), "builder", "operator", 302),
    Route("connection", _connection),
    Route("connection_change", _connection, "post", (), "builder", "operator", 422),
    Route("connection_try", _connection, "post", (), "builder", "operator", 302),
    Route("connection_signed_in", answer=302),
    Route("connection_sign_in", _signs_in, "post", (), "builder", "operator"),
    Route("connection_remove", _connection, "post", (), "builder", "operator", 302),
    Route("costs"),
    Route("costs_csv"),
    Route("models"),
    Route("budgets"),
    Route("budget_new", right="manager", wrong="builder"),
    Route("budget", _budget),
    Route("budget_question", _asked_owner),
    Route("budget_answer", _asked_owner, "post", (("answer", "leave"),), "manager", "builder", 302),
    Route("budget_stop", _budget, "post", (), "manager", "builder", 302),
    Route("budget_go_on", _stopped, "post", (), "manager", "builder", 302),
    Route("budget_remove", _budget, "post", (), "manager", "builder", 302),
    Route("manual"),
    Route("manual_on", method="post", right="builder", wrong="viewer", answer=422),
    Route("manual_mode", _manual),
    Route("manual_off", _manual, "post", (), "builder", "operator", 302),
    Route("manual_back", _manual_off, "post", (), "builder", "operator", 302),
    Route("decide_by_mail", _mailed, right="approver"),
    Route("file", _file),
    Route("mail_choice"),
    Route("absence"),
    Route("absence_end", _absence, "post", (), "viewer", "operator", 302),
    Route("absence_of", _person, right="viewer", wrong="operator"),
    Route("departments", right="manager", wrong="viewer", answer=302),
    Route("department", _department, right="manager", wrong="viewer"),
    Route("department_hours", _department, "post", WORKED, "manager", "viewer", 302),
    Route("department_hours_tried", _department, right="manager", wrong="viewer"),
    Route("department_by_mail", _department, "post", (), "manager", "viewer", 302),
    Route("hold_set", _department, "post", (("reason", "A lawsuit"),), "manager", "builder", 302),
    Route("hold_lift", _held, "post", (("reason", "It is over"),), "manager", "builder", 302),
    Route("tokens", _department, right="manager", wrong="builder"),
    Route("token_make", _department, "post", TOKEN, "manager", "builder", 200),
    Route("token_renew", _token, "post", RENEWED, "manager", "builder", 200),
    Route("token_revoke", _token, "post", (), "manager", "builder", 302),
    Route("person_leave", _member, right="manager", wrong="viewer"),
    Route("group_make", _department, "post", (("new-name", "Deals"),), "manager", "viewer", 302),
    Route("group_change", _group, "post", (), "manager", "viewer", 422),
    Route("group_delete", _group, "post", (), "manager", "viewer", 302),
]
OF_ALL = ("template", "hosted_form")
"""Named in their address, and of no department."""
OF_A_THING = [route for route in ROUTES if "<" in str(pattern_of(route.name).pattern) and route.name not in OF_ALL]


def test_every_route_is_in_the_table():
    assert {pattern.name for pattern in urls.urlpatterns} == {route.name for route in ROUTES}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_who_may_gets_through_and_nobody_else(scene: Scene, route: Route):
    """One after the other on the same thing: the last one changes it."""
    address = reverse(route.name, args=route.thing(scene))

    nobody_signed_in_is_led_to_the_sign_in(ask(route, address, None))
    if route in OF_A_THING:
        assert ask(route, address, scene.stranger).status_code == 404
        assert ask(route, of_nothing(route), scene.operator).status_code == 404
    if route.wrong:
        the_wrong_role_is_told_so(ask(route, address, getattr(scene, route.wrong)))
    if route.method == "post":
        assert client_of(getattr(scene, route.right)).get(address).status_code == 405
    with leaves(f"page {route.name}") if route.method == "post" else nullcontext():
        assert ask(route, address, getattr(scene, route.right)).status_code == route.answer


def ask(route: Route, address: str, user: User | None) -> Any:
    return getattr(client_of(user), route.method)(address, dict(route.data))


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def of_nothing(route: Route) -> str:
    converters = pattern_of(route.name).pattern.converters.values()
    return reverse(route.name, args=[1 if isinstance(each, IntConverter) else uuid4() for each in converters])


def nobody_signed_in_is_led_to_the_sign_in(answer: Any) -> None:
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("account_login"))


def the_wrong_role_is_told_so(answer: Any) -> None:
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.content.decode()
