"""The API's description: valid, whole, and the same as what the addresses do."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, get_args

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from config.api import ROUTES
from tests.workflows.api.program import Program, undone
from tests.workflows.api.test_access import OPEN, OPERATIONS, _in_a_transaction, ask, storage, things  # noqa: F401
from workflows.api import asked
from workflows.api.answers import Answer
from workflows.api.schema import Unknown

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def document(django_db_setup: None, django_db_blocker: Any) -> dict[str, Any]:
    with django_db_blocker.unblock():
        return Client().get("/api/v1/schema").json()


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): said for path, methods in document["paths"].items() for method, said in methods.items()
    }


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate_schema(document)

    assert document["openapi"].startswith("3.1")
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_address_is_described_once(document: dict[str, Any]) -> None:
    described = {re.sub(r"\{\w+\}", "*", path).removeprefix("/api/v1/") for path in document["paths"]}

    assert described == {re.sub(r"<[^>]+>", "*", route) for route, _, _ in ROUTES} - OPEN
    ids = [said["operationId"] for said in operations(document).values()]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)


def test_no_two_shapes_share_a_name(document: dict[str, Any]) -> None:
    shapes = [shape for base in (Answer, asked.Body) for shape in _below(base)]
    names = [shape.__name__ for shape in shapes]
    fields = [field for shape in shapes for field in shape.model_fields.values()]
    names += [choice.__name__ for choice in {each for field in fields for each in _choices(field.annotation)}]

    assert sorted(set(names)) == sorted(names)
    for shape in _below(asked.Body):
        described = document["components"]["schemas"][shape.__name__]
        assert list(described.get("properties", {})) == list(shape.model_fields)


def _below(shape: type[BaseModel]) -> list[type[BaseModel]]:
    return [found for child in shape.__subclasses__() for found in (child, *_below(child))]


def _choices(annotation: Any) -> set[type[Enum]]:
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {annotation}
    return {choice for part in get_args(annotation) for choice in _choices(part)}


ASKS_OTHERS = {
    "/api/v1/connections/{id}/test",
    "/api/v1/triggers/{id}/secret",
    "/api/v1/subscriptions/{id}/secret",
}
"""What asks another system each time, outside of any transaction: asked again, it is to look again. And what tells a
secret: an answer that is kept for a repeat would keep it.
"""


def test_every_operation_needs_a_token_and_names_its_refusals(document: dict[str, Any]) -> None:
    for (method, path), said in operations(document).items():
        assert said["security"] == [{"token": []}], path
        assert {"400", "401", "403", "404"} <= set(said["responses"]), path
        has_key = any(each["name"] == "Idempotency-Key" for each in said.get("parameters", []))
        assert has_key == (method == "POST" and path not in ASKS_OTHERS), path
    scheme = document["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_a_run_reads_as_the_contract_says(document: dict[str, Any]) -> None:
    run, step = (document["components"]["schemas"][name] for name in ("Run", "Step"))

    contract = "id workflow version status inputs output error steps cost_usd created_at started_at finished_at"
    assert set(contract.split()) <= set(run["properties"])
    reads = "path kind title status attempts output error cost_usd tokens started_at finished_at rehearsed"
    assert " ".join(step["properties"]) == reads
    statuses = document["components"]["schemas"]["RunStatus"]["enum"]
    assert statuses == ["queued", "running", "waiting", "succeeded", "failed", "cancelled"]


def test_no_number_of_a_row_is_shown(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, said in schema.get("properties", {}).items():
            if field == "id" or field.endswith("_id"):
                assert said["type"] == "string", f"{name}.{field}"


def test_each_answer_is_what_the_document_says(
    document: dict[str, Any],
    things: dict[str, str],  # noqa: F811
    program: Program,
) -> None:
    for method, path, body, _ in OPERATIONS:
        with undone():
            answer = ask(program, method, path.format_map(things), body)

        said = _described(document, method, path)["responses"][str(answer.status_code)]["content"]
        content_type = answer["Content-Type"].partition(";")[0]
        assert list(said) == [content_type], (method, path)
        if content_type == "application/json":
            _validator(document, said[content_type]["schema"]).validate(answer.json())


def test_each_refusal_is_what_the_document_says(document: dict[str, Any], program: Program) -> None:
    validator = _validator(document, {"$ref": "#/components/schemas/Refused"})

    for answer in (
        Client().get("/api/v1/me"),
        program.get("runs/nobody"),
        program.post("workflows", {"definition": {}}),
        program.post("workflows", {"surprise": 1}),
        program.send("POST", "workflows", b"{}", "text/plain"),
    ):
        validator.validate(answer.json())


def test_the_page_for_people_lists_every_operation(document: dict[str, Any]) -> None:
    answer = Client().get("/api/v1/docs")

    html = answer.content.decode().replace("<wbr>", "")
    assert answer.status_code == 200
    for (method, path), said in operations(document).items():
        assert f"<code>{method} {path}</code>" in html
        assert f'id="{said["operationId"]}"' in html
    assert "unsafe-inline" not in answer["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", html)


def test_every_address_in_the_guide_exists() -> None:
    guide = (settings.BASE_DIR / "docs" / "api.md").read_text()

    for address in re.findall(r"/api/v1/[\w/{}-]+", guide):
        view = resolve(re.sub(r"\{\w+\}", "x", address)).func
        assert getattr(view, "cls", None) is not Unknown, address


def _described(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    for (known, template), said in operations(document).items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if known == method and re.fullmatch(pattern, f"/api/v1/{path}"):
            return said
    raise AssertionError(f"{method} {path} is not described")


def _validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    registry = Registry().with_resource("urn:api", Resource.from_contents(document, DRAFT202012))
    text = {"$ref": f"urn:api{schema['$ref']}"} if "$ref" in schema else schema
    return Draft202012Validator(text, registry=registry)
