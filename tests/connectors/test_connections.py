"""Accounts of other systems: connected, renewed, tried, removed; their secrets go where they belong alone."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from pytest_httpserver import HTTPServer

from audit.models import Entry
from connectors import accounts, net, vault
from connectors.connections import Told, change, connect, remove, try_out
from connectors.models import Connection, Health
from connectors.sdk import BadParams
from departments.access import Actor, actor_for_user
from departments.models import Department, Role
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "tok-7f3a-unheard-of"


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    """It may go to one server on this machine."""
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


@pytest.fixture
def ada(legal: Department) -> Actor:
    return actor_for_user(factories.make_user("Ada", legal, Role.BUILDER))


def told(server: HTTPServer, secret: str = TOKEN, **settings: Any) -> Told:
    return Told("Article archive", {"address": server.url_for("/v1"), **settings}, {"secret": secret})


def connected(server: HTTPServer, legal: Department, ada: Actor, **settings: Any) -> Connection:
    return connect(legal, "http", told(server, **settings), actor=ada)


# ── signing in ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "headers", "query"),
    [
        ({}, {"Authorization": f"Bearer {TOKEN}"}, ""),
        (
            {"signs_in": "basic", "user": "ada"},
            {"Authorization": f"Basic {base64.b64encode(f'ada:{TOKEN}'.encode()).decode()}"},
            "",
        ),
        ({"signs_in": "header", "key_name": "X-Api-Key"}, {"X-Api-Key": TOKEN}, ""),
        ({"signs_in": "query", "key_name": "key"}, {}, f"key={TOKEN}"),
    ],
)
def test_every_way_to_sign_in(
    settings: dict[str, str], headers: dict[str, str], query: str, httpserver: HTTPServer, legal: Department, ada: Actor
) -> None:
    httpserver.expect_request("/v1", headers=headers, query_string=query).respond_with_data("hello")

    connection = connected(httpserver, legal, ada, **settings)

    assert try_out(connection, actor=ada)
    assert (connection.health, connection.health_said) == (Health.WORKS, "It answered with 200.")
    assert connection.checked_at is not None


def test_what_the_other_side_does_not_accept_is_said_and_kept(
    httpserver: HTTPServer, legal: Department, ada: Actor
) -> None:
    httpserver.expect_request("/v1").respond_with_data(f"no {TOKEN}", status=401)

    connection = connected(httpserver, legal, ada)

    assert not try_out(connection, actor=ada)
    assert connection.health == Health.FAILS
    assert "answered with 401" in connection.health_said


def test_a_host_that_is_not_on_the_list_is_not_asked(httpserver: HTTPServer, legal: Department, ada: Actor) -> None:
    legal.egress_hosts = []
    legal.save()
    connection = connected(httpserver, legal, ada)

    assert not try_out(connection, actor=ada)
    assert httpserver.log == []


# ── bound to its host (rule S7, case S12) ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://localhost:{port}/v1",
        "http://127.0.0.2:{port}/v1",
        "https://127.0.0.1:{port}/v1",
        "http://127.0.0.1:1/v1",
        "http://sub.127.0.0.1.example:{port}/",
        "http://127.0.0.1.example/",
    ],
)
def test_credentials_go_to_their_own_host_alone(
    elsewhere: str, httpserver: HTTPServer, legal: Department, ada: Actor
) -> None:
    account = accounts.opened(connected(httpserver, legal, ada))

    with pytest.raises(BadParams, match="are not sent to"):
        account.http.send("GET", elsewhere.format(port=httpserver.port))

    assert httpserver.log == []


def test_a_redirect_takes_them_nowhere_else(httpserver: HTTPServer, legal: Department, ada: Actor) -> None:
    other = HTTPServer("127.0.0.1", 0)
    other.expect_request("/").respond_with_data("there")
    other.start()
    try:
        legal.egress_hosts = [*legal.egress_hosts, f"private:http://127.0.0.1:{other.port}"]
        legal.save()
        httpserver.expect_request("/v1").respond_with_data("", 302, {"Location": other.url_for("/")})
        for settings in ({}, {"signs_in": "header", "key_name": "X-Api-Key"}, {"signs_in": "query", "key_name": "k"}):
            connection = connect(legal, "http", told(httpserver, **settings), actor=ada)
            answer = accounts.opened(connection).http.send("GET", httpserver.url_for("/v1"))
            assert answer.body == b"there"
        seen = [f"{request.url} {request.headers}" for request, _ in other.log]
        assert len(seen) == 3
        assert TOKEN not in "".join(seen)
    finally:
        other.stop()


def test_what_a_step_writes_into_the_same_header_gives_way(
    httpserver: HTTPServer, legal: Department, ada: Actor
) -> None:
    httpserver.expect_request("/v1", headers={"Authorization": f"Bearer {TOKEN}"}).respond_with_data("ok")
    account = accounts.opened(connected(httpserver, legal, ada))

    sent = account.http.send("GET", httpserver.url_for("/v1"), headers={"authorization": "Bearer mine"})

    assert sent.status == 200


# ── who, and what is shown ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_whoever_only_uses_workflows_connects_nothing(role: Role, httpserver: HTTPServer, legal: Department) -> None:
    with pytest.raises(PermissionDenied):
        connect(legal, "http", told(httpserver), actor=actor_for_user(factories.make_user("Vi", legal, role)))

    assert not Connection.objects.exists()


def test_no_secret_stands_in_a_row_in_the_ledger_or_in_a_repr(
    httpserver: HTTPServer, legal: Department, ada: Actor
) -> None:
    connection = connected(httpserver, legal, ada)
    account = accounts.opened(connection)

    assert TOKEN not in repr([account, told(httpserver), Connection.objects.values().get()])
    assert TOKEN not in repr(list(Entry.objects.values()))
    assert "Article archive" not in repr(list(Entry.objects.values()))


@pytest.mark.parametrize(
    ("settings", "secret", "field"),
    [
        ({"address": "ftp://example.com"}, TOKEN, "address"),
        ({"address": "https://user@example.com"}, TOKEN, "address"),
        ({"signs_in": "basic"}, TOKEN, "user"),
        ({"signs_in": "header"}, TOKEN, "key_name"),
        ({"signs_in": "header", "key_name": "X Key"}, TOKEN, "key_name"),
        ({}, "two\nlines", "secret"),
        ({}, "", "secret"),
        ({"unknown": "x"}, TOKEN, "unknown"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    settings: dict[str, str], secret: str, field: str, httpserver: HTTPServer, legal: Department, ada: Actor
) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(legal, "http", told(httpserver, secret, **settings), actor=ada)

    assert list(refused.value.message_dict) == [field]
    assert TOKEN not in str(refused.value)


def test_two_of_one_name_have_two_slugs_and_a_removed_one_keeps_its_own(
    httpserver: HTTPServer, legal: Department, ada: Actor
) -> None:
    first = connected(httpserver, legal, ada)
    remove(first, actor=ada)

    second = connected(httpserver, legal, ada)

    assert (first.slug, second.slug) == ("article-archive", "article-archive-2")


# ── changing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_that_is_not_given_again_stays(httpserver: HTTPServer, legal: Department, ada: Actor) -> None:
    connection = connected(httpserver, legal, ada)

    change(connection, Told("Archive", {"address": httpserver.url_for("/v2")}), actor=ada)

    connection.refresh_from_db()
    assert (connection.title, connection.slug, connection.health) == ("Archive", "article-archive", Health.UNKNOWN)
    assert vault.opened(connection.secret) == {"secret": TOKEN}


def test_for_another_host_it_has_to_be_given_again(httpserver: HTTPServer, legal: Department, ada: Actor) -> None:
    """Whoever may change the address must not get the password of a colleague that way."""
    connection = connected(httpserver, legal, ada)
    elsewhere = {"address": "https://evil.example/v1"}

    with pytest.raises(ValidationError) as refused:
        change(connection, Told("Archive", elsewhere), actor=ada)
    assert list(refused.value.message_dict) == ["secret"]
    connection.refresh_from_db()
    assert connection.settings["address"] == httpserver.url_for("/v1")

    change(connection, Told("Archive", elsewhere, {"secret": "another-one"}), actor=ada)
    connection.refresh_from_db()
    assert vault.opened(Connection.objects.get().secret) == {"secret": "another-one"}


def test_removed_its_secrets_are_gone(httpserver: HTTPServer, legal: Department, ada: Actor) -> None:
    connection = connected(httpserver, legal, ada)

    remove(connection, actor=ada)

    connection.refresh_from_db()
    assert connection.removed_at is not None
    assert vault.opened(Connection.objects.get().secret) == {}
    assert set(Entry.objects.values_list("verb", flat=True)) == {"connection.connected", "connection.removed"}


@pytest.fixture(autouse=True)
def _never_in_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here every call is made outside of one, as in the product."""
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", True)
