"""Triggers by the API: set up, called, switched, and no secret in any answer but one."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.workflows.api.conftest import Program
from tests.workflows.runtime.harness import published, silent_broker
from workflows.models import IdempotencyKey, Run, TriggerEvent, Workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def workflow(program: Program) -> Workflow:
    return published([{"id": "a", "kind": "text.compose", "with": {"text": "x"}}], program.department)


def set_up(program: Program, workflow: Workflow, **body: Any) -> Any:
    return program.post(f"workflows/{workflow.pk}/triggers", body)


def test_a_webhook_from_setting_it_up_to_what_it_has_heard(program: Program, workflow: Workflow) -> None:
    made = set_up(program, workflow, kind="web.hook", title="Press room", settings={"proof": "none"})
    assert (made.status_code, made.json()["health"]) == (201, "unknown")
    one = f"triggers/{made.json()['id']}"
    told = program.post(f"{one}/secret", {}).json()

    with silent_broker():
        called = Client().post("/hooks/" + told["address"].rpartition("/")[2], b"{}", content_type="application/json")

    run = Run.objects.get()
    assert called.json()["run"] == str(run.pk)
    (heard,) = program.get(f"{one}/events").json()["results"]
    assert (heard["outcome"], heard["run"]) == ("started", str(run.pk))
    assert program.get(one).json()["health"] == "works"
    answers = [made, program.get(one), program.get("triggers"), program.get(f"{one}/events")]
    assert not any(told["secret"] in answer.text or told["address"] in answer.text for answer in answers)


def test_a_form_tells_its_address_each_time_and_a_schedule_has_none(program: Program, workflow: Workflow) -> None:
    made = program.post(f"workflows/{workflow.slug}/triggers", {"kind": "web.form"}).json()
    told, again = (program.post(f"triggers/{made['id']}/secret", {}).json() for _ in range(2))

    assert (told, told["secret"]) == (again, "")
    assert Client().get("/forms/" + told["address"].rstrip("/").rpartition("/")[2] + "/").status_code == 200
    assert [one["id"] for one in program.get(f"workflows/{workflow.slug}/triggers").json()["results"]] == [made["id"]]
    assert program.get(f"workflows/{workflow.slug}/series").status_code == 200

    schedule = set_up(program, workflow, kind="time.schedule", settings={"how": "daily"}).json()
    assert program.post(f"triggers/{schedule['id']}/secret", {}).status_code == 409


def test_a_repeat_sets_up_one_and_no_secret_is_kept_for_it(program: Program, workflow: Workflow) -> None:
    body = {"kind": "web.hook"}
    first, again = (
        program.post(f"workflows/{workflow.pk}/triggers", body, idempotency_key="k-1").json() for _ in range(2)
    )
    assert first["id"] == again["id"]
    secret = program.post(f"triggers/{first['id']}/secret", {}).json()["secret"]
    assert not any(secret in row.body for row in IdempotencyKey.objects.all())


def test_a_schedule_says_when_it_starts_next_and_can_be_switched_off(program: Program, workflow: Workflow) -> None:
    made = set_up(program, workflow, kind="time.schedule", settings={"how": "daily", "at": "08:00"}).json()
    assert made["next_at"] is not None
    off = program.put(f"triggers/{made['id']}/enabled", {"enabled": False}).json()
    assert (off["enabled"], off["next_at"]) == (False, None)


def test_what_cannot_be_is_said_at_its_field(program: Program, workflow: Workflow) -> None:
    answer = set_up(program, workflow, kind="time.schedule", settings={"how": "cron", "cron": "no"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["cron"])
    assert set_up(program, workflow, kind="moon.phase").json()["errors"] == {
        "kind": "There is no trigger “moon.phase”."
    }


def test_another_departments_triggers_are_not_listed(program: Program, stranger: Program, workflow: Workflow) -> None:
    set_up(program, workflow, kind="web.hook")
    assert stranger.get("triggers").json()["results"] == []


def test_long_lists_of_triggers_and_of_what_they_heard_are_read_piece_by_piece(
    program: Program, workflow: Workflow
) -> None:
    ids = [set_up(program, workflow, kind="web.hook").json()["id"] for _ in range(3)]
    TriggerEvent.objects.bulk_create(TriggerEvent(trigger_id=ids[0], key=str(number)) for number in range(3))
    program.put(f"triggers/{ids[1]}/enabled", {"enabled": False})

    def read(path: str) -> list[Any]:
        found, there = [], f"/api/v1/{path}?page_size=1"
        while there:
            said = program.get(there).json()
            found, there = found + said["results"], said["next"]
        return found

    assert [each["id"] for each in read("triggers")] == ids[::-1]
    assert [each["id"] for each in read(f"workflows/{workflow.pk}/triggers")] == ids[::-1]
    assert [each["key"] for each in read(f"triggers/{ids[0]}/events")] == ["2", "1", "0"]
    off = program.get("triggers", {"enabled": "false"}).json()["results"]
    assert [each["id"] for each in off] == [ids[1]]
    assert program.get("triggers", {"health": "fails"}).json()["results"] == []
