"""To another system's sign-in page and back: the way fits one browser, one person and one time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from django.test import Client

from connectors import net
from connectors.connections import Told, connect
from connectors.models import Connection
from connectors.oauth import tokens
from departments.access import SYSTEM
from tests.oauth_server import AuthServer, auth_server
from tests.workflows.pages.scenes import Scene

pytestmark = pytest.mark.django_db

BACK = "http://testserver/connections/signed-in/"


@pytest.fixture
def server(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Iterator[AuthServer]:
    """Here a test is a transaction; the product's pages are not."""
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    with auth_server(redirects={BACK}) as running:
        scene.department.egress_hosts = [f"private:{running.at}"]
        scene.department.save()
        yield running


@pytest.fixture
def connection(scene: Scene, server: AuthServer) -> Connection:
    settings = {**server.settings, "signs_in": "oauth_person"}
    return connect(scene.department, "http", Told("Archive", settings, {"secret": server.secret}), actor=SYSTEM)


def begun(client: Client, connection: Connection) -> str:
    """The address there; what the service needs in it is."""
    page = client.post(f"/connections/{connection.pk}/sign-in/")
    address: str = page.context["address"]
    asked = dict(parse_qsl(urlsplit(address).query))
    assert (asked["code_challenge_method"], asked["redirect_uri"], asked["scope"]) == ("S256", BACK, "read")
    return address


def back(address: str) -> str:
    """Where the service sends the person, who has agreed."""
    return httpx2.post(address, data={"answer": "yes"}, timeout=10).headers["Location"]


def test_there_and_back(scene: Scene, signed_in: Any, connection: Connection) -> None:
    client = signed_in(scene.builder)
    assert "Nobody has signed in yet." in client.get(f"/connections/{connection.pk}/").text

    address = begun(client, connection)
    arrived = client.get(back(address), follow=True)

    assert "You are signed in, and it works. It answered with 200." in arrived.text
    assert "Somebody of the department has signed in." in arrived.text
    assert arrived.redirect_chain == [(f"/connections/{connection.pk}/", 302)]


def test_the_way_back_counts_once(scene: Scene, signed_in: Any, connection: Connection) -> None:
    client = signed_in(scene.builder)
    arrival = back(begun(client, connection))
    client.get(arrival)
    again = client.get(arrival, follow=True)
    assert "was not begun here" in again.text


@pytest.mark.parametrize("other", ["the same person elsewhere", "another one"])
def test_who_has_not_begun_it_cannot_end_it(scene: Scene, signed_in: Any, connection: Connection, other: str) -> None:
    """Else somebody could have a colleague sign the department in to an account of theirs."""
    arrival = back(begun(signed_in(scene.builder), connection))
    client = Client()
    client.force_login(scene.builder if other == "the same person elsewhere" else scene.manager)
    assert "was not begun here" in client.get(arrival, follow=True).text
    assert not tokens.held(Connection.objects.get(pk=connection.pk))


def test_what_took_too_long_begins_again(scene: Scene, signed_in: Any, connection: Connection) -> None:
    client = signed_in(scene.builder)
    arrival = back(begun(client, connection))
    session = client.session
    for way in session["connection_sign_ins"].values():
        way["until"] = 0
    session.save()
    assert "was not begun here" in client.get(arrival, follow=True).text


def test_a_refusal_is_said_as_what_it_is(scene: Scene, signed_in: Any, connection: Connection) -> None:
    client = signed_in(scene.builder)
    address = begun(client, connection)
    state = dict(parse_qsl(urlsplit(address).query))["state"]
    refused = client.get(f"/connections/signed-in/?error=access_denied&state={state}", follow=True)
    assert "The sign-in was refused there. Nothing has changed here." in refused.text


def test_the_session_holds_few_ways_and_no_page_shows_a_verifier(
    scene: Scene, signed_in: Any, connection: Connection
) -> None:
    client = signed_in(scene.builder)
    pages = [client.post(f"/connections/{connection.pk}/sign-in/").text for _ in range(8)]
    ways = client.session["connection_sign_ins"]
    assert len(ways) == 5
    assert not any(way["verifier"] in page for way in ways.values() for page in pages)
