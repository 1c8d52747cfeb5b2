"""Webhooks: nobody starts a run without the proof, a repeat starts nothing, and what is taken is never lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from standardwebhooks import Webhook

from audit.models import Entry
from connectors import vault
from departments.access import Actor, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.workflows.runtime.harness import published, silent_broker
from workflows.api import hooks
from workflows.models import Run, Trigger, TriggerEvent, Workflow
from workflows.services.refusals import Conflict
from workflows.services.triggers import Shown, Wanted, remove, renew_secret, set_up, switch, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that has its hands free for all who call at once."""
    monkeypatch.setattr(hooks, "_places", BoundedSemaphore(64))


BODY = b'{"article": "All is well.", "n": 1}'


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def bea(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Bea", legal, Role.BUILDER))


@pytest.fixture
def workflow(legal: Department) -> Workflow:
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.article }}"}}
    return published([step], legal, inputs={"article": {"type": "text"}}, output={"text": "{{ steps.a.text }}"})


def hooked(workflow: Workflow, bea: Actor, **settings: Any) -> tuple[Trigger, Shown]:
    wanted = Wanted("Press room", settings, {"article": "{{ event.body.article }}"})
    return set_up(workflow, "web.hook", wanted, actor=bea)


def signed(secret: str, body: bytes = BODY, id: str = "msg_1", at: int | None = None) -> dict[str, str]:
    at = int(time.time()) if at is None else at
    signature = Webhook(secret).sign(id, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": id, "webhook-timestamp": str(at), "webhook-signature": signature}


def call(path: str, headers: dict[str, str], body: bytes = BODY) -> Any:
    with silent_broker():
        return Client().post(f"/hooks/{path}", body, content_type="application/json", headers=headers)


def test_a_signed_call_starts_a_run(workflow: Workflow, bea: Actor) -> None:
    trigger, shown = hooked(workflow, bea)
    answer = call(shown.path, {**signed(shown.secret), "X-Gitlab-Token": "unheard-of", "X-Kind": "push"})
    run = Run.objects.get()
    assert (answer.status_code, answer.json()["run"]) == (200, str(run.pk))
    assert (answer.json()["output"], run.started_by, run.starter_kind) == (
        {"text": "All is well."},
        "Press room",
        "trigger",
    )
    event = TriggerEvent.objects.get()
    assert (event.key, event.data["body"], "webhook-signature" in event.data["headers"]) == (
        "msg_1",
        json.loads(BODY),
        False,
    )
    assert (event.data["headers"].get("x-kind"), "x-gitlab-token" in event.data["headers"]) == ("push", False)
    assert Entry.objects.get(verb="run.started").actor_id == str(trigger.pk)


def test_w01_what_is_not_proven_starts_nothing(workflow: Workflow, bea: Actor) -> None:
    _, shown = hooked(workflow, bea)
    good = signed(shown.secret)
    signature = good["webhook-signature"]
    others = ["", "v1,", signature[:-4], signature.replace("v1,", "v1a,"), f" {signature[3:]}", "v1," + "A" * 44]
    wrong = [{**good, "webhook-signature": other} for other in others]
    wrong += [signed("whsec_" + "A" * 43 + "="), {}, {"webhook-id": "msg_1"}]
    wrong += [{name: value for name, value in good.items() if name != missing} for missing in good]
    assert {call(shown.path, headers).status_code for headers in wrong} == {401}
    assert not TriggerEvent.objects.exists()


def test_w02_a_changed_body_is_another_body(workflow: Workflow, bea: Actor) -> None:
    _, shown = hooked(workflow, bea)
    again = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    for body in (BODY + b" ", BODY.replace(b"All", b"all"), again, BODY.decode().encode("utf-16")):
        assert call(shown.path, signed(shown.secret), body).status_code == 401


def test_w03_fifty_at_once_with_one_id_start_one_run(workflow: Workflow, bea: Actor, roomy: None) -> None:
    _, shown = hooked(workflow, bea)
    headers = signed(shown.secret)

    def once(_: int) -> tuple[int, str]:
        try:
            answer = Client().post(f"/hooks/{shown.path}", BODY, content_type="application/json", headers=headers)
            return answer.status_code, answer.json()["run"]
        finally:
            connection.close()

    with silent_broker(), ThreadPoolExecutor(12) as pool:
        answers = set(pool.map(once, range(50)))
    assert answers == {(200, str(Run.objects.get().pk))}


@pytest.mark.parametrize("off", [-301, 301, 3600])
def test_w04_too_old_or_too_new_is_refused(workflow: Workflow, bea: Actor, off: int) -> None:
    _, shown = hooked(workflow, bea)
    assert call(shown.path, signed(shown.secret, at=int(time.time()) + off)).status_code == 401


@pytest.mark.parametrize("stamp", ["", "soon", "-5", "1e9", "10" * 10, "١٢٣"])
def test_w04_a_time_that_is_none_is_refused(workflow: Workflow, bea: Actor, stamp: str) -> None:
    _, shown = hooked(workflow, bea)
    headers = {**signed(shown.secret), "webhook-timestamp": stamp}
    assert call(shown.path, headers).status_code == 401


def test_w05_two_secrets_count_until_the_next_renewal(workflow: Workflow, bea: Actor) -> None:
    trigger, first = hooked(workflow, bea)
    second = renew_secret(trigger, actor=bea)
    assert call(first.path, signed(first.secret, id="a")).status_code == 200
    assert call(first.path, signed(second.secret, id="b")).status_code == 200
    renew_secret(trigger, actor=bea)
    assert call(first.path, signed(first.secret, id="c")).status_code == 401
    assert call(first.path, signed(second.secret, id="d")).status_code == 200


@pytest.mark.parametrize("id", ["a.b", "a b", "x" * 10_000, ""])
def test_w06_odd_ids_are_refused(workflow: Workflow, bea: Actor, id: str) -> None:
    _, shown = hooked(workflow, bea)
    headers = {**signed(shown.secret), "webhook-id": id}
    assert call(shown.path, headers).status_code in (400, 401)
    assert not Run.objects.exists()


def test_w13_a_guessed_path_and_one_that_is_off_look_alike(workflow: Workflow, bea: Actor) -> None:
    trigger, shown = hooked(workflow, bea)
    gone, other = hooked(workflow, bea)
    remove(gone, actor=bea)
    switch(trigger, on=False, actor=bea)
    answers = [call(path, signed(shown.secret)) for path in (shown.path, other.path, "guessed", "x" * 3000)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert len(shown.path) >= 32


def test_w12_a_minute_takes_so_many_and_no_more(workflow: Workflow, bea: Actor, roomy: None) -> None:
    _, shown = hooked(workflow, bea, proof="none", per_minute=20)

    def once(_: int) -> int:
        try:
            headers = {"X-Forwarded-For": f"10.0.0.{_}"}
            return (
                Client()
                .post(f"/hooks/{shown.path}", BODY, content_type="application/json", headers=headers)
                .status_code
            )
        finally:
            connection.close()

    if time.time() % 60 > 50:
        time.sleep(11)  # the minute must not turn in the middle
    with silent_broker(), ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(once, range(60)))
    assert (answers.count(200), answers.count(429)) == (20, 40)
    assert Run.objects.count() == 20


@pytest.mark.parametrize("form", ["{}", "sha256={}", "base64"])
def test_a_signature_in_a_header_as_many_services_send_it(workflow: Workflow, bea: Actor, form: str) -> None:
    _, shown = hooked(workflow, bea, proof="hmac", id_header="X-GitHub-Delivery")
    digest = hmac.new(shown.secret.encode(), BODY, hashlib.sha256)
    written = base64.b64encode(digest.digest()).decode() if form == "base64" else form.format(digest.hexdigest())
    headers = {"X-Hub-Signature-256": written, "X-GitHub-Delivery": "one"}
    assert [call(shown.path, headers).status_code for _ in range(2)] == [200, 200]
    assert Run.objects.count() == 1
    assert call(shown.path, {**headers, "X-Hub-Signature-256": written[:-2] + "00"}).status_code == 401


def test_only_if_its_condition_holds(workflow: Workflow, bea: Actor) -> None:
    only_if = {"all": [{"value": "{{ event.body.n }}", "is": "greater", "to": 5}]}
    wanted = Wanted("Press room", {"proof": "none"}, {"article": "{{ event.body.article }}"}, only_if)
    _, shown = set_up(workflow, "web.hook", wanted, actor=bea)
    assert call(shown.path, {}).json() == {"run": None, "outcome": "ignored"}
    assert call(shown.path, {}, b'{"article": "x", "n": 6}').json()["status"] == "succeeded"


def test_what_cannot_start_is_told_to_the_caller_and_shown(workflow: Workflow, bea: Actor) -> None:
    trigger, shown = hooked(workflow, bea, proof="none")
    answer = call(shown.path, {}, b'{"n": 1}')
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert "article" in answer.json()["detail"]
    assert answer.json()["type"].endswith("#not-started")
    _, signed = hooked(workflow, bea)
    assert call(signed.path, {}).json()["title"] == "The call of a webhook is not proven"
    trigger.refresh_from_db()
    assert trigger.health == "fails"


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b'{"a": NaN}', 400), (b'{"a": "\\u0000"}', 400), (b"\xff\xfe", 400), (b"x" * 1_000_001, 413)],
)
def test_hostile_bodies(workflow: Workflow, bea: Actor, body: bytes, status: int) -> None:
    _, shown = hooked(workflow, bea, proof="none")
    answer = Client().post(f"/hooks/{shown.path}", body, content_type="text/plain")
    assert answer.status_code == status, answer.content
    assert not Run.objects.exists()


def test_only_post_is_taken(workflow: Workflow, bea: Actor) -> None:
    _, shown = hooked(workflow, bea)
    assert Client().get(f"/hooks/{shown.path}").status_code == 405


def test_w09_when_the_server_has_its_hands_full_it_says_so_at_once(
    workflow: Workflow, bea: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, shown = hooked(workflow, bea, proof="none")
    full = BoundedSemaphore(1)
    monkeypatch.setattr(hooks, "_places", full)
    with full:
        answer = call(shown.path, {})
    assert (answer.status_code, answer["Retry-After"]) == (429, "15")
    assert not Run.objects.exists()
    assert call(shown.path, {}).status_code == 200


def test_a_secret_that_cannot_be_opened_is_said(
    workflow: Workflow, bea: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger, shown = set_up(workflow, "web.hook", Wanted(), actor=bea)

    def cannot(*_: Any) -> Any:
        raise vault.CannotOpen

    monkeypatch.setattr(vault, "opened", cannot)
    answer = Client().post(f"/hooks/{shown.path}", BODY, content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (503, 503)
    assert told(trigger).path == ""
    with pytest.raises(Conflict, match="cannot be read"):
        renew_secret(trigger, actor=bea)
