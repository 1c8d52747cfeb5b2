"""The pages of runs: the list with its filters, the page that fills, what can be done with a run."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Entry
from tests.factories import make_run, make_step, make_version, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Run, RunStatus, StepStatus
from workflows.runtime import files

HTMX = {"HTTP_HX_REQUEST": "true"}


def seen_mark(html: str) -> str:
    found = re.search(r"seen=([\w-]+)", html)
    assert found
    return found[1]


def test_a_poll_says_nothing_while_nothing_changes(scene: Scene, signed_in: Any):
    client = signed_in(scene.viewer)
    run = scenes.a_run(scene, RunStatus.WAITING)
    Run.objects.filter(pk=run.pk).update(created_at="2026-01-01T00:00Z", started_at="2026-01-01T00:00Z")

    first = client.get(f"/runs/{run.pk}/steps/", {"seen": "not-yet-seen"}, **HTMX)
    again = client.get(f"/runs/{run.pk}/steps/", {"seen": seen_mark(first.content.decode())}, **HTMX)
    scenes.a_step(run, "facts", "ai.extract")
    changed = client.get(f"/runs/{run.pk}/steps/", {"seen": seen_mark(first.content.decode())}, **HTMX)

    assert (first.status_code, again.status_code, changed.status_code) == (200, 204, 200)


@pytest.mark.parametrize(
    ("status", "trigger"),
    [
        ("queued", "every 1s"),
        ("running", "every 1s"),
        ("waiting", "every 4s"),
        ("succeeded", ""),
        ("failed", ""),
        ("cancelled", ""),
    ],
)
def test_polling_ends_with_the_run(scene: Scene, signed_in: Any, status: str, trigger: str):
    run = scenes.a_run(scene, status)

    html = signed_in(scene.viewer).get(f"/runs/{run.pk}/steps/", **HTMX).content.decode()

    assert ('hx-trigger="every' in html) == bool(trigger)
    assert f'hx-trigger="{trigger}"' in html or not trigger


def test_an_open_step_comes_with_what_stands_behind_it(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, RunStatus.RUNNING)
    step = scenes.a_step(run, "facts", "ai.extract")
    scenes.a_try(step)
    client = signed_in(scene.viewer)

    closed = client.get(f"/runs/{run.pk}/steps/", **HTMX).content.decode()
    opened = client.get(f"/runs/{run.pk}/steps/", {"open": [str(step.pk), "nonsense"]}, **HTMX).content.decode()

    assert "Find in the text" not in closed
    assert "Find in the text" in opened


def test_a_session_that_ended_takes_a_poll_to_the_sign_in(scene: Scene, client: Any):
    run = scenes.a_run(scene, RunStatus.RUNNING)

    answer = client.get(f"/runs/{run.pk}/steps/", **HTMX, HTTP_HX_CURRENT_URL=f"http://testserver/runs/{run.pk}/")

    assert answer.headers["HX-Redirect"] == f"/accounts/login/?next=/runs/{run.pk}/"


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("running", {"cancel"}),
        ("waiting", {"cancel"}),
        ("failed", {"retry", "repeat"}),
        ("succeeded", {"repeat"}),
        ("cancelled", {"repeat"}),
    ],
)
def test_only_what_is_possible_now_is_offered(scene: Scene, signed_in: Any, status: str, offered: set[str]):
    run = scenes.a_run(scene, status, error={"code": "rejected", "message": "No."} if status == "failed" else None)

    context = signed_in(scene.operator).get(f"/runs/{run.pk}/").context

    assert {name for name in ("cancel", "retry", "resume", "repeat") if context[f"may_{name}"]} == offered


def test_the_newest_version_is_offered_only_where_there_is_a_newer_one(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, RunStatus.FAILED, error={"code": "rejected", "message": "No."})
    make_version(scene.workflow)

    context = signed_in(scene.operator).get(f"/runs/{run.pk}/").context

    assert context["may_resume"]


def test_somebody_who_may_only_look_is_offered_nothing(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, RunStatus.FAILED, error={"code": "rejected", "message": "No."})

    context = signed_in(scene.viewer).get(f"/runs/{run.pk}/").context

    assert not any(context[f"may_{name}"] for name in ("cancel", "retry", "resume", "repeat"))


def test_a_parked_step_can_be_sent_on_while_the_run_is_not_over(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, RunStatus.WAITING)
    scenes.a_step(run, "facts", "ai.extract", StepStatus.PARKED, error={"message": "It may have been sent."})

    context = signed_in(scene.operator).get(f"/runs/{run.pk}/").context

    assert context["may_retry"]


def test_an_item_shows_its_own_names_and_leads_back_to_its_run(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene, RunStatus.RUNNING)
    copies = scenes.a_step(run, "copies", "flow.for_each", StepStatus.WAITING)
    item = scenes.items_of(copies, ["running"])[0]
    Run.objects.filter(pk=item.pk).update(scope={"channel": "Poster", "item_number": 1})

    answer = signed_in(scene.operator).get(f"/runs/{item.pk}/")

    assert answer.context["inputs"] == [("Channel", "Poster"), ("Item number", 1)]
    assert f'href="/runs/{run.pk}/"' in answer.content.decode()
    assert not answer.context["may_cancel"]


def test_the_ledger_of_the_run_stands_on_its_page(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene)
    Entry.objects.create(
        actor_kind="person", actor_label="Olga Lind", verb="run.started", object_label="Round-Up", run_id=run.pk, seq=1
    )

    html = signed_in(scene.viewer).get(f"/runs/{run.pk}/").content.decode()

    assert "Olga Lind started Round-Up" in html


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        ({}, ["new", "waits", "old"]),
        ({"status": "succeeded"}, ["new", "old"]),
        ({"status": "nonsense"}, ["new", "waits", "old"]),
        ({"workflow": "not-an-id"}, ["new", "waits", "old"]),
        ({"workflow": "0190b2b0-0000-7000-8000-000000000000"}, []),
        ({"since": "day"}, ["new", "waits"]),
        ({"since": "month"}, ["new", "waits", "old"]),
        ({"q": "WAIT"}, ["waits"]),
        ({"q": "olga"}, ["new", "waits", "old"]),
        ({"after": "junk"}, ["new", "waits", "old"]),
        ({"q": "o\x00ld"}, ["old"]),
    ],
)
def test_the_list_of_runs_is_filtered(scene: Scene, signed_in: Any, asked: dict[str, str], titles: list[str]):
    old = scenes.a_run(scene, title="old")
    Run.objects.filter(pk=old.pk).update(created_at=timezone.now() - timezone.timedelta(days=8))
    scenes.a_run(scene, RunStatus.WAITING, title="waits")
    scenes.a_run(scene, title="new")

    piece = signed_in(scene.viewer).get("/runs/", asked).context["piece"]

    assert [run.title for run in piece.rows] == titles


def test_items_and_other_departments_are_not_in_the_list(scene: Scene, signed_in: Any):
    run = scenes.a_run(scene)
    scenes.items_of(scenes.a_step(run, "copies", "flow.for_each"), ["succeeded", "failed"])
    scenes.a_run(scenes.a_department("Legal"))

    piece = signed_in(scene.viewer).get("/runs/").context["piece"]

    assert [shown.pk for shown in piece.rows] == [run.pk]


def test_a_file_is_given_out_as_a_harmless_download(scene: Scene, signed_in: Any):
    stored = files.save(scene.department.pk, 'a"b\r\n<x>.html', b"<script>alert(1)</script>", "text/html")

    answer = signed_in(scene.viewer).get(f"/files/{stored.pk}/")

    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")


@pytest.mark.parametrize(("path", "most"), [("/", 15), ("/workflows/", 10), ("/runs/", 9), ("/tasks/", 14)])
def test_a_list_costs_the_same_however_long_it_is(
    scene: Scene, signed_in: Any, django_assert_max_num_queries: Any, path: str, most: int
):
    for _ in range(12):
        scenes.a_task(scene, scenes.a_run(scene, RunStatus.WAITING, starter_id=str(scene.approver.pk)))
    client = signed_in(scene.approver)

    with django_assert_max_num_queries(most):
        answer = client.get(path)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ({"off": True}, "Skipped: it is switched off."),
        ({"when": {"value": "1", "is": "equal", "to": "2"}}, "Skipped: its condition did not hold."),
    ],
)
def test_a_step_that_was_skipped_says_why(scene: Scene, signed_in: Any, why: dict[str, Any], said: str):
    step = {"id": "say", "kind": "text.compose", "with": {"text": "x"}, **why}
    version = make_version(make_workflow(scene.department, {"format": 1, "name": "Any", "steps": [step]}))
    run = make_run(version, status=RunStatus.SUCCEEDED)
    make_step(run, "say", kind="text.compose", status=StepStatus.SKIPPED)

    html = signed_in(scene.viewer).get(f"/runs/{run.pk}/steps/", **HTMX).content.decode()

    assert re.findall(r"Skipped: [^<]+", html) == [said]
