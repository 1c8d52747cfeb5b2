"""The page of API tokens: made and shown once, narrowed, ended; of one department."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from departments.access import SYSTEM, actor_for_user
from departments.models import ApiToken, Department, Role, User
from departments.services import deactivate_user
from departments.tokens import create_token, token_for
from tests.factories import make_department, make_user

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]
ASKED = {"name": "Contract archive", "role": "operator", "days": "30"}


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


@pytest.fixture
def henrik(signed_in: SignIn, legal: Department) -> Client:
    return signed_in(make_user("Henrik", department=legal, role=Role.MANAGER))


def page_of(department: Department) -> str:
    return reverse("tokens", args=[department.slug])


def test_a_token_is_made_shown_once_used_and_ended(henrik: Client, legal: Department) -> None:
    made = henrik.post(f"{page_of(legal)}new/", {**ASKED, "only-run": "on", "only-view": "on"}).content.decode()
    [secret] = re.findall(r"tdm_[\w-]{43}", made)
    token = token_for(secret)
    assert token is not None
    assert (token.name, token.role, token.only) == ("Contract archive", "operator", ["view", "run"])
    assert token.expires_at - timezone.now() < timedelta(days=30)
    assert token.created_by is not None

    listed = henrik.get(page_of(legal)).content.decode()
    assert secret not in listed
    assert f"{token.prefix}…" in listed
    assert "only read, start and stop runs" in listed
    assert "never used" in listed

    renewed = henrik.post(f"{page_of(legal)}{token.pk}/renew/", {"days": "30", "overlap": "0"}).content.decode()
    [again] = re.findall(r"tdm_[\w-]{43}", renewed)
    assert token_for(secret) is None
    assert token_for(again) == token
    for wrong in ({"days": "30"}, {"overlap": "0"}, {"days": "9" * 30, "overlap": "0"}, {"days": "30", "overlap": "x"}):
        assert henrik.post(f"{page_of(legal)}{token.pk}/renew/", wrong).status_code == 302, wrong
    assert token_for(again) == token, "nothing was renewed"
    secret = again

    henrik.post(f"{page_of(legal)}{token.pk}/revoke/")
    assert token_for(secret) is None
    assert "Ended" in henrik.get(page_of(legal)).content.decode()


def test_a_token_outlives_the_account_of_its_maker_and_the_page_says_so(henrik: Client, legal: Department) -> None:
    maren = make_user("Maren", department=legal, role=Role.MANAGER)
    _token, secret = create_token(legal, role="viewer", name="Archive", actor=actor_for_user(maren))
    assert "whose account is deactivated" not in henrik.get(page_of(legal)).content.decode()

    deactivate_user(maren, actor=SYSTEM)

    assert token_for(secret) is not None
    assert "made by Maren, whose account is deactivated" in henrik.get(page_of(legal)).content.decode()


def test_what_is_refused_stands_at_its_field_and_is_still_there(henrik: Client, legal: Department) -> None:
    for wrong, said in (
        ({"name": " "}, "name"),
        ({"only-publish": "on"}, "More than its role may. That is: read, start and stop runs."),
        ({"days": "99999999999999999999"}, "days"),
        ({"role": "emperor"}, "role"),
    ):
        answer = henrik.post(f"{page_of(legal)}new/", {**ASKED, **wrong})
        assert answer.status_code == 422, wrong
        assert said in answer.content.decode()
        assert wrong.keys() & {"name"} or "Contract archive" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_a_token_of_another_department_is_not_there(henrik: Client, legal: Department) -> None:
    theirs, _ = create_token(make_department("Press"), role="viewer", name="Theirs", actor=SYSTEM)

    assert henrik.post(f"{page_of(legal)}{theirs.pk}/revoke/").status_code == 404
    assert henrik.get(page_of(theirs.department)).status_code == 404
    assert "Theirs" not in henrik.get(page_of(legal)).content.decode()


def test_the_page_asks_as_much_for_a_hundred_tokens(
    henrik: Client, legal: Department, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    for number in range(100):
        create_token(legal, role="viewer", name=f"Program {number}", actor=SYSTEM)

    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        assert henrik.get(page_of(legal)).content.decode().count("Program ") >= 100
