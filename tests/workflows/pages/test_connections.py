"""Connections on pages: what is shown and what never, and nothing that was typed is lost but the secret."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_httpserver import HTTPServer

from connectors import net
from connectors.models import Connection
from tests.workflows.pages.scenes import Scene
from workflows.pages.build_sources import Asking, sources_for
from workflows.runtime.kinds import kinds

pytestmark = pytest.mark.django_db

TOKEN = "tok-5d20-unheard-of"


@pytest.fixture
def typed(httpserver: HTTPServer, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Here a test is a transaction; the product's pages are not."""
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)
    scene.department.egress_hosts = [f"private:http://127.0.0.1:{httpserver.port}"]
    scene.department.save()
    httpserver.expect_request("/v1", headers={"Authorization": f"Bearer {TOKEN}"}).respond_with_data("hello")
    return {"title": "Archive", "address": httpserver.url_for("/v1"), "signs_in": "bearer", "secret": TOKEN}


def connected(client: Client, typed: dict[str, str]) -> Connection:
    answer = client.post("/connections/new/?connector=http", typed)
    assert answer.status_code == 302, answer.text
    return Connection.objects.get()


def test_an_account_is_connected_and_tried_in_one_go(scene: Scene, signed_in: Any, typed: dict[str, str]) -> None:
    client = signed_in(scene.builder)
    assert "A service over HTTP" in client.get("/connections/new/").text

    connection = connected(client, typed)
    page = client.get(f"/connections/{connection.pk}/")

    assert "It works. It answered with 200." in page.text
    assert TOKEN not in page.text
    assert "no-store" in page.headers["Cache-Control"]
    assert "Archive" in client.get("/connections/").text


def test_what_does_not_work_is_kept_and_said(scene: Scene, signed_in: Any, typed: dict[str, str]) -> None:
    client = signed_in(scene.builder)

    connection = connected(client, {**typed, "secret": "wrong-one-here"})
    page = client.get(f"/connections/{connection.pk}/").text

    assert "is kept, but does not work yet." in page
    assert "wrong-one-here" not in page


def test_a_refused_form_comes_back_as_it_was_typed_but_for_the_secret(
    scene: Scene, signed_in: Any, typed: dict[str, str]
) -> None:
    answer = signed_in(scene.builder).post("/connections/new/?connector=http", {**typed, "signs_in": "header"})

    assert answer.status_code == 422
    assert 'value="Archive"' in answer.text
    assert "Write the name as the service has it" in answer.text
    assert TOKEN not in answer.text
    assert not Connection.objects.exists()


def test_renewing_leaves_what_is_not_given_anew(scene: Scene, signed_in: Any, typed: dict[str, str]) -> None:
    client = signed_in(scene.builder)
    connection = connected(client, typed)
    assert "Kept as it is when you leave this empty." in client.get(f"/connections/{connection.pk}/").text

    kept = client.post(
        f"/connections/{connection.pk}/change/", {**typed, "title": "Old archive", "secret": ""}, follow=True
    )

    assert "Old archive" in kept.text
    assert "It works." in kept.text


def test_a_viewer_sees_how_it_is_and_changes_nothing(scene: Scene, signed_in: Any, typed: dict[str, str]) -> None:
    connection = connected(signed_in(scene.builder), typed)

    page = signed_in(scene.viewer).get(f"/connections/{connection.pk}/").text

    assert "Archive" in page
    assert "Save and test" not in page
    assert "Remove" not in page


def test_another_departments_slug_is_not_there(scene: Scene, signed_in: Any, typed: dict[str, str]) -> None:
    answer = signed_in(scene.builder).post("/connections/new/?connector=http", {**typed, "department": "elsewhere"})

    assert answer.status_code == 404


def test_the_form_of_a_step_offers_the_departments_own(scene: Scene, signed_in: Any, typed: dict[str, str]) -> None:
    connected(signed_in(scene.builder), typed)

    offered = sources_for(Asking(scene.workflow), kinds()["http.request"].Params)

    assert [(each.value, each.label) for each in offered["connections:http"]] == [("archive", "Archive")]
