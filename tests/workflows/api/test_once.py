"""A repeated request does nothing and hears the same (rule S19, cases R02 and R03)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.models import Entry
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.api.test_workflows import DEFINITION, created
from tests.workflows.runtime.harness import published, run_of
from workflows.models import IdempotencyKey, JournalEntry, Run, Workflow
from workflows.runtime import limits, sweeping

pytestmark = pytest.mark.django_db(transaction=True)

ADA = {"inputs": {"name": "Ada"}}


@pytest.fixture
def workflow(program: Program) -> Workflow:
    return published(DEFINITION["steps"], program.department, inputs=DEFINITION["inputs"])


def start(program: Program, workflow: Workflow, body: Any = ADA, key: str = "k-1") -> Any:
    return program.post(f"workflows/{workflow.pk}/runs", body, idempotency_key=key)


def test_the_same_key_with_the_same_body_gets_the_same_answer(program: Program, workflow: Workflow) -> None:
    first = start(program, workflow)
    again = start(program, workflow, {"inputs": {"name": "Ada"}})

    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.content, again["Location"]) == (first.content, first["Location"])
    assert (first.headers.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert (Run.objects.count(), Entry.objects.filter(verb="run.started").count()) == (1, 1)


def test_the_answer_is_the_same_after_the_run_has_gone_on(program: Program, workflow: Workflow) -> None:
    first = start(program, workflow)
    program.post(f"runs/{first.json()['id']}/cancel")

    assert start(program, workflow).content == first.content


def test_names_in_another_order_are_the_same_body(program: Program, workflow: Workflow) -> None:
    path = f"workflows/{workflow.pk}/runs"

    first = program.send("POST", path, b'{"inputs": {"name": "Ada"}, "mode": "live"}', idempotency_key="k")
    again = program.send("POST", path, b'{"mode":"live","inputs":{"name":"Ada"}}', idempotency_key="k")

    assert (again.status_code, again.content) == (201, first.content)


def test_the_same_key_with_another_body_is_422(program: Program, workflow: Workflow) -> None:
    start(program, workflow)

    assert_problem(start(program, workflow, {"inputs": {"name": "Bob"}}), 422, "key-reused")
    assert Run.objects.count() == 1


def test_another_token_and_another_address_have_keys_of_their_own(program: Program, workflow: Workflow) -> None:
    other = published(DEFINITION["steps"], program.department, name="Other", inputs=DEFINITION["inputs"])

    answers = [
        start(program, workflow),
        start(Program(program.department), workflow),
        start(program, other),
        program.post("workflows", {"definition": DEFINITION}, idempotency_key="k-1"),
    ]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert (Run.objects.count(), IdempotencyKey.objects.count()) == (3, 4)


def test_a_slash_at_the_end_makes_no_other_address(program: Program, workflow: Workflow) -> None:
    first = start(program, workflow)

    again = program.post(f"workflows/{workflow.pk}/runs/", ADA, idempotency_key="k-1")

    assert again.content == first.content


def test_a_refused_request_leaves_its_key_free(program: Program, workflow: Workflow) -> None:
    assert_problem(start(program, workflow, {"inputs": {}}), 400)

    assert start(program, workflow).status_code == 201


def test_every_post_takes_a_key(program: Program, workflow: Workflow) -> None:
    run = run_of(workflow, name="Ada").pk

    for path, body in [
        ("workflows", {"definition": DEFINITION}),
        (f"workflows/{workflow.pk}/publish", {"note": ""}),
        (f"runs/{run}/cancel", {}),
    ]:
        first = program.post(path, body, idempotency_key="same")
        again = program.post(path, body, idempotency_key="same")
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again["Idempotency-Replayed"] == "true"
    assert workflow.versions.count() == 2


@pytest.mark.parametrize("key", ["", "k" * 256, "a\x01b", "a\x7fb", "a\u0085b", "\xa0", "ä"])
def test_a_key_that_is_none_is_refused(program: Program, workflow: Workflow, key: str) -> None:
    said = assert_problem(start(program, workflow, key=key), 400)

    assert list(said["errors"]) == ["Idempotency-Key"]


@pytest.mark.parametrize("key", ["k" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a b", "'; --", "%s"])
def test_any_visible_text_is_a_key(program: Program, workflow: Workflow, key: str) -> None:
    assert start(program, workflow, key=key).content == start(program, workflow, key=key).content


def test_fifty_posts_at_once_start_one_run_and_hear_the_same(program: Program, workflow: Workflow) -> None:
    answers: list[tuple[int, bytes]] = []
    together = threading.Barrier(50)

    def post() -> None:
        try:
            together.wait()
            answer = start(program, workflow)
            answers.append((answer.status_code, answer.content))
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(50)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert len(answers) == 50
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert (Run.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
    assert list(JournalEntry.objects.values_list("seq", flat=True)) == [1, 2, 3, 4]


def test_who_waits_longer_than_a_lock_may_take_hears_that_the_first_is_under_way(
    program: Program, workflow: Workflow
) -> None:
    begun, ended = threading.Event(), threading.Event()

    def slow() -> None:
        try:
            with transaction.atomic():
                IdempotencyKey.objects.create(
                    key="k-1",
                    actor=f"token:{program.token.pk}",
                    route=f"POST /api/v1/workflows/{workflow.pk}/runs",
                    fingerprint="",
                )
                begun.set()
                ended.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    begun.wait()
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    answer = start(program, workflow)
    ended.set()
    thread.join()
    connection.close()

    assert_problem(answer, 409)
    assert not Run.objects.exists()


def test_when_the_first_fails_one_of_those_that_waited_takes_its_place(program: Program, workflow: Workflow) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def fails() -> None:
        try:
            with transaction.atomic():
                IdempotencyKey.objects.create(
                    key="k-1",
                    actor=f"token:{program.token.pk}",
                    route=f"POST /api/v1/workflows/{workflow.pk}/runs",
                    fingerprint="",
                )
                begun.set()
                go_on.wait(20)
                transaction.set_rollback(True)
        finally:
            connection.close()

    thread = threading.Thread(target=fails)
    thread.start()
    begun.wait()
    threading.Timer(0.3, go_on.set).start()
    answer = start(program, workflow)
    thread.join()

    assert answer.status_code == 201
    assert Run.objects.count() == 1


def test_keys_are_forgotten_after_two_days_and_not_before(program: Program, workflow: Workflow) -> None:
    start(program, workflow, key="old")
    start(program, workflow, key="young")
    now = timezone.now()
    IdempotencyKey.objects.filter(key="old").update(created_at=now - limits.KEYS_KEPT - timedelta(minutes=1))
    IdempotencyKey.objects.filter(key="young").update(created_at=now - limits.KEYS_KEPT + timedelta(minutes=1))

    assert sweeping.forget_keys() == 1

    assert IdempotencyKey.objects.get().key == "young"
    assert timedelta(hours=24) <= limits.KEYS_KEPT


def test_a_run_starts_in_one_transaction_of_few_statements(
    program: Program, workflow: Workflow, django_assert_max_num_queries: Any
) -> None:
    start(program, workflow, key="warm")

    # The token, the workflow, the clock, the run, its journal, the ledger, BEGIN and COMMIT.
    with django_assert_max_num_queries(8):
        program.post(f"workflows/{workflow.pk}/runs", ADA)
    # Beside those the key, its answer, and the savepoint of the service inside the key's transaction.
    with django_assert_max_num_queries(12):
        start(program, workflow, key="new")
    # The token, BEGIN, the key that is there, COMMIT, its answer.
    with django_assert_max_num_queries(5):
        start(program, workflow, key="new")


def test_without_a_key_each_request_stands_alone(program: Program) -> None:
    created(program, name="One")

    assert_problem(program.post("workflows", {"name": "One", "definition": DEFINITION}), 409)
    assert not IdempotencyKey.objects.exists()
