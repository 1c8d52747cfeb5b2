"""API tokens (rule S18)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from audit.models import Entry
from departments.access import SYSTEM, Verb, actor_for_token, actor_for_user
from departments.models import ApiToken, Department, Role
from departments.tokens import create_token, renew_token, revoke_token, token_for
from tests.factories import make_department, make_user

pytestmark = pytest.mark.django_db


class WhoAmI(APIView):
    """A view under the project's own REST settings."""

    def get(self, request):
        return Response({"label": request.actor.label, "kind": request.actor.kind, "user": str(request.user)})

    post = get


@pytest.fixture
def issued(legal: Department) -> tuple[ApiToken, str]:
    return create_token(legal, role=Role.OPERATOR, name="Contract archive", actor=SYSTEM)


def ask(authorization: str | None = None, path: str = "/api/v1/me", data: dict[str, str] | None = None) -> Response:
    headers = {} if authorization is None else {"Authorization": authorization}
    make = APIRequestFactory().post if data else APIRequestFactory().get
    return WhoAmI.as_view()(make(path, data, format="json", headers=headers))


def test_a_token_is_256_random_bits_shown_once_and_kept_as_a_hash(issued: tuple[ApiToken, str]) -> None:
    token, secret = issued

    token.refresh_from_db()

    assert re.fullmatch(r"tdm_[A-Za-z0-9_-]{43}", secret)
    assert token.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert token.prefix == secret[:12]
    assert secret not in str(ApiToken.objects.values().get()) + str(Entry.objects.values())


def test_no_two_tokens_are_alike(legal: Department) -> None:
    secrets = {create_token(legal, role="viewer", name="x", actor=SYSTEM)[1] for _ in range(50)}

    assert len(secrets) == 50


def test_a_token_acts_in_its_department_with_its_role_and_nowhere_else(issued: tuple[ApiToken, str]) -> None:
    token, _secret = issued
    other = make_department()

    actor = actor_for_token(token)

    assert (actor.kind, actor.label) == ("token", "Contract archive")
    assert [verb for verb in Verb if actor.may(verb, token.department_id)] == [Verb.VIEW, Verb.RUN]
    assert not any(actor.may(verb, other.pk) for verb in Verb)


def test_the_right_token_opens_the_api_as_its_actor(issued: tuple[ApiToken, str]) -> None:
    answer = ask(f"Bearer {issued[1]}")

    assert answer.status_code == 200
    assert answer.data == {"label": "Contract archive", "kind": "token", "user": "Contract archive"}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer",
        "Bearer {secret} {secret}",
        "Bearer {cut}",
        "Bearer {misspelt}",
        "Bearer {upper}",
        "Bearer {digest}",
        "Bearer {prefix}",
        "Token {secret}",
        "Bearer ÿ\x00'",
    ],
)
def test_anything_but_the_whole_token_is_401_and_says_how_to_sign_in(
    issued: tuple[ApiToken, str], header: str | None
) -> None:
    token, secret = issued
    words = {
        "secret": secret,
        "cut": secret[:-1],
        "misspelt": secret[:-1] + ("A" if secret[-1] != "A" else "B"),
        "upper": secret.upper(),
        "digest": token.digest,
        "prefix": token.prefix,
    }

    answer = ask(header and header.format_map(words))

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_token_in_the_address_or_the_body_is_never_read(issued: tuple[ApiToken, str]) -> None:
    secret = issued[1]

    in_address = ask(path=f"/api/v1/me?token={secret}&access_token={secret}&api_key={secret}")
    in_body = ask(data={"token": secret, "access_token": secret})

    assert (in_address.status_code, in_body.status_code) == (401, 401)


def test_a_revoked_token_is_refused_from_the_next_request_on(issued: tuple[ApiToken, str]) -> None:
    token, secret = issued

    revoke_token(token, actor=SYSTEM)
    revoke_token(token, actor=SYSTEM)

    assert ask(f"Bearer {secret}").status_code == 401
    assert token.revoked_at is not None
    assert list(Entry.objects.values_list("verb", flat=True)) == ["token.revoked", "token.created"]


def test_a_renewed_token_is_the_same_program_and_its_secret_before_works_for_a_while(
    issued: tuple[ApiToken, str],
) -> None:
    token, first = issued

    second = renew_token(token, actor=SYSTEM, lifetime=timedelta(days=30), overlap=timedelta(days=1))
    for secret in (first, second):
        found = token_for(secret)
        assert found is not None
        assert (found.pk, found.name, found.role) == (token.pk, token.name, token.role)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        ApiToken.objects.update(previous_until=timezone.now() - timedelta(hours=26))
        assert [token_for(secret) is not None for secret in (first, second)] == [False, True]

    third = renew_token(token, actor=SYSTEM, overlap=timedelta(0))
    assert [token_for(secret) is not None for secret in (first, second, third)] == [False, False, True]
    renew_token(token, actor=SYSTEM)
    revoke_token(token, actor=SYSTEM)
    assert token_for(third) is None, "revoked, both are"
    with pytest.raises(ValidationError, match="has ended"):
        renew_token(token, actor=SYSTEM)
    assert Entry.objects.filter(verb="token.renewed", object_id=str(token.pk)).count() == 3


