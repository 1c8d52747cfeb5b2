"""What happens here reaches other systems: signed, at least once, in good time, and never where it must not go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook
from werkzeug import Request, Response

from connectors import vault
from connectors.models import Health
from departments import holds
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Notice, Role
from tests import factories
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Delivery, DeliveryStatus, DeliveryTry, Happening, Run, RunMode, Subscription, Task
from workflows.runtime import sweeping
from workflows.services import delivering, messages
from workflows.services import subscriptions as services
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.runs import cancel_run, start_run
from workflows.services.subscriptions import Asked
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db(transaction=True)

WRITE = [{"id": "a", "kind": "text.compose", "with": {"text": "x"}}]
ASK = [{"id": "ok", "kind": "people.approve", "with": {"question": "All well?", "role": "approver"}}]


class Receiver:
    """Another system. `answers` are given one after another, the last one for ever; `got` is what it was sent.

    `before` is what happens while it has not answered yet.
    """

    def __init__(self, server: HTTPServer) -> None:
        self.answers = [Response("thanks")]
        self.before: Callable[[], None] = lambda: None
        self.got: list[Request] = []
        self.address = server.url_for("/events")
        server.expect_request("/events").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        request.get_data()
        self.got.append(request)
        self.before()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def said(self) -> list[dict[str, Any]]:
        return [json.loads(request.get_data()) for request in self.got]

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.got]


@pytest.fixture
def receiver(httpserver: HTTPServer) -> Receiver:
    return Receiver(httpserver)


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


@pytest.fixture
def bea(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Bea", legal, Role.BUILDER, email="bea@tandem.example"))


def subscribed(legal: Department, bea: Actor, receiver: Receiver, *events: str, **rest: Any) -> services.Made:
    return services.set_up(legal, Asked(receiver.address, events or Happening.values, **rest), actor=bea)


def carry(subscription: Subscription) -> None:
    """One round now, whatever the time is."""
    Subscription.objects.filter(pk=subscription.pk).update(rest_until=None)
    Delivery.objects.filter(status=DeliveryStatus.WAITING).update(next_at=Now())
    lease = delivering.take(subscription.pk)
    assert lease is not None
    delivering.carry(subscription.pk, lease)
    subscription.refresh_from_db()


def happened(subscription: Subscription, n: int = 1) -> list[Delivery]:
    with silent_broker():
        return [services.send_test(subscription, actor=SYSTEM) for _ in range(n)]


# ── what is told ─────────────────────────────────────────────────────────────────────────────────────────────────────


def types() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("type", flat=True))


def test_a_run_with_a_task_tells_each_thing_once(legal: Department, bea: Actor, receiver: Receiver) -> None:
    subscribed(legal, bea, receiver)
    workflow = published(ASK, legal)

    run = carried(run_of(workflow))
    task = Task.objects.get()
    with silent_broker():
        decide_task(task, actor=actor_for_user(factories.make_user("Ada", legal, Role.APPROVER)), decision="approve")
    carried(run)

    assert types() == ["run.started", "task.opened", "task.decided", "run.succeeded"]
    opened, decided, ended = Delivery.objects.exclude(type="run.started").order_by("id")
    known = {"workflow": str(workflow.pk), "workflow_slug": workflow.slug}
    assert ended.data == {"id": str(run.pk), "status": "succeeded", **known}
    asked = {"id": str(task.pk), "run": str(run.pk), "kind": "approve", "due_at": None, **known}
    assert opened.data == {**asked, "status": "open", "decision": None}
    assert decided.data == {**asked, "status": "decided", "decision": "approve"}


def test_a_run_that_is_over_at_once_fails_goes_on_or_is_cancelled_is_told_too(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    subscribed(legal, bea, receiver)
    with silent_broker():
        start_run(published(WRITE, legal), inputs={}, actor=SYSTEM)
        assert types() == ["run.started", "run.succeeded"]
        run = run_of(published(WRITE, legal, name="Other"))
        for status in ("failed", "queued", "running"):
            Run.objects.filter(pk=run.pk).update(status=status)
        cancel_run(run, actor=SYSTEM)

    assert types()[2:] == ["run.started", "run.failed", "run.resumed", "run.cancelled"]


def test_tests_other_departments_other_workflows_and_what_was_rolled_back_are_not_told(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    mine, other = published(WRITE, legal), published(WRITE, legal, name="Other")
    subscribed(legal, bea, receiver, workflow=mine.pk)
    with silent_broker():
        start_run(mine, inputs={}, actor=SYSTEM, mode=RunMode.TEST)
        start_run(other, inputs={}, actor=SYSTEM)
        start_run(published(WRITE, factories.make_department("Marketing")), inputs={}, actor=SYSTEM)
        with transaction.atomic():
            start_run(mine, inputs={}, actor=SYSTEM)
            transaction.set_rollback(True)

    assert types() == []


# ── how it travels ───────────────────────────────────────────────────────────────────────────────────────────────────


def signed(request: Request, secret: str) -> str:
    """As the specification says, by hand, over the bytes as they came."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.get_data()
    return "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()


