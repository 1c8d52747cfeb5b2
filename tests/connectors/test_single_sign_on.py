"""Signing in once for all: OpenID Connect and SAML with real peers, and what groups there mean here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.db import connection
from django.test import Client
from joserfc.jwk import RSAKey

from audit.models import Entry
from connectors import net, vault
from connectors.models import GivenRole, IdentityProvider, Protocol, Secret
from departments.models import Department, Membership, Role, User
from tests.departments import written
from tests.factories import make_department, make_member, make_user
from tests.identity_servers import ENTITY, OPENID_CLIENT, OPENID_SECRET, OpenIdServer, SamlServer, openid_server

pytestmark = pytest.mark.django_db

GRACE = {"sub": "1815", "email": "grace@example.com", "email_verified": True, "name": "Grace Hopper"}
HOST = {"host": "testserver"}


@pytest.fixture(autouse=True)
def _in_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here each test is one."""
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)


@pytest.fixture
def there() -> Iterator[OpenIdServer]:
    with openid_server(person=dict(GRACE)) as server:
        server.redirects.add("http://testserver/accounts/oidc/office/back/")
        yield server


@pytest.fixture
def office(there: OpenIdServer) -> IdentityProvider:
    return IdentityProvider.objects.create(
        name="Office",
        slug="office",
        issuer=there.at,
        client_id=OPENID_CLIENT,
        secret=vault.keep({"secret": OPENID_SECRET}, None),
        hosts=[f"private:{there.at}"],
        makes_accounts=True,
    )


def sent_there(client: Client, then: str = "/ledger/") -> str:
    return client.get(f"/accounts/oidc/office/?next={then}")["Location"]


def sent_back(address: str) -> str:
    """What the browser is told over there."""
    return requests.get(address, allow_redirects=False, timeout=5).headers["Location"].replace("http://testserver", "")


def come_in(client: Client | None = None) -> Any:
    client = client or Client()
    return client.get(sent_back(sent_there(client)))


def is_in(client: Client) -> bool:
    return client.get("/accounts/sign-in/").status_code == 200


def last_refusal() -> str:
    return Entry.objects.shown().filter(verb="person.single_sign_on_refused").latest("id").detail["reason"]


def test_openid_makes_an_account_once_and_leads_to_where_the_person_wanted(office: IdentityProvider) -> None:
    offered = Client().get("/accounts/login/?next=/ledger/").content.decode()
    first, second = come_in(), come_in()

    assert 'href="/accounts/oidc/office/?next=%2Fledger%2F"' in offered
    assert (first.status_code, first["Location"], second["Location"]) == (302, "/ledger/", "/ledger/")
    grace = User.objects.get(email="grace@example.com")
    assert (grace.name, grace.has_usable_password(), is_in(first.client)) == ("Grace Hopper", False, True)
    told = written.told("verb", "actor_label")
    assert told == [("person.created", "Office"), *[("person.signed_in", "Grace Hopper")] * 2]
    assert Entry.objects.shown().latest("id").detail == {"method": "single sign-on, office"}
    assert SocialAccount.objects.get().extra_data == {}


def test_openid_refuses_whatever_does_not_fit(there: OpenIdServer, office: IdentityProvider) -> None:
    client = Client()
    way_back = sent_back(sent_there(client))
    assert Client().get(way_back).status_code == 401, "a way back that another browser began"
    assert client.get(way_back).status_code == 302
    state = parse_qs(urlsplit(sent_there(client)).query)["state"][0]
    refused = client.get(f"/accounts/oidc/office/back/?error=access_denied&state={state}")
    assert "You said no over there" in client.get(refused["Location"]).content.decode()

    there.signs_with = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig", "alg": "RS256"})
    assert come_in().status_code == 401, "signed by somebody else"
    there.signs_with = there.key
    there.in_token = {"sub": "another"}
    assert (come_in().status_code, last_refusal()[:15]) == (403, "The two answers")
    there.in_token = {}
    there.says_issuer = "https://elsewhere.example"
    cache.clear()
    assert Client().get("/accounts/oidc/office/").status_code == 401
    there.says_issuer = ""
    office.hosts = []
    office.save()
    assert Client().get("/accounts/oidc/office/").status_code == 401, "an address inside that nobody has listed"
    office.enabled = False
    office.save()
    assert Client().get("/accounts/oidc/office/").status_code == 404
    assert "Office" not in Client().get("/accounts/login/").content.decode()
    assert User.objects.count() == 1


