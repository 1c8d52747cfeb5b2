"""The same request many times at once, over real HTTP: it does its work once, and all hear the same (R02, R03, R04)."""

from __future__ import annotations

import pytest

from departments.models import Role
from tests.faults.crowd import at_once, errors, scaled
from tests.faults.scenes import Scene
from tests.faults.stack import Answer
from workflows.models import IdempotencyKey, Run

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 50
ROUNDS = scaled(2)
CRASHES = scaled(3)


def test_r02_fifty_posts_with_one_key_start_one_run_and_hear_the_same(scene: Scene) -> None:
    slug = scene.workflow([scene.effect("a")])

    for number in range(ROUNDS):
        answers = at_once(AT_ONCE, lambda _, key=f"key-{number}": scene.stack.start_run(slug, key=key))
        assert errors(answers) == []
        statuses = {answer.status for answer in answers}
        assert statuses <= {201, 409}, statuses
        assert 201 in statuses
        assert len({answer.body["id"] for answer in answers if answer.status == 201}) == 1
    scene.stack.wait_for_end([str(pk) for pk in Run.objects.values_list("pk", flat=True)], 10)

    assert Run.objects.count() == ROUNDS
    assert scene.arrived("keyed") == [1] * ROUNDS


def test_r03_a_key_belongs_to_one_body_one_address_and_one_program(scene: Scene) -> None:
    slug, other = scene.workflow([scene.effect("a")]), scene.workflow([scene.effect("b")])
    stack = scene.stack

    def same_key_with(path: str, body: object) -> Answer:
        return stack.call("POST", path, body, key="one")

    first = same_key_with(f"workflows/{slug}/runs", {"inputs": {}})
    other_body = at_once(10, lambda _: same_key_with(f"workflows/{slug}/runs", {"inputs": {}, "mode": "test"}))
    other_address = same_key_with(f"workflows/{other}/runs", {"inputs": {}})
    again = same_key_with(f"workflows/{slug}/runs", {"inputs": {}})
    stack.sign_in(scene.department, Role.OPERATOR)
    other_program = same_key_with(f"workflows/{slug}/runs", {"inputs": {}})

    assert first.status == other_address.status == again.status == other_program.status == 201
    assert {answer.status for answer in other_body} == {422}  # type: ignore[union-attr]
    assert again.body == first.body
    assert len({first.body["id"], other_address.body["id"], other_program.body["id"]}) == 3
    stack.wait_for_end([str(pk) for pk in Run.objects.values_list("pk", flat=True)], 10)
    assert Run.objects.count() == 3


def test_r04_a_crash_between_the_key_and_the_run_leaves_the_key_free(scene: Scene) -> None:
    slug = scene.workflow([scene.effect("a")])
    scene.stack.strike("web", f"before_run_commit:kill9@1-{CRASHES}")

    for number in range(CRASHES):
        crashed = scene.stack.start_run(slug, key=f"key-{number}")
        assert (crashed.status, Run.objects.count(), IdempotencyKey.objects.count()) == (0, 0, 0)
        assert len(scene.stack.struck("before_run_commit")) == number + 1
        scene.stack.wait(lambda: scene.stack.call("GET", "me").status == 200, 10, "the web process")
    answers = [scene.stack.start_run(slug, key=f"key-{number}") for number in range(CRASHES)]
    scene.stack.wait_for_end([answer.body["id"] for answer in answers], 10)

    assert [answer.status for answer in answers] == [201] * CRASHES
    assert (Run.objects.count(), scene.arrived("keyed")) == (CRASHES, [1] * CRASHES)
