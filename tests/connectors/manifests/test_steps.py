"""Operations of an imported service as steps of workflows: run against a server, through the door and the account."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from pytest_httpserver import HTTPServer

from audit.models import Entry
from connectors import imports, made, sign_ins, vault
from connectors.connections import Told, connect, try_out
from connectors.manifest_rows import Source
from connectors.models import Manifest, ManifestVersion
from connectors.sdk import Effect
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.connectors.manifests.petshop import described
from tests.workflows.runtime.harness import carried, done, published, run_of
from workflows.models import Run, Task
from workflows.runtime import files
from workflows.runtime.context import Context
from workflows.runtime.kinds import kinds
from workflows.services import leaving
from workflows.services.tasks import decide_task
from workflows.services.workflows import create_workflow, draft_problems

pytestmark = pytest.mark.django_db(transaction=True)
SIGNED = {"X-Shop-Key": "unheard-of-key"}


@pytest.fixture
def legal(httpserver: HTTPServer) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


@pytest.fixture
def shop(legal: Department, httpserver: HTTPServer) -> Manifest:
    """Imported for everybody, with an account of Legal."""
    manifest = factories.make_manifest(described(httpserver.url_for("/v1")))
    connect(legal, manifest.name, Told("Shop", {}, {"secret": "unheard-of-key"}), actor=SYSTEM)
    return manifest


def step(kind: str, /, **given: Any) -> list[dict[str, Any]]:
    return [{"id": "it", "kind": kind, "with": {"connection": "shop", **given}}]


def output(run: Run) -> Any:
    it = run.steps.get()
    assert run.status == "succeeded", it.error
    return it.output


def test_an_account_is_connected_and_tried_with_what_may_be_read(
    shop: Manifest, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/me", headers=SIGNED).respond_with_json({"name": "Ada"})
    account = legal.connections.get()

    assert try_out(account, actor=SYSTEM), account.health_said
    assert shop.name == "pet-shop"


def test_what_is_filled_in_is_sent_as_the_service_knows_it(
    shop: Manifest, legal: Department, httpserver: HTTPServer
) -> None:
    sent = {"name": "Tom", "kind": "cat", "vaccinated": True, "home": {"floor": 2}, "visits": [{"day": 1}]}
    httpserver.expect_request("/v1/pets", method="POST", headers=SIGNED, json=sent).respond_with_json(
        {"id": 7}, status=201
    )

    given = {"name": "Tom", "kind": "cat", "vaccinated": "yes", "home": {"floor": 2}, "visits": '[{"day": 1}]'}
    run = done(step("pet-shop.add_pet@1", **given), department=legal)

    assert output(run) == {"status": 201, "data": {"id": 7}, "text": ""}
    (request, _), *_ = httpserver.log
    assert len(request.headers["Idempotency-Key"]) == 40
    assert kinds()["pet-shop.add_pet@1"].effect is Effect.KEYED


def test_a_list_is_read_page_after_page(shop: Manifest, legal: Department, httpserver: HTTPServer) -> None:
    first = {"limit": "2", "filter[kind]": "cat"}
    httpserver.expect_ordered_request("/v1/pets", query_string=first).respond_with_json(
        {"pets": [1, 2], "next_cursor": "b"}
    )
    httpserver.expect_ordered_request("/v1/pets", query_string={**first, "cursor": "b"}).respond_with_json(
        {"pets": [3], "next_cursor": ""}
    )

    given = {"limit": 2, "filter": {"kind": "cat"}, "pages": 5}
    found = output(done(step("pet-shop.list_pets@1", **given), department=legal))

    assert (found["items"], found["complete"]) == ([1, 2, 3], True)


def test_a_part_of_the_address_cannot_climb_out_of_it(
    shop: Manifest, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/pets/a%2Fb").respond_with_json({})

    climbed = done(step("pet-shop.put_pets_by_pet_id@1", pet_id="..", name="x"), department=legal)

    assert (climbed.status, httpserver.log) == ("failed", [])
    assert "nothing but dots" in climbed.steps.get().error["message"]


def test_what_is_dangerous_asks_a_person_who_sees_it_to_the_letter(
    shop: Manifest, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/pets/7", method="DELETE", headers=SIGNED).respond_with_data("", status=204)
    approver = factories.make_user("Ada", legal, Role.APPROVER)

    run = carried(run_of(published(step("pet-shop.remove_pet@1", pet_id="7"), legal)))

    assert (run.status, httpserver.log) == ("waiting", [])
    task = Task.objects.get(run=run)
    seen = leaving.shown(task, {"decision": "approve"})
    assert seen.leaving is not None
    assert seen.leaving.to == (f"DELETE {httpserver.url_for('/v1/pets/7')}",)
    assert httpserver.log == []

    decide_task(task, actor=actor_for_user(approver), decision="approve")
    assert output(carried(run))["status"] == 204
    assert len(httpserver.log) == 1


def test_a_refusal_is_the_end_of_it(shop: Manifest, legal: Department, httpserver: HTTPServer) -> None:
    approver = factories.make_user("Ada", legal, Role.APPROVER)
    run = carried(run_of(published(step("pet-shop.remove_pet@1", pet_id="7"), legal)))

    decide_task(Task.objects.get(run=run), actor=actor_for_user(approver), decision="reject", reason="We need it.")

    assert (carried(run).status, httpserver.log) == ("failed", [])
    assert run.steps.get().error["message"] == "Ada refused “Remove a pet”: We need it."


def test_what_was_changed_after_it_was_approved_is_not_done(
    shop: Manifest, legal: Department, httpserver: HTTPServer
) -> None:
    approver = factories.make_user("Ada", legal, Role.APPROVER)
    run = carried(run_of(published(step("pet-shop.remove_pet@1", pet_id="7"), legal)))
    task = Task.objects.get(run=run)
    decide_task(task, actor=actor_for_user(approver), decision="approve")
    it = run.steps.get()
    it.signal = {**it.signal, "answer": {**it.signal["answer"], "leaving_sha256": "0" * 64}}
    it.save(update_fields=["signal"])

    assert (carried(run).status, httpserver.log) == ("failed", [])
    assert run.steps.get().error["code"] == "not_what_was_approved"


def test_an_old_version_goes_on_as_it_was_while_a_new_one_is_offered(
    shop: Manifest, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/pets/7", method="DELETE").respond_with_data("", status=204)
    workflow = published(step("pet-shop.remove_pet@1", pet_id="7", ask_first="no"), legal)

    imports.change_levels(shop, {"remove_pet": "write"}, actor=SYSTEM)

    assert output(carried(run_of(workflow)))["status"] == 204
    offered = made.offered([legal.pk])
    assert "pet-shop.remove_pet@2" in offered
    assert "pet-shop.remove_pet@1" not in offered
    assert "ask_first" not in offered["pet-shop.remove_pet@2"].Params.model_fields
    assert ManifestVersion.objects.filter(manifest=shop).count() == 2


def test_another_import_keeps_what_people_have_said_of_it(shop: Manifest, httpserver: HTTPServer) -> None:
    imports.choose(shop, (), ["me", "list_pets"], actor=SYSTEM)
    imports.change_levels(shop, {"add_pet": "danger"}, actor=SYSTEM)

    version = imports.import_anew(shop, Source(described(""), "pets.json"), actor=SYSTEM)

    kept = {each.name: (each.level, each.chosen) for each in version.operations.all()}
    assert version.number == 3
    assert (kept["add_pet"], kept["me"]) == (("danger", True), ("read", False))


def test_another_departments_service_is_not_there(legal: Department, httpserver: HTTPServer) -> None:
    press = factories.make_department("Press")
    own = factories.make_manifest(described(httpserver.url_for("/v1")), press)
    kind = f"{own.name}.me@1"

    assert kind in made.offered([press.pk])
    assert kind not in made.offered([legal.pk])
    with pytest.raises(ValidationError, match="no connector"):
        connect(legal, own.name, Told("Shop", {}, {"secret": "x" * 9}), actor=SYSTEM)
    steps = {"format": 1, "name": "Spy", "steps": step(kind)}
    with pytest.raises(ValidationError, match="no step kind"):
        create_workflow(legal, name="Spy", definition=steps, actor=SYSTEM)
    assert create_workflow(press, name="Own", definition=steps, actor=SYSTEM)


def test_who_may_import(legal: Department) -> None:
    builder = actor_for_user(factories.make_user("Ben", legal, Role.BUILDER))
    viewer = actor_for_user(factories.make_user("Vera", legal, Role.VIEWER))
    source = Source(described(""), "pets.json")

    for actor, department in ((builder, None), (viewer, legal)):
        with pytest.raises(PermissionDenied):
            imports.import_new(source, department, actor=actor)
    assert imports.import_new(source, legal, actor=builder).name == "legal-pet-shop"


def test_a_draft_names_what_the_schema_does_not_allow(shop: Manifest, legal: Department) -> None:
    kind = "pet-shop.list_pets@1"
    definition = {"format": 1, "name": "Lists", "steps": step(kind, limit=500)}

    found = draft_problems(create_workflow(legal, name="Lists", definition=definition, actor=SYSTEM))

    assert [(each.field, each.message) for each in found] == [("with.limit", "“Limit” must be at most 100.")]


def test_a_hostile_document_is_read_behind_walls() -> None:
    deep = b'{"openapi": "3.0.0", "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    lines = [b"a0: &a0 {type: object, properties: {x: {type: string}}}"]
    lines += [b"a%d: &a%d {allOf: [*a%d, *a%d, *a%d, *a%d]}" % (n, n, *[n - 1] * 4) for n in range(1, 40)]
    bomb = b"\n".join([*lines, b"openapi: 3.0.0", b"paths: {/a: {post: {requestBody: {content:"])
    bomb += b" {application/json: {schema: *a39}}}}}}"

    for content in (deep, bomb):
        with pytest.raises(ValidationError, match="was not read"):
            imports.import_new(Source(content, "openapi.yaml"), None, actor=SYSTEM)


def test_whoever_imports_anew_does_not_get_the_secrets_of_others(shop: Manifest, legal: Department) -> None:
    account = legal.connections.get()

    imports.import_anew(shop, Source(described("https://thief.example"), "pets.json"), actor=SYSTEM)

    account.refresh_from_db()
    assert vault.opened(account.secret) == {}
    assert "https://thief.example" in account.health_said


def test_a_part_of_a_host_cannot_end_it(legal: Department) -> None:
    variables = {"site": {"default": ""}}
    servers = [{"url": "https://{site}.shop.example", "variables": variables}]
    shop = factories.make_manifest(described("", servers=servers))

    for site in ("thief.example/", "thief.example#", "x@thief.example", ""):
        with pytest.raises(ValidationError):
            connect(legal, shop.name, Told("Shop", {"in_site": site}, {"secret": "unheard-of"}), actor=SYSTEM)
    assert connect(legal, shop.name, Told("Shop", {"in_site": "acme"}, {"secret": "unheard-of"}), actor=SYSTEM)


def test_a_service_signs_in_by_oauth_where_its_description_says_how(legal: Department) -> None:
    flow = {"authorizationUrl": "https://in.example/a", "tokenUrl": "https://in.example/t", "scopes": {"pets": "All"}}
    schemes = {"securitySchemes": {"o": {"type": "oauth2", "flows": {"authorizationCode": flow}}}}
    shop = factories.make_manifest(described("https://shop.example", components=schemes))

    account = connect(legal, shop.name, Told("Shop", {"client_id": "tandem"}, {}), actor=SYSTEM)

    asked = sign_ins.asks_a_person(account)
    assert asked is not None
    assert (asked.authorize_address, asked.token_address, asked.scopes) == (
        *("https://in.example/a", "https://in.example/t", ("pets",)),
    )
    assert "in.example" in made.connectors([shop.name])[shop.name].reaches


def test_a_file_is_sent_and_its_bytes_are_the_same(legal: Department, httpserver: HTTPServer) -> None:
    body = {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"title": {"type": "string"}, "file": {"type": "string", "format": "binary"}},
            }
        }
    }
    paths = {"/files": {"post": {"operationId": "upload", "requestBody": {"required": True, "content": body}}}}
    shop = factories.make_manifest(described(httpserver.url_for("/v1"), paths=paths))
    connect(legal, shop.name, Told("Shop", {}, {"secret": "unheard-of-key"}), actor=SYSTEM)
    httpserver.expect_request("/v1/files", method="POST").respond_with_json({"id": 1})
    stored = files.save(legal.pk, "a “b”.txt", b"\r\n--bytes\r\n", "text/plain")

    output(done(step("pet-shop.upload@1", title="Grüße", file=files.reference(stored).model_dump()), department=legal))

    (request, _), *_ = httpserver.log
    assert request.form["title"] == "Grüße"
    assert request.files["file"].read() == b"\r\n--bytes\r\n"


def test_the_palette_offers_what_the_department_can_use(shop: Manifest, legal: Department) -> None:
    press = factories.make_department("Press")

    assert "pet-shop.add_pet@1" in made.usable_in(legal.pk)
    assert made.usable_in(press.pk) == {}


INSIDE = [
    *("http://127.0.0.1:{port}/x", "http://localhost:{port}/x", "http://[::1]:{port}/x", "http://0.0.0.0:{port}/x"),
    *("http://0x7f000001:{port}/x", "http://2130706433:{port}/x", "http://127.1:{port}/x", "http://①②⑦.0.0.1:{port}/x"),
    *(
        "http://[::ffff:127.0.0.1]:{port}/x",
        "http://a@127.0.0.1:{port}/x",
        "http://169.254.169.254/latest",
        "file:///x",
    ),
]


@pytest.mark.parametrize("address", INSIDE)
def test_nobody_is_led_inside_by_an_address_to_import_from(address: str) -> None:
    """Cases S01 and S03, through both doors of importing, for a department and for an administrator."""
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.05)
        there = address.format(port=canary.getsockname()[1])
        hosts = [there.partition("/x")[0]]
        legal = factories.make_department("Legal", egress_hosts=hosts)

        for department in (legal, None):
            with pytest.raises(ValidationError):
                imports.fetched(there, department, actor=SYSTEM)
            with pytest.raises(ValidationError):
                imports.asked_for_tools(there, "unheard-of", department, actor=SYSTEM)
        with pytest.raises(TimeoutError):
            canary.accept()


def test_a_redirect_inside_is_not_followed(legal: Department, httpserver: HTTPServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.05)
        there = f"http://127.0.0.1:{canary.getsockname()[1]}/x"
        httpserver.expect_request("/api.json").respond_with_data("", status=302, headers={"Location": there})

        with pytest.raises(ValidationError, match="not among the hosts"):
            imports.fetched(httpserver.url_for("/api.json"), legal, actor=SYSTEM)
        with pytest.raises(TimeoutError):
            canary.accept()


def test_a_description_does_not_open_the_own_network(httpserver: HTTPServer) -> None:
    """Its servers may lie anywhere; steps and tests reach them under the address policy like all others."""
    press = factories.make_department("Press")
    own = factories.make_manifest(described(httpserver.url_for("/v1")))
    account = connect(press, own.name, Told("Shop", {}, {"secret": "unheard-of-key"}), actor=SYSTEM)

    assert not try_out(account, actor=SYSTEM)
    assert httpserver.log == []


def test_a_removed_service_is_connected_no_more_and_its_steps_go_on(
    shop: Manifest, legal: Department, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/me", headers=SIGNED).respond_with_json({"name": "Ada"})
    workflow = published(step("pet-shop.me@1"), legal)

    imports.remove(shop, actor=SYSTEM)

    assert output(carried(run_of(workflow)))["data"] == {"name": "Ada"}
    assert made.usable_in(legal.pk) == {}
    with pytest.raises(ValidationError, match="was removed"):
        connect(legal, shop.name, Told("Again", {}, {"secret": "unheard-of-key"}), actor=SYSTEM)


def test_a_fresh_server_has_the_shipped_services() -> None:
    made.forget()
    call_command("seed")
    call_command("seed")

    assert Manifest.objects.filter(department=None).count() == 5
    assert Entry.objects.filter(verb="manifest.imported").count() == 5


def test_a_get_that_changes_something_is_announced_like_any_effect(
    shop: Manifest, legal: Department, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/v1/me").respond_with_json({})
    announced: list[str] = []
    monkeypatch.setattr(Context, "before_effect", lambda ctx: announced.append(ctx.effect))
    imports.change_levels(shop, {"me": "write"}, actor=SYSTEM)

    assert output(done(step("pet-shop.me@2"), department=legal, name="Writes"))["status"] == 200
    assert output(done(step("pet-shop.me@1"), department=legal, name="Reads"))["status"] == 200
    assert announced == [Effect.UNSAFE]
