"""OAuth 2 against a real authorization server: a person's consent, an app by itself, and what ends a sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from audit.models import Entry
from connectors import accounts, sign_ins, vault
from connectors.connections import Told, change, connect, remove, try_out
from connectors.models import Connection, Health
from connectors.oauth import endpoint, tokens
from connectors.sdk import AuthFailed, Unavailable
from departments.access import Actor, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.oauth_server import SECRET, AuthServer, auth_server

pytestmark = pytest.mark.django_db(transaction=True)

BACK = "https://tandem.example/connections/signed-in/"


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with auth_server(redirects={BACK}) as running:
        yield running


@pytest.fixture
def legal(server: AuthServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:{server.at}"])


@pytest.fixture
def ada(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Ada", legal, Role.BUILDER))


def connected(server: AuthServer, legal: Department, ada: Actor, signs_in: str, **other: Any) -> Connection:
    settings = {**server.settings, "signs_in": signs_in, **other}
    return connect(legal, "http", Told("Archive", settings, {"secret": server.secret}), actor=ada)


def consented(address: str, answer: str = "yes") -> dict[str, str]:
    """What the person's browser comes back with."""
    there = httpx2.post(address, data={"answer": answer}, timeout=10)
    assert there.status_code == 302, there.text
    return dict(parse_qsl(urlsplit(there.headers["Location"]).query))


def signed_in(connection: Connection, ada: Actor) -> bool:
    journey = sign_ins.begin(connection, BACK, actor=ada)
    return sign_ins.finish(connection, consented(journey.address), journey.verifier, BACK, actor=ada)


def get(connection: Connection) -> int:
    row = Connection.objects.select_related("secret", "department").get(pk=connection.pk)
    return accounts.opened(row).http.send("GET", f"{row.settings['address']}/me").status


@pytest.mark.parametrize("secret_in", ["header", "body"])
def test_a_person_signs_in_and_the_account_works(
    server: AuthServer, legal: Department, ada: Actor, secret_in: str
) -> None:
    connection = connected(server, legal, ada, "oauth_person", secret_in=secret_in)
    assert not try_out(connection, actor=ada)
    assert connection.health_said == tokens.NOBODY_YET

    assert signed_in(connection, ada)

    connection.refresh_from_db()
    assert connection.health == Health.WORKS
    entry = Entry.objects.shown().get(verb="connection.signed_in")
    assert (entry.actor_label, entry.detail["lasts"]) == ("Ada", True)


def test_an_app_without_a_secret_proves_itself_by_pkce_alone(server: AuthServer, legal: Department, ada: Actor) -> None:
    server.secret = ""
    assert signed_in(connected(server, legal, ada, "oauth_person"), ada)


@pytest.mark.parametrize("secret_in", ["header", "body"])
def test_an_app_signs_in_by_itself(server: AuthServer, legal: Department, ada: Actor, secret_in: str) -> None:
    server.secret = SECRET if secret_in == "header" else "s3cret & of:the app/+="
    connection = connected(server, legal, ada, "oauth_app", secret_in=secret_in)
    assert try_out(connection, actor=ada)
    assert get(connection) == 200
    assert server.asked == {"client_credentials": 1}


def test_a_code_with_another_verifier_is_worth_nothing(server: AuthServer, legal: Department, ada: Actor) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    mine, theirs = (sign_ins.begin(connection, BACK, actor=ada) for _ in range(2))
    with pytest.raises(AuthFailed):
        sign_ins.finish(connection, consented(mine.address), theirs.verifier, BACK, actor=ada)
    assert not tokens.held(connection)


def test_a_refusal_there_changes_nothing_here(server: AuthServer, legal: Department, ada: Actor) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    journey = sign_ins.begin(connection, BACK, actor=ada)
    with pytest.raises(AuthFailed, match="refused there"):
        sign_ins.finish(connection, consented(journey.address, "no"), journey.verifier, BACK, actor=ada)


def test_a_wrong_secret_of_the_app_is_named(server: AuthServer, legal: Department, ada: Actor) -> None:
    connection = connected(server, legal, ada, "oauth_app")
    server.secret = "another one"
    assert not try_out(connection, actor=ada)
    assert "does not know the app" in connection.health_said
    assert SECRET not in connection.health_said


def test_a_token_that_was_taken_back_is_renewed_and_the_request_sent_again(
    server: AuthServer, legal: Department, ada: Actor
) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    signed_in(connection, ada)
    server.revoke(access_only=True)
    assert get(connection) == 200
    assert server.asked["refresh_token"] == 1


def test_a_sign_in_that_was_withdrawn_asks_for_a_person(server: AuthServer, legal: Department, ada: Actor) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    signed_in(connection, ada)
    server.revoke()
    Connection.objects.update(tokens_due_at=timezone.now())
    with pytest.raises(AuthFailed, match="Sign in again"):
        get(connection)
    assert not try_out(connection, actor=ada)
    assert connection.health_said == endpoint.SIGN_IN_AGAIN


def test_a_server_that_is_down_is_tried_again_and_keeps_the_sign_in(
    server: AuthServer, legal: Department, ada: Actor
) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    signed_in(connection, ada)
    Connection.objects.update(tokens_due_at=timezone.now())
    server.broken = 1
    with pytest.raises(Unavailable):
        get(connection)
    assert get(connection) == 200


def test_a_token_server_that_is_not_listed_is_not_asked(server: AuthServer, legal: Department, ada: Actor) -> None:
    elsewhere = "http://127.0.0.1:9/token"
    connection = connected(server, legal, ada, "oauth_app", token_address=elsewhere)
    assert not try_out(connection, actor=ada)
    assert "is not among the hosts" in connection.health_said


def test_the_secret_goes_to_no_other_token_server(server: AuthServer, legal: Department, ada: Actor) -> None:
    connection = connected(server, legal, ada, "oauth_app")
    there = {**connection.settings, "token_address": "https://evil.example/token"}
    with pytest.raises(ValidationError, match="another address"):
        change(connection, Told("Archive", there, {}), actor=ada)


def test_other_rights_end_the_sign_in_and_another_name_does_not(
    server: AuthServer, legal: Department, ada: Actor
) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    signed_in(connection, ada)
    connection.refresh_from_db()
    change(connection, Told("Renamed", connection.settings, {}), actor=ada)
    assert get(connection) == 200
    change(connection, Told("Renamed", {**connection.settings, "rights": ["read", "write"]}, {}), actor=ada)
    with pytest.raises(AuthFailed, match="Nobody has signed in"):
        get(connection)


def test_what_is_removed_keeps_no_token_and_takes_none(server: AuthServer, legal: Department, ada: Actor) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    signed_in(connection, ada)
    connection.refresh_from_db()
    remove(connection, actor=ada)
    row = Connection.objects.select_related("tokens").get(pk=connection.pk)
    assert vault.opened(row.tokens) == {}
    assert not tokens.keep(connection, endpoint.Tokens("from-who-was-on-the-way"))


def test_only_who_may_connect_signs_in(server: AuthServer, legal: Department, ada: Actor) -> None:
    connection = connected(server, legal, ada, "oauth_person")
    olaf = actor_for_user(factories.make_user("Olaf", legal, Role.OPERATOR))
    with pytest.raises(PermissionDenied):
        sign_ins.begin(connection, BACK, actor=olaf)
