"""Connections by another program: no secret ever comes back."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.workflows.api.program import Program, assert_problem
from workflows.models import IdempotencyKey

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "tok-83e1-unheard-of"


@pytest.fixture
def body(program: Program, httpserver: HTTPServer) -> dict[str, Any]:
    program.department.egress_hosts = [f"private:http://127.0.0.1:{httpserver.port}"]
    program.department.save()
    httpserver.expect_request("/v1", headers={"Authorization": f"Bearer {TOKEN}"}).respond_with_data("hello")
    settings = {"address": httpserver.url_for("/v1")}
    return {"connector": "http", "title": "Archive", "settings": settings, "secrets": {"secret": TOKEN}}


def test_an_account_is_connected_tried_renewed_and_removed(program: Program, body: dict[str, Any]) -> None:
    kinds = {each["name"]: each for each in program.get("connectors").json()["results"]}
    assert set(kinds["http"]["secrets"]["properties"]) == set(body["secrets"])

    made = program.post("connections", body, idempotency_key="k-1")
    again = program.post("connections", body, idempotency_key="k-1")
    one = made.json()
    assert (made.status_code, again.json()["id"], made["Location"]) == (
        201,
        one["id"],
        f"/api/v1/connections/{one['id']}",
    )
    assert (one["slug"], one["health"], one["used_by"]) == ("archive", "unknown", [])

    tried = program.post(f"connections/{one['id']}/test").json()
    assert (tried["health"], tried["health_said"]) == ("works", "It answered with 200.")
    changed = {"title": "Old archive", "settings": body["settings"], "secrets": {"secret": "a-wrong-token"}}
    assert program.put(f"connections/{one['id']}", changed).json()["title"] == "Old archive"
    assert program.post(f"connections/{one['id']}/test").json()["health"] == "fails"
    assert [each["id"] for each in program.get("connections?connector=http").json()["results"]] == [one["id"]]

    assert program.post(f"connections/{one['id']}/remove").status_code == 200
    assert_problem(program.get(f"connections/{one['id']}"), 404)
    assert program.get("connections").json()["results"] == []
    answers = [made, again, program.get("connections")]
    assert TOKEN not in "".join(answer.text for answer in answers)
    assert TOKEN not in repr(list(IdempotencyKey.objects.values()))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"connector": "nonsense"}, "connector"),
        ({"title": ""}, "title"),
        ({"settings": {"address": "nowhere"}}, "address"),
        ({"settings": {"adress": "x"}}, "address"),
        ({"secrets": {}}, "secret"),
        ({"department": "other"}, "department"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(
    change: dict[str, Any], field: str, program: Program, body: dict[str, Any]
) -> None:
    refused = program.post("connections", body | change)

    assert_problem(refused, 400)
    assert field in refused.json()["errors"]
    assert TOKEN not in refused.text
