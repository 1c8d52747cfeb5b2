"""Descriptions of services: what is understood of them, and what is refused with its reason. No database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.forms import form_for_model
from connectors.manifests.connector_made import connector_of, reached
from connectors.manifests.destinations import destinations
from connectors.manifests.importing import read
from connectors.manifests.kinds_made import step_of
from connectors.manifests.manifest import Level, Manifest, Operation, Refused, Server, Variable
from connectors.shipped import FOLDER
from tests.connectors.manifests.petshop import described

COLLECTION = Path(__file__).resolve().parents[4] / "shared/data/openapi"
DOCUMENTS = COLLECTION if COLLECTION.exists() else FOLDER
"""72 documents of others; where they are not beside the project, those five that we ship."""
"""Real ones are tested where the shared collection stands beside the repository."""


def operation(manifest: Manifest, name: str) -> Operation:
    return next(each for each in manifest.operations if each.name == name)


def api(paths: dict[str, Any] | None = None, **more: Any) -> bytes:
    paths = {"/things": {"get": {"responses": {}}}} if paths is None else paths
    return json.dumps({"openapi": "3.1.0", "info": {"title": "A"}, "paths": paths, **more}).encode()


def test_a_service_with_a_bit_of_everything() -> None:
    shop = read(described("https://shop.example/v1"))

    assert shop.service.title == "Pet shop"
    assert [each.address for each in shop.service.servers] == ["https://shop.example/v1"]
    assert [(each.by, each.name) for each in shop.service.signs_in[0].schemes] == [("header", "X-Shop-Key")]
    assert shop.service.test_path == "/me"
    levels = {each.name: each.level for each in shop.operations}
    assert levels == {
        "me": Level.READ,
        "list_pets": Level.READ,
        "add_pet": Level.WRITE,
        "put_pets_by_pet_id": Level.WRITE,
        "remove_pet": Level.DANGER,
    }
    assert operation(shop, "add_pet").once_header == "Idempotency-Key"


def test_what_is_asked_for_follows_the_schema_and_what_goes_in_circles_is_json() -> None:
    asked = {each.field: each for each in operation(read(described("")), "add_pet").asked}

    assert {name: each.type for name, each in asked.items()} == {
        "name": "text",
        "kind": "choice",
        "vaccinated": "yes_no",
        "mother": "json",
        "home": "group",
        "tags": "list",
        "visits": "json",
    }
    assert [each.field for each in asked["home"].parts] == ["street", "floor"]
    assert (asked["name"].needed, asked["name"].longest) == (True, 40)


def test_paging_is_recognised_by_its_cursor() -> None:
    paging = operation(read(described("")), "list_pets").paging

    assert paging is not None
    assert (paging.by, paging.name, paging.next, paging.items) == ("cursor", "cursor", "next_cursor", "pets")


def test_swagger_is_read_like_openapi() -> None:
    body = {"in": "body", "name": "pet", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
    whole = {
        "swagger": "2.0",
        "info": {"title": "Old"},
        "host": "old.example",
        "basePath": "/api",
        "securityDefinitions": {
            "o": {"type": "oauth2", "flow": "accessCode", "authorizationUrl": "https://a", "tokenUrl": "https://t"}
        },
        "definitions": {"Pet": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
        "paths": {
            "/pets": {
                "post": {"parameters": [body]},
                "get": {"parameters": [{"in": "query", "name": "ids", "type": "array", "items": {"type": "string"}}]},
            },
            "/files": {"post": {"parameters": [{"in": "formData", "name": "file", "type": "file"}]}},
        },
    }

    old = read(json.dumps(whole).encode())

    assert old.service.servers == (Server(address="https://old.example/api"),)
    scheme = old.service.signs_in[0].schemes[0]
    assert (scheme.by, scheme.flow, scheme.authorize, scheme.token) == (
        *("oauth2", "authorization_code", "https://a", "https://t"),
    )
    assert [(each.field, each.needed) for each in operation(old, "post_pets").asked] == [("name", True)]
    assert operation(old, "get_pets").asked[0].sent == "commas"
    assert (operation(old, "post_files").body, operation(old, "post_files").asked[0].type) == ("multipart", "file")


def test_yaml_is_read_as_version_1_2_has_it() -> None:
    text = "openapi: 3.1.0\ninfo: {title: Y}\npaths:\n  /a:\n    get:\n      parameters:\n"
    text += "        - {name: answer, in: query, schema: {type: string, enum: [yes, no, 2026-01-31]}}\n"

    assert read(text.encode()).operations[0].asked[0].choices == ("yes", "no", "2026-01-31")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "not JSON"),
        (b"a: [", "neither JSON nor YAML"),
        (b"\xff\xfe", "UTF-8"),
        (b"hello", "no description"),
        (b"{}", "does not say"),
        (b'{"openapi": "4.0.0"}', "version 4.0.0"),
        (b'{"asyncapi": "2.0.0"}', "AsyncAPI"),
        (api({}), "no operation"),
        (api({}, webhooks={"x": {}}), "only webhooks"),
        (b"!!python/object/apply:os.system [id]", "neither JSON nor YAML"),
    ],
)
def test_what_is_no_description_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        read(content)


def test_what_an_operation_lacks_is_said_of_it_alone() -> None:
    lost = {"$ref": "other.yaml#/X"}
    found = read(
        api(
            {
                "/a": {"get": {"parameters": [lost]}, "post": {"requestBody": {"content": {"application/xml": {}}}}},
                "/b": {"post": {"requestBody": {"content": {"application/json": {"schema": lost}}}}},
                "/c/{id}": {"get": {}},
                "/d": {"get": {"parameters": [{"$ref": "#/paths/~1d/get/parameters/0"}]}},
            }
        )
    )

    problems = {each.name: each.problem for each in found.operations}
    assert "another file" in problems["get_a"]
    assert "application/xml" in problems["post_a"]
    assert "refers to itself" in problems["get_d"]
    assert problems["post_b"] == problems["get_c_by_id"] == ""
    assert [(each.name, each.place) for each in operation(found, "get_c_by_id").asked] == [("id", "path")]


def test_a_relative_server_begins_where_the_document_was_found_or_is_asked_for() -> None:
    relative = api(servers=[{"url": "../v2"}])

    assert read(relative, "https://docs.example/specs/a.json").service.servers[0].address == "https://docs.example/v2"
    assert read(relative).service.servers == ()
    assert "you are asked" in read(relative).notes[0]


def test_operations_of_one_name_are_told_apart() -> None:
    same = {"get": {"operationId": "do It"}, "post": {"operationId": "doIt"}}

    assert [each.name for each in read(api({"/a": same})).operations] == ["do_it", "do_it_2"]


def test_a_bomb_of_aliases_is_no_bomb() -> None:
    lines = ["a0: &a0 {type: object, properties: {x: {type: string}}}"]
    lines += [f"a{n}: &a{n} {{allOf: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 12)]
    text = "\n".join([*lines, "openapi: 3.0.0", "info: {title: Bomb}", "paths: {/a: {post: {requestBody: {content:"])
    text += " {application/json: {schema: *a11}}}}}}"

    assert read(text.encode()).operations[0].asked[0].name == "x"


@pytest.mark.parametrize(
    ("server", "hosts"),
    [
        (Server(address="https://api.example.com/v1"), ("api.example.com",)),
        (Server(address="https://{site}.atlassian.net", variables=(Variable(name="site"),)), ("*.atlassian.net",)),
        (
            Server(address="https://{at}.sign.example/v1", variables=(Variable(name="at", choices=("eu", "us")),)),
            ("eu.sign.example", "us.sign.example"),
        ),
        (Server(address="https://{host}", variables=(Variable(name="host"),)), ()),
        (Server(address="https://{host}.net", variables=(Variable(name="host"),)), ()),
        (Server(address="https://a.{host}.example.com", variables=(Variable(name="host"),)), ()),
    ],
)
def test_a_variable_host_is_reached_only_where_enough_of_it_is_fixed(server: Server, hosts: tuple[str, ...]) -> None:
    assert reached([server]) == hosts


def test_every_real_document_is_imported_or_names_its_reason() -> None:
    refused, problems = {}, []
    files = sorted([*DOCUMENTS.rglob("*.json"), *DOCUMENTS.rglob("*.yaml")])
    for path in files:
        try:
            problems += [each.problem for each in read(path.read_bytes()).operations if each.problem]
        except Refused as no:
            refused[path.name] = no.sentence

    assert len(files) >= (69 if DOCUMENTS == COLLECTION else 5)
    assert set(refused) <= {"title.json", "webhooks.json"}
    assert all("a server of its own" in each for each in problems)
    assert len(problems) <= 3


def test_no_ai_chooses_where_a_writing_operation_goes() -> None:
    body = {
        "type": "object",
        "properties": {
            "text": {},
            "toRecipients": {},
            "meta": {"type": "object", "properties": {"callbackUrl": {"type": "string"}}},
        },
    }
    content = {"requestBody": {"content": {"application/json": {"schema": body}}}}
    found = read(api({"/things/{id}": {"get": {}, "post": content}}))

    assert destinations(operation(found, "get_things_by_id")) == frozenset()
    assert destinations(operation(found, "post_things_by_id")) == {"id", "to_recipients", "meta"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["slack/web-api", "docusign", "figma", "apis-guru", "oas-examples/3.1", ""])
def test_each_operation_of_a_real_document_is_a_step_with_a_form(name: str) -> None:
    among = DOCUMENTS / name if name or DOCUMENTS != COLLECTION else DOCUMENTS / "nothing more"
    for path in sorted([*among.rglob("*.json"), *among.rglob("*.yaml")]):
        try:
            manifest = read(path.read_bytes())
        except Refused:
            continue
        connector = connector_of(manifest.service, name="x")
        assert form_for_model(connector.Settings).fields, path
        for each in manifest.operations[::3]:
            kept = Operation.model_validate(each.model_dump(mode="json", exclude_defaults=True))
            kind = step_of(kept, manifest.service, connector="x", kind=f"x.{each.name}@1")
            form = form_for_model(kind.Params, takes_data=True)
            assert all(asked.label and asked.help for asked in form.fields), (path, each.name)
            assert kind.Output.model_json_schema()
