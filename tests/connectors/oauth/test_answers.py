"""Whatever a token endpoint answers, it is a token or a sentence that a person can read."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from connectors import net
from connectors.connections import Told, connect
from connectors.models import Connection
from connectors.net.egress import Egress
from connectors.oauth import endpoint, tokens
from connectors.oauth.endpoint import Tokens
from connectors.sdk import AuthFailed, Response
from connectors.sdk.oauth import OAuth
from departments.access import SYSTEM
from tests import factories

APP = OAuth("https://login.example.com/token", "desk", "s3cret-of-the-app", scopes=("read",), in_body=True)


def answered(body: bytes, monkeypatch: pytest.MonkeyPatch, oauth: OAuth = APP) -> tuple[Tokens, dict[str, list[str]]]:
    sent: list[net.Request] = []

    def fetch(request: net.Request, *, policy: Egress) -> Response:
        sent.append(request)
        return Response(200, {}, body, request.url)

    monkeypatch.setattr(net, "fetch", fetch)
    given = endpoint.by_client(oauth, net.for_department([]))
    return given, parse_qs((sent[0].body or b"").decode())


@pytest.mark.parametrize(
    "body",
    [
        b"[1]",
        b"5",
        b"null",
        b'"words"',
        b"\xff\xfe",
        b"<html>",
        b"[" * 100_000,
        b'{"error": {"code": 401}}',
        b'{"error": ["odd"]}',
        b'{"access_token": "a", "token_type": "bearer", "expires_in": "soon"}',
        b'{"access_token": "a", "token_type": "bearer", "expires_in": 1e400}',
        b'{"access_token": "a", "token_type": "bearer", "scope": 5}',
        b'{"access_token": "a", "token_type": "bearer", "refresh_token": "\\ud800"}',
    ],
)
def test_what_is_no_token_is_said(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AuthFailed, match=r"login\.example\.com (answered|gave)"):
        answered(body, monkeypatch)


def test_a_token_for_ages_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    given, _ = answered(b'{"access_token": "a", "token_type": "bearer", "expires_in": 1e30}', monkeypatch)
    assert given.lives_s == endpoint.LONGEST_LIFE_S


def test_what_is_also_sent_takes_the_place_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"audience": "press", "scope": "all", "grant_type": "password", "body": "x", "client_secret": "other"}
    _, sent = answered(b'{"access_token": "a", "token_type": "bearer"}', monkeypatch, replace(APP, more=more))
    assert sent == {
        "audience": ["press"],
        "body": ["x"],
        "scope": ["read"],
        "grant_type": ["client_credentials"],
        "client_id": ["desk"],
        "client_secret": ["s3cret-of-the-app"],
    }


@pytest.mark.django_db
def test_tokens_for_other_settings_are_not_kept() -> None:
    told = Told("Files", {"address": "https://api.example.com"}, {"secret": "s3cret-of-the-app"})
    connection = connect(factories.make_department("Legal"), "http", told, actor=SYSTEM)
    before = Connection.objects.get(pk=connection.pk)
    connection.settings = {**connection.settings, "address": "https://elsewhere.example.com"}
    connection.save()
    assert not tokens.keep(before, Tokens("of-the-old-server"))
    assert tokens.keep(connection, Tokens("of-this-server"))
