"""Identity providers that say odd things, and people who make the server ask them again and again."""

# ruff: noqa: F811  fixtures are parameters

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from connectors.models import IdentityProvider
from connectors.single_sign_on import claims
from departments.models import User
from tests.connectors.test_single_sign_on import GRACE, _in_a_transaction, come_in, office, there  # noqa: F401
from tests.identity_servers import OpenIdServer

pytestmark = pytest.mark.django_db

DOCUMENT = "/.well-known/openid-configuration"


def test_whatever_a_provider_says_is_a_sign_in_or_a_refusal(there: OpenIdServer, office: IdentityProvider) -> None:
    cases: list[tuple[dict[str, Any], int]] = [
        ({"sub": "x" * 400}, 401),
        ({"sub": "nu\0l"}, 401),
        ({"sub": ["1815"]}, 401),
        ({"email": ["grace@example.com"]}, 403),
        ({"email": {"of": "grace"}}, 403),
        ({"email": "nu\0l@example.com"}, 403),
        ({"email": "x" * 400 + "@example.com"}, 403),
        ({"name": "nu\0l", "groups": ["nu\0l", {"a": 1}]}, 302),
    ]
    for said, status in cases:
        there.person = {**GRACE, **said}
        assert come_in().status_code == status, said
    assert list(User.objects.values_list("name", flat=True)) == ["nul"]
    assert claims.plain("half \ud800a\0 character") == "half a character"

    there.person, there.in_token = {"sub": "1906", "name": "Ada"}, {"email": "ada@example.com", "email_verified": True}
    assert come_in().status_code == 302, "the address in the ID token alone"

    only_issuer = {"issuer": there.at}
    numbers = only_issuer | dict.fromkeys(("authorization_endpoint", "token_endpoint", "userinfo_endpoint"), 5)
    for document in ([], "text", only_issuer, numbers):
        cache.clear()
        there.document = document
        assert Client().get("/accounts/oidc/office/").status_code == 401, document


def test_a_provider_is_asked_for_its_addresses_now_and_then_whoever_comes_by(
    there: OpenIdServer, office: IdentityProvider, settings: Settings
) -> None:
    come_in()
    come_in()
    assert there.asked.count(DOCUMENT) == 1

    office.issuer = f"{there.at}/"
    office.save()
    there.document = []
    assert [Client().get("/accounts/oidc/office/").status_code for _ in range(3)] == [401] * 3
    assert there.asked.count(DOCUMENT) == 2, "a new issuer, whose failure is remembered too"

    settings.ACCOUNT_RATE_LIMITS = {**settings.ACCOUNT_RATE_LIMITS, "single_sign_on": "2/m/ip"}
    cache.clear()
    answers = [Client().get("/accounts/oidc/office/back/?code=x").status_code for _ in range(3)]
    assert answers == [401, 401, 429]
