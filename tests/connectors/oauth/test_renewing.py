"""A sign-in is renewed once for all who wait, whoever dies in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection as database
from django.utils import timezone

from connectors.models import Connection
from connectors.oauth import tokens
from connectors.oauth.endpoint import Tokens
from connectors.sdk import Unavailable
from departments.access import actor_for_user
from departments.models import Role
from tests import factories
from tests.connectors.oauth.test_signing_in import BACK, connected, get, signed_in
from tests.oauth_server import AuthServer, auth_server

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[AuthServer]:
    with auth_server(redirects={BACK}) as running:
        yield running


@pytest.fixture
def connection(server: AuthServer) -> Connection:
    legal = factories.make_department("Legal", egress_hosts=[f"private:{server.at}"])
    ada = actor_for_user(factories.make_user("Ada", legal, Role.BUILDER))
    made = connected(server, legal, ada, "oauth_person")
    assert signed_in(made, ada)
    return made


def due(connection: Connection) -> None:
    Connection.objects.filter(pk=connection.pk).update(tokens_due_at=timezone.now())


def asked_by_many(connection: Connection, many: int) -> list[int]:
    def ask(_: int) -> int:
        try:
            return get(connection)
        finally:
            database.close()

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(ask, range(many)))


def test_of_twenty_who_need_it_one_renews_it(server: AuthServer, connection: Connection) -> None:
    due(connection)
    server.delay_s = 0.5
    assert asked_by_many(connection, 20) == [200] * 20
    assert server.asked["refresh_token"] == 1


def test_of_twenty_whose_token_was_refused_one_renews_it(server: AuthServer, connection: Connection) -> None:
    server.revoke(access_only=True)
    server.delay_s = 0.5
    assert asked_by_many(connection, 20) == [200] * 20
    assert server.asked["refresh_token"] == 1


def test_who_dies_while_renewing_keeps_nobody_for_longer_than_a_lease(
    server: AuthServer, connection: Connection
) -> None:
    due(connection)
    Connection.objects.update(renewing_until=timezone.now() + timedelta(seconds=1))
    assert get(connection) == 200


def test_who_waits_for_too_long_says_so(
    server: AuthServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "PATIENCE_S", 0.3)
    due(connection)
    Connection.objects.update(renewing_until=timezone.now() + timedelta(minutes=1))
    with pytest.raises(Unavailable, match="Another step renews"):
        get(connection)


def test_who_comes_back_after_its_lease_changes_nothing(connection: Connection) -> None:
    late = timezone.now() - timedelta(minutes=5)
    assert not tokens.keep(connection, Tokens("late-access", "late-refresh"), lease=late)
    assert get(connection) == 200