def test_only_a_manager_renews_and_no_secret_lives_beyond_its_bounds(
    issued: tuple[ApiToken, str], legal: Department
) -> None:
    token, secret = issued
    with pytest.raises(PermissionDenied):
        renew_token(token, actor=actor_for_user(make_user(department=legal, role=Role.BUILDER)))
    for wrong in ({"overlap": timedelta(days=8)}, {"overlap": timedelta(hours=-1)}, {"lifetime": timedelta(days=366)}):
        with pytest.raises(ValidationError):
            renew_token(token, actor=SYSTEM, **wrong)
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(minutes=5))

    renew_token(token, actor=SYSTEM, overlap=timedelta(days=7))

    assert token.previous_until is not None
    assert token.previous_until < timezone.now() + timedelta(minutes=6), "it would have ended then"
    assert token_for(secret) is not None


def test_an_expired_token_is_refused(issued: tuple[ApiToken, str]) -> None:
    token, secret = issued

    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    assert ask(f"Bearer {secret}").status_code == 401


def test_a_busy_token_notes_its_use_at_most_once_a_minute(
    issued: tuple[ApiToken, str], django_assert_num_queries: Callable
) -> None:
    token, secret = issued
    ask(f"Bearer {secret}")
    first_use = ApiToken.objects.get(pk=token.pk).last_used_at

    with django_assert_num_queries(1):
        ask(f"Bearer {secret}")

    assert ApiToken.objects.get(pk=token.pk).last_used_at == first_use
    with time_machine.travel(timezone.now() + timedelta(seconds=61)), django_assert_num_queries(2):
        ask(f"Bearer {secret}")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"role": "owner"}, "role"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"lifetime": timedelta(days=365, seconds=1)}, "lifetime"),
        ({"lifetime": timedelta(0)}, "lifetime"),
    ],
)
def test_a_token_without_a_role_a_name_or_an_end_is_refused(legal: Department, wrong: dict, field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        create_token(legal, actor=SYSTEM, **{"role": "viewer", "name": "x", **wrong})

    assert list(refusal.value.message_dict) == [field]
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("role", Role.values)
def test_only_a_manager_of_the_department_makes_tokens(legal: Department, role: str) -> None:
    member = actor_for_user(make_user(department=legal, role=role))
    stranger = actor_for_user(make_user(department=make_department(), role=Role.MANAGER))

    if role == Role.MANAGER:
        token, _ = create_token(legal, role="viewer", name="x", actor=member)
        assert str(token.created_by_id) == member.id
        with pytest.raises(PermissionDenied):
            revoke_token(token, actor=stranger)
    else:
        with pytest.raises(PermissionDenied):
            create_token(legal, role="viewer", name="x", actor=member)
    with pytest.raises(PermissionDenied):
        create_token(legal, role="viewer", name="x", actor=stranger)


def test_the_command_prints_the_token_and_nothing_else(legal: Department) -> None:
    out = StringIO()

    call_command("create_token", "--department", "legal", "--role", "builder", "--name", "CI", stdout=out)

    found = token_for(out.getvalue().strip())
    assert out.getvalue().count("\n") == 1
    assert (found.department, found.role, found.name) == (legal, "builder", "CI")


def test_the_command_names_the_departments_when_the_given_one_is_unknown(legal: Department) -> None:
    with pytest.raises(CommandError, match=r"no department “sales”. There are: legal\."):
        call_command("create_token", "--department", "sales", "--role", "viewer", "--name", "x")


def test_a_token_may_have_less_than_its_role(legal: Department) -> None:
    token, secret = create_token(legal, role=Role.MANAGER, name="Starter", actor=SYSTEM, only=["run", "view"])

    found = token_for(secret)
    assert found is not None
    actor = actor_for_token(found)

    assert [verb for verb in Verb if actor.may(verb, legal.pk)] == [Verb.VIEW, Verb.RUN]
    assert (actor.departments(Verb.EDIT), actor.departments(Verb.RUN)) == ([], [legal.pk])
    assert Entry.objects.get(verb="token.created").detail == {"role": "manager", "only": ["view", "run"]}
    assert token.only == ["view", "run"]


def test_a_token_never_gets_more_than_its_role(legal: Department) -> None:
    with pytest.raises(ValidationError, match="may not “publish”"):
        create_token(legal, role=Role.OPERATOR, name="x", actor=SYSTEM, only=["publish"])