def test_a_message_is_signed_and_says_where_to_look(legal: Department, bea: Actor, receiver: Receiver) -> None:
    made = subscribed(legal, bea, receiver, "run.succeeded")
    with silent_broker():
        run = start_run(published(WRITE, legal, name="Brötchen"), inputs={}, actor=SYSTEM)
    carry(made.subscription)

    (request,) = receiver.got
    assert request.headers["webhook-signature"] == signed(request, made.secret)
    said = Webhook(made.secret).verify(request.get_data(), dict(request.headers))
    assert (said["type"], said["data"]["id"]) == ("run.succeeded", str(run.pk))
    assert said["data"]["url"].endswith(f"/runs/{run.pk}/")
    assert said["data"]["api_url"].endswith(f"/api/v1/runs/{run.pk}")
    assert request.headers["content-type"] == "application/json"
    (row,) = DeliveryTry.objects.all()
    assert (row.code, row.answer, row.problem) == (200, "thanks", "")
    assert (made.subscription.health, made.subscription.busy_until) == (Health.WORKS, None)
    assert Delivery.objects.get().status == DeliveryStatus.SENT


def test_for_a_day_both_secrets_sign_and_none_is_kept_in_the_open(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    old = subscribed(legal, bea, receiver)
    new = services.renew_secret(old.subscription, actor=bea)
    happened(new.subscription)
    carry(new.subscription)
    assert receiver.got[0].headers["webhook-signature"].split() == [
        signed(receiver.got[0], new.secret),
        signed(receiver.got[0], old.secret),
    ]

    Subscription.objects.update(renewed_at=Now() - messages.BOTH_COUNT)
    happened(new.subscription)
    carry(new.subscription)
    assert receiver.got[1].headers["webhook-signature"] == signed(receiver.got[1], new.secret)
    new.subscription.secret.refresh_from_db()
    assert new.secret.encode() not in bytes(new.subscription.secret.body)
    assert vault.opened(new.subscription.secret)["secret"] == new.secret


def test_a_sender_that_dies_before_it_wrote_sends_again_under_the_same_id(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    made = subscribed(legal, bea, receiver)
    (sent,) = happened(made.subscription)
    with patch.object(delivering, "_write", side_effect=SystemExit), pytest.raises(SystemExit):
        carry(made.subscription)
    assert delivering.take(made.subscription.pk) is None, "its lease still stands"

    Subscription.objects.update(busy_until=Now() - timedelta(seconds=1))
    carry(made.subscription)

    assert receiver.ids == [str(sent.pk)] * 2
    assert receiver.got[0].get_data() == receiver.got[1].get_data()
    assert DeliveryTry.objects.count() == 1


def test_who_has_lost_the_lease_writes_nothing(legal: Department, bea: Actor, receiver: Receiver) -> None:
    made = subscribed(legal, bea, receiver)
    happened(made.subscription)

    def meanwhile() -> None:
        Subscription.objects.update(busy_until=F("busy_until") + timedelta(hours=1))
        connection.close()

    receiver.before = meanwhile
    carry(made.subscription)

    assert len(receiver.got) == 1
    assert not DeliveryTry.objects.exists()
    assert Delivery.objects.get().tries == 0


# ── when it does not arrive ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_pauses_grow_and_end_after_about_a_day() -> None:
    with patch.object(delivering.DICE, "uniform", lambda low, high: 1.0):
        pauses = [delivering.next_try(tries) for tries in range(1, 11)]
    assert pauses[-1] is None
    total = sum((pause for pause in pauses if pause is not None), timedelta())
    assert timedelta(hours=22) < total < timedelta(hours=26)
    assert delivering.next_try(1, timedelta(hours=2)) == timedelta(hours=2)
    assert [delivering.rest_after(n).seconds for n in (1, 2, 3, 20)] == [5, 10, 20, 600]


def test_a_failure_is_tried_again_later_and_a_wish_to_wait_is_obeyed(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    made = subscribed(legal, bea, receiver)
    receiver.answers = [Response("not now", 503, {"Retry-After": "900"}), Response("thanks")]
    (waits, _later) = happened(made.subscription, 1) + happened(made.subscription, 1)
    with patch.object(delivering, "AT_ONCE", 1):
        carry(made.subscription)

    waits.refresh_from_db()
    assert (waits.status, waits.tries, waits.said) == (DeliveryStatus.WAITING, 1, "It answered 503.")
    assert timedelta(seconds=890) < waits.next_at - timezone.now() <= timedelta(seconds=900)
    assert timedelta(seconds=890) < made.subscription.rest_until - timezone.now() <= timedelta(seconds=900)
    assert delivering.take(made.subscription.pk) is None, "the other side rests"

    carry(made.subscription)
    assert set(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.SENT}
    assert made.subscription.health == Health.WORKS


def test_410_switches_it_off_and_its_owner_is_told(legal: Department, bea: Actor, receiver: Receiver) -> None:
    made = subscribed(legal, bea, receiver)
    receiver.answers = [Response("", 410)]
    happened(made.subscription, 3)
    with patch.object(delivering, "AT_ONCE", 1):
        carry(made.subscription)

    assert len(receiver.got) == 1
    assert not made.subscription.enabled
    assert made.subscription.health_said == "It answered 410: it wants no more events. It was switched off."
    assert set(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.GIVEN_UP}
    assert Notice.objects.get().person.email == "bea@tandem.example"
    with silent_broker():
        start_run(published(WRITE, legal), inputs={}, actor=SYSTEM)
    assert Delivery.objects.count() == 3, "nothing is written for one that is off"
    with pytest.raises(Conflict, match="switched off"):
        services.send_again(Delivery.objects.all()[0], actor=bea)


def test_what_was_tried_for_a_day_is_given_up_and_told_once_and_after_three_days_all_of_it(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    made = subscribed(legal, bea, receiver)
    receiver.answers = [Response("defect", 500)]
    happened(made.subscription, 3)
    Delivery.objects.update(since=Now() - delivering.LONGEST - timedelta(minutes=1))
    carry(made.subscription)
    assert set(Delivery.objects.values_list("status", flat=True)) == {DeliveryStatus.GIVEN_UP}
    assert "given up" in Notice.objects.get().text

    happened(made.subscription)
    Delivery.objects.filter(status=DeliveryStatus.WAITING).update(tries=len(delivering.PAUSES))
    carry(made.subscription)
    assert Notice.objects.count() == 1
    happened(made.subscription)
    Subscription.objects.update(failing_since=Now() - timedelta(days=3, minutes=1))
    carry(made.subscription)
    assert not made.subscription.enabled
    assert "three days" in Notice.objects.latest("id").text


def test_a_redirect_is_not_followed(legal: Department, bea: Actor, receiver: Receiver, httpserver: HTTPServer) -> None:
    made = subscribed(legal, bea, receiver)
    receiver.answers = [Response("", 307, {"Location": httpserver.url_for("/elsewhere")})]
    happened(made.subscription)
    carry(made.subscription)
    assert "sends us on" in DeliveryTry.objects.get().problem
    assert [request.path for request, _ in httpserver.log] == ["/events"]


def test_an_address_inside_our_network_is_never_reached(
    bea: Actor, legal: Department, receiver: Receiver, httpserver: HTTPServer
) -> None:
    with pytest.raises(ValidationError, match="not among the hosts"):
        services.set_up(legal, Asked("https://elsewhere.example/", ["run.failed"]), actor=bea)
    # On the list, but not as a place of our own network.
    Department.objects.update(egress_hosts=[f"http://127.0.0.1:{httpserver.port}"])
    legal.refresh_from_db()
    made = subscribed(legal, bea, receiver)
    happened(made.subscription)
    carry(made.subscription)

    assert receiver.got == []
    assert DeliveryTry.objects.get().code is None
    assert "own network" in made.subscription.health_said


def test_what_arrived_can_be_sent_again_under_its_id(legal: Department, bea: Actor, receiver: Receiver) -> None:
    made = subscribed(legal, bea, receiver)
    (sent,) = happened(made.subscription)
    carry(made.subscription)

    again = services.send_again(sent, actor=bea)
    assert (again.status, again.tries) == (DeliveryStatus.WAITING, 0)
    carry(made.subscription)

    assert receiver.ids == [str(sent.pk)] * 2
    assert again.tried.count() == 2


# ── the sweep ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_scheduler_finds_what_is_due_and_many_go_in_one_round(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    made = subscribed(legal, bea, receiver)
    happened(made.subscription, 20)
    courier = delivering.Courier()
    with patch.object(courier, "_begin", lambda id, department_id, lease: courier._work(id, department_id, lease)):
        courier.strike()
    assert len(set(receiver.ids)) == len(receiver.ids) == 20
    assert delivering._due() == []


def test_what_is_old_is_forgotten(legal: Department, bea: Actor, receiver: Receiver) -> None:
    made = subscribed(legal, bea, receiver)
    old, new = happened(made.subscription, 2)
    DeliveryTry.objects.create(delivery=old)
    Delivery.objects.filter(pk=old.pk).update(at=Now() - timedelta(days=31))
    hold = holds.set_hold(department=legal, reason="A lawsuit", actor=SYSTEM)
    sweeping.forget_deliveries()
    assert Delivery.objects.count() == 2

    holds.lift_hold(hold, reason="It is over", actor=SYSTEM)
    sweeping.forget_deliveries()
    assert list(Delivery.objects.all()) == [new]
    assert not DeliveryTry.objects.exists()


def test_a_run_costs_one_insert_for_each_who_is_told_and_no_statement(
    legal: Department, bea: Actor, receiver: Receiver
) -> None:
    from tests.workflows.runtime.test_statements import LIVE_LOCAL, LOCAL, statements

    for _ in range(2):
        services.set_up(legal, Asked(receiver.address, ["run.succeeded"]), actor=bea)
    assert len(statements(LOCAL, RunMode.LIVE)) == LIVE_LOCAL
    with silent_broker():
        start_run(published(WRITE, legal), inputs={}, actor=SYSTEM)
    assert Delivery.objects.count() == 2
    assert Run.objects.filter(department=legal).count() == 1
