"""Subscriptions by the API: set up, told what is wrong, and no secret in any answer but one."""

from __future__ import annotations

from typing import Any

import pytest

from departments.models import Department
from tests import factories
from tests.workflows.api.program import Program, assert_problem
from workflows.models import Delivery, DeliveryStatus, IdempotencyKey

pytestmark = pytest.mark.django_db

BODY = {"address": "https://archive.example/events", "events": ["run.failed", "run.succeeded"]}


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal", egress_hosts=["archive.example"])


def test_from_setting_it_up_to_sending_again(program: Program) -> None:
    made = program.post("subscriptions", BODY, idempotency_key="k-1")
    assert (made.status_code, made.json()["events"]) == (201, ["run.succeeded", "run.failed"])
    assert program.post("subscriptions", BODY, idempotency_key="k-1").json() == made.json()
    one = f"subscriptions/{made.json()['id']}"
    secret = program.post(f"{one}/secret", {}).json()["secret"]

    sent = program.post(f"{one}/test", {}).json()
    Delivery.objects.update(status=DeliveryStatus.GIVEN_UP, next_at=None, said="It answered 500.")
    (lost,) = program.get(f"{one}/deliveries", {"status": "given_up", "type": "tandem.test"}).json()["results"]
    assert (lost["id"], lost["said"]) == (sent["id"], "It answered 500.")
    again = program.post(f"deliveries/{sent['id']}/again", {}).json()
    assert (again["status"], again["tries"], again["tried"]) == ("waiting", 0, [])
    assert '"type":"tandem.test"' in again["body"]

    answers: list[Any] = [made, program.get(one), program.get("subscriptions"), program.get(f"deliveries/{sent['id']}")]
    assert secret.startswith("whsec_")
    assert not any(secret in answer.text for answer in answers)
    assert not any(secret in row.body for row in IdempotencyKey.objects.all())


def test_what_cannot_be_is_said_at_its_field(program: Program, stranger: Program) -> None:
    theirs = factories.make_workflow(stranger.department)
    wrong = {"address": "https://elsewhere.example/", "events": ["run.exploded"], "workflow": str(theirs.pk)}
    said = assert_problem(program.post("subscriptions", wrong), 400)["errors"]
    assert said == {
        "address": "“https://elsewhere.example” is not among the hosts that Legal may reach. "
        "An administrator can allow it.",
        "events": "There is no event “run.exploded”.",
        "workflow": "There is no such workflow in this department.",
    }
    nothing = program.post("subscriptions", {**BODY, "events": []}).json()["errors"]
    assert nothing == {"events": "Choose at least one event."}


def test_another_departments_are_not_listed(program: Program, stranger: Program) -> None:
    program.post("subscriptions", BODY)
    assert stranger.get("subscriptions").json()["results"] == []