def test_an_account_is_taken_over_only_when_somebody_vouches_for_the_address(
    there: OpenIdServer, office: IdentityProvider
) -> None:
    grace = make_user("Grace", email="grace@example.com", password="correct horse battery")
    there.person["email_verified"] = False
    assert come_in().status_code == 403
    assert "nobody vouches" in last_refusal()

    there.person["email_verified"] = True
    answer = come_in()
    assert answer.client.session["_auth_user_id"] == str(grace.pk)
    assert Entry.objects.shown().filter(verb="person.identity_linked").count() == 1

    there.person["email"] = "hopper@example.com"
    assert come_in().client.session["_auth_user_id"] == str(grace.pk), "known by what does not change"
    User.objects.update(is_active=False)
    assert come_in()["Location"] == "/accounts/inactive/"

    office.makes_accounts = False
    office.save()
    there.person |= {"sub": "1906", "email": "new@example.com"}
    refused = come_in()
    assert (refused.status_code, "You have no account here" in refused.content.decode()) == (403, True)
    assert not User.objects.filter(email="new@example.com").exists()


def test_groups_give_roles_and_take_them_at_the_next_sign_in(there: OpenIdServer, office: IdentityProvider) -> None:
    legal, press = make_department("Legal"), make_department("Press")
    rule = office.group_roles.create
    rule(group="counsel", department=legal, role=Role.APPROVER)
    rule(group="leads", department=legal, role=Role.MANAGER)
    rule(group="leads", department=press, role=Role.VIEWER)
    there.person["groups"] = ["counsel", "leads", "skiing"]
    come_in()
    grace = User.objects.get(email="grace@example.com")

    assert roles(grace) == {("Legal", "approver"), ("Legal", "manager"), ("Press", "viewer")}
    make_member(grace, press, Role.BUILDER)
    there.person["groups"], there.in_token = ["skiing"], {"groups": "counsel"}
    come_in()
    assert roles(grace) == {("Legal", "approver"), ("Press", "builder")}
    there.in_token = {}
    del there.person["groups"]
    come_in()
    assert roles(grace) == {("Press", "builder")}, "what a person gave stays"

    assert GivenRole.objects.count() == 0
    said = Entry.objects.shown().filter(verb__startswith="member.").order_by("id")
    assert [entry.verb for entry in said] == ["member.added"] * 3 + ["member.removed"] * 3
    assert {entry.actor_label for entry in said} == {"Office"}


def roles(user: User) -> set[tuple[str, str]]:
    return set(Membership.objects.filter(user=user).values_list("department__name", "role"))


def test_who_has_a_second_factor_here_is_asked_for_it_after_the_provider_too(office: IdentityProvider) -> None:
    come_in()
    Authenticator.objects.create(user=User.objects.get(), type="totp", data={})

    answer = come_in()

    assert (answer["Location"], is_in(answer.client)) == ("/accounts/second-factor/", False)


