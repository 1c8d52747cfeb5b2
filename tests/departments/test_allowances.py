"""A limit is a limit, however many ask at once (rule S20)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from audit import sql
from departments import allowances
from departments.access import SYSTEM
from departments.allowances import Allowance, Limit, take
from departments.models import Role
from departments.tokens import create_token
from tests.factories import make_department

pytestmark = pytest.mark.django_db(transaction=True)

TWENTY = Limit("test", 20, 3_600)


def test_of_fifty_threads_at_once_exactly_as_many_get_through_as_may() -> None:
    key, together = f"test:{uuid4()}", Barrier(50)

    def ask(_: int) -> Allowance:
        together.wait()
        try:
            return take(key, TWENTY)
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        given = list(pool.map(ask, range(50)))

    allowed = [each for each in given if not each.is_refused]
    assert len(allowed) == 20
    assert sorted(each.left for each in allowed) == list(range(20))
    assert all(3_500 < each.wait_s <= 3_600 for each in given if each.is_refused)


def test_what_was_taken_comes_back_one_by_one() -> None:
    key, limit = f"test:{uuid4()}", Limit("test", 2, 0.4)
    assert [take(key, limit).is_refused for _ in range(3)] == [False, False, True]
    time.sleep(take(key, limit).wait_s + 0.01)
    assert [take(key, limit).is_refused for _ in range(2)] == [False, True]


def test_the_api_tells_what_is_left_and_when_to_come_back(settings) -> None:
    settings.API_PER_MINUTE = 12  # two at once, then one in five seconds
    _, secret = create_token(make_department(), role=Role.VIEWER, name="Archive", actor=SYSTEM)
    other = create_token(make_department(), role=Role.VIEWER, name="Archive", actor=SYSTEM)[1]

    def ask(secret: str) -> object:
        return Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/me")

    answers = [ask(secret) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[0]["RateLimit-Policy"] == '"token";q=2;w=10'
    assert answers[0]["RateLimit"] == '"token";r=1;t=5'
    said = answers[2].json()
    assert (said["status"], said["type"]) == (429, "/api/v1/docs#too-often")
    assert 1 <= int(answers[2]["Retry-After"]) <= 6
    assert answers[2]["RateLimit"].startswith('"token";r=0;')
    assert ask(other).status_code == 200, "each token has its own"


def test_wrong_tokens_are_counted_by_address_and_right_ones_still_work(settings) -> None:
    settings.API_FAILURES_PER_MINUTE = 12
    _, secret = create_token(make_department(), role=Role.VIEWER, name="Archive", actor=SYSTEM)

    def ask(secret: str, address: str) -> int:
        return Client(headers={"Authorization": f"Bearer {secret}"}, REMOTE_ADDR=address).get("/api/v1/me").status_code

    assert [ask("tdm_guess", f"2001:db8:0:7::{n}") for n in range(3)] == [401, 401, 429]
    assert ask("tdm_guess", "2001:db8:0:8::1") == 401
    assert ask(secret, "2001:db8:0:7::1") == 200


def test_what_was_counted_is_forgotten() -> None:
    key, limit = f"test:{uuid4()}", Limit("test", 1_000_000, 0.001)
    take(key, limit)
    sql.execute("UPDATE departments_allowance SET free_at = now() - interval '1 s' WHERE key = %s", [key])
    assert allowances.forget() >= 1
