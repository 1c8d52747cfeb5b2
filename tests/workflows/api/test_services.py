"""Imported services by another program."""

from __future__ import annotations

import json

import pytest

from tests import factories
from tests.connectors.manifests.petshop import described
from tests.workflows.api.program import Program, assert_problem

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_service_is_imported_searched_and_chosen_from(program: Program) -> None:
    document = described("https://shop.example")

    made = program.post("services", {"document": document.decode()}, idempotency_key="k-1")
    again = program.post("services", {"document": document.decode()}, idempotency_key="k-1")
    one = made.json()
    assert (made.status_code, again.json()["id"], one["operations"], one["steps"]) == (201, one["id"], 5, 0)
    found = program.get(f"services/{one['id']}/operations?q=pet&level=danger").json()["results"]
    assert [(each["name"], each["kind"]) for each in found] == [("remove_pet", f"{one['name']}.remove_pet@1")]

    chosen = {"take": ["add_pet", "remove_pet"], "levels": {"remove_pet": "write"}}
    assert program.post(f"services/{one['id']}/operations", chosen).json()["steps"] == 2
    kinds = {each["kind"]: each for each in program.get("step-kinds").json()["results"]}
    assert kinds[f"{one['name']}.add_pet@2"]["effect"] == "keyed"
    assert program.get(f"step-kinds/{one['name']}.remove_pet@1").json()["title"] == "Remove a pet"
    assert one["name"] in {each["name"] for each in program.get("connectors").json()["results"]}

    assert program.post(f"services/{one['id']}/renew", {"document": json.loads(document)}).json()["version"] == 3
    assert program.post(f"services/{one['id']}/remove").status_code == 200
    assert program.get("services").json()["results"] == []


def test_why_a_document_is_refused_is_said(program: Program) -> None:
    assert_problem(program.post("services", {"document": "nonsense"}), 400)
    assert "document" in program.post("services", {"document": {}}).text


def test_what_is_everybodys_is_seen_and_not_changed_and_what_is_others_is_not_there(program: Program) -> None:
    press = factories.make_department("Press")
    everybodys = factories.make_manifest(described("https://shop.example"))
    others = factories.make_manifest(described("https://shop.example"), press)

    assert program.get(f"services/{everybodys.pk}").status_code == 200
    assert_problem(program.post(f"services/{everybodys.pk}/remove"), 403)
    assert_problem(program.get(f"services/{others.pk}"), 404)
    assert_problem(program.get(f"step-kinds/{others.name}.me@1"), 404)
    kinds = {each["kind"] for each in program.get("step-kinds").json()["results"]}
    assert f"{everybodys.name}.me@1" in kinds
    assert f"{others.name}.me@1" not in kinds