def test_an_administrator_sets_a_provider_up_and_the_secret_lies_in_the_vault(there: OpenIdServer) -> None:
    client, legal = Client(), make_department("Legal")
    client.force_login(make_user("Robin", is_staff=True, is_superuser=True))
    form = {
        "name": "Office",
        "slug": "office",
        "protocol": "openid_connect",
        "enabled": "on",
        "issuer": there.at,
        "client_id": OPENID_CLIENT,
        "new_secret": OPENID_SECRET,
        "hosts": f'["private:{there.at}"]',
        "groups_in": "groups",
        "makes_accounts": "on",
        "group_roles-TOTAL_FORMS": "1",
        "group_roles-INITIAL_FORMS": "0",
        "group_roles-0-group": "counsel",
        "group_roles-0-department": str(legal.pk),
        "group_roles-0-role": "viewer",
    }
    address = "/admin/connectors/identityprovider/"

    wrong = client.post(f"{address}add/", {**form, "protocol": "saml", "metadata": "<no>"}).content.decode()
    saved = client.post(f"{address}add/", {**form, "client_id": "", "new_secret": ""})
    office = IdentityProvider.objects.get()
    page = client.get(f"{address}{office.pk}/change/").content.decode()
    assert client.get("/accounts/oidc/office/").status_code == 404, "not registered over there yet"
    client.post(f"{address}{office.pk}/change/", {**form, "new_secret": "the-one-before"})
    before = Secret.objects.count()
    client.post(f"{address}{office.pk}/change/", form)
    come_in()
    assert Secret.objects.count() == before, "the secret before is gone"
    named = client.post(f"{address}add/", {**form, "name": "Named", "slug": "saml"}).content.decode()
    assert "the name of a protocol" in named

    assert ("It is no metadata of SAML" in wrong, saved.status_code) == (True, 302)
    assert "http://127.0.0.1:8000/accounts/oidc/office/back/" in page
    assert OPENID_SECRET not in client.get(f"{address}{office.pk}/change/").content.decode()
    with connection.cursor() as cursor:
        for table in ("connectors_identityprovider", "audit_entry", "django_admin_log"):
            cursor.execute(f'SELECT count(*) FROM "{table}" AS row WHERE row::text LIKE %s', [f"%{OPENID_SECRET}%"])
            assert cursor.fetchone() == (0,), table
    assert Entry.objects.shown().filter(verb="identityprovider.added_in_admin").exists()
    assert Entry.objects.shown().get(verb="group_role.added").detail["group"] == "counsel"
    assert SocialAccount.objects.count() == 1
    client.post(f"{address}{office.pk}/change/", {**form, "issuer": "https://other.example", "hosts": "[]"})
    assert SocialAccount.objects.count() == 0, "another system's people are other people"
    assert vault.opened(IdentityProvider.objects.get().secret) == {"secret": OPENID_SECRET}
    assert client.post(f"{address}{office.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.fixture
def house(legal: Department) -> tuple[SamlServer, IdentityProvider]:
    there = SamlServer()
    provider = IdentityProvider.objects.create(
        name="House", slug="house", protocol=Protocol.SAML, metadata=there.metadata, groups_in="memberOf"
    )
    provider.makes_accounts = provider.vouches_for_addresses = True
    provider.save()
    provider.group_roles.create(group="counsel", department=legal, role=Role.APPROVER)
    return there, provider


@pytest.fixture
def legal() -> Department:
    return make_department("Legal")


def asked(client: Client) -> str:
    address = client.get("/accounts/saml/house/?next=/ledger/", headers=HOST)["Location"]
    assert address.startswith(f"{ENTITY}/in?SAMLRequest=")
    return address


def answered(client: Client, answer: str) -> Any:
    posted = client.post("/accounts/saml/house/back/", {"SAMLResponse": answer}, headers=HOST)
    return client.get(posted["Location"], headers=HOST)


def test_saml_signs_in_with_its_groups_as_roles(house: tuple[SamlServer, IdentityProvider]) -> None:
    there, _provider = house
    client = Client()
    metadata = client.get("/accounts/saml/house/metadata/", headers=HOST).content.decode()

    answer = answered(
        client, there.answer(asked(client), "grace@example.com", displayName=["Grace"], memberOf=["counsel", "x"])
    )

    assert "http://testserver/accounts/saml/house/back/" in metadata
    assert (answer.status_code, answer["Location"], is_in(client)) == (302, "/ledger/", True)
    grace = User.objects.get()
    assert (grace.name, grace.email, roles(grace)) == ("Grace", "grace@example.com", {("Legal", "approver")})
    assert Entry.objects.shown().latest("id").detail == {"method": "single sign-on, house"}
    client.get("/accounts/saml/house/", headers=HOST)
    answered(client, there.answer(asked(client), "grace@example.com", memberOf=[]))
    assert roles(grace) == set()


def test_saml_refuses_what_is_forged_replayed_or_not_asked_for(house: tuple[SamlServer, IdentityProvider]) -> None:
    there, _provider = house
    client = Client()
    address = asked(client)
    good = there.answer(address, "grace@example.com")
    cases = {
        "not signed": there.answer(address, "grace@example.com", signed=False),
        "signed by another": SamlServer().answer(address, "grace@example.com"),
        "begun over there": there.answer(address, "grace@example.com", unasked=True),
        "about somebody whose name is too long": there.answer(address, "x" * 400 + "@example.com"),
        "no answer": "bm90IHhtbA==",
    }
    for name, answer in cases.items():
        assert answered(client, answer).status_code == 401, name
    assert answered(Client(), good).status_code == 403, "asked for by another browser"
    assert client.get("/accounts/saml/house/finish/", headers=HOST).status_code == 401, "nothing was sent"
    assert User.objects.count() == 0
    too_long = client.post("/accounts/saml/house/back/", {"SAMLResponse": "A" * 200_001}, headers=HOST)
    elsewhere = client.post("/accounts/saml/nowhere/back/", {"SAMLResponse": good}, headers=HOST)
    assert (too_long.status_code, elsewhere.status_code) == (413, 404)

    assert answered(client, good).status_code == 302
    client.post("/accounts/logout/")
    assert answered(client, good).status_code == 403, "once is enough"
    assert not is_in(client)
    assert urlsplit(client.get("/accounts/saml/house/out/")["Location"]).path == "/accounts/logout/"
    assert client.get("/accounts/saml/nowhere/", headers=HOST).status_code == 404
