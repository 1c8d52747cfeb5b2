"""The services that come with Tandem, against a server that answers in the shapes of the real ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from connectors import imports, made
from connectors.connections import Told, connect
from connectors.manifest_rows import Source
from connectors.manifests.importing import read
from connectors.manifests.manifest import Service, told_apart
from connectors.models import Manifest, ManifestOperation, ManifestVersion
from connectors.shipped import FOLDER, ensure_services
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.workflows.runtime.harness import done

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def department(httpserver: HTTPServer) -> Department:
    return factories.make_department("Press", egress_hosts=[f"private:http://127.0.0.1:{httpserver.port}"])


def connected(name: str, department: Department, httpserver: HTTPServer) -> None:
    """The shipped description, of a server on this machine that wants a token."""
    made.forget()
    text = (FOLDER / f"{name}.yaml").read_text()
    manifest = imports.import_new(Source(text.encode(), f"{name}.yaml"), None, actor=SYSTEM, name=name, choose=True)
    version = manifest.versions.get()
    here = httpserver.url_for("").rstrip("/")
    token = {"name": "token", "title": "a token", "schemes": [{"by": "bearer"}]}
    service = {**version.service, "servers": [{"address": here}], "also": [here], "signs_in": [token]}
    ManifestVersion.objects.filter(pk=version.pk).update(
        service=Service.model_validate(service).model_dump(mode="json")
    )
    for row in version.operations.exclude(content__address=None):
        row.content["address"] = here
        row.save()
    connect(department, name, Told("It", {}, {"secret": "unheard-of-token"}), actor=SYSTEM)


def answer(department: Department, kind: str, **given: Any) -> Any:
    run = done([{"id": "it", "kind": f"{kind}@1", "with": {"connection": "it", **given}}], department=department)
    assert run.status == "succeeded", run.steps.get().error
    return run.steps.get().output


def test_they_are_imported_once_and_all_of_their_operations_are_steps() -> None:
    made.forget()
    first, second = ensure_services(), ensure_services()

    assert [each.name for each in first] == ["docusign", "google", "hubspot", "jira", "microsoft"]
    assert second == []
    counts = {each.name: each.versions.get().operations.filter(chosen=True).count() for each in first}
    assert counts == {"docusign": 7, "google": 11, "hubspot": 10, "jira": 10, "microsoft": 11}
    assert not ManifestOperation.objects.exclude(problem="").exists()
    kinds = made.offered([])
    assert len(kinds) == sum(counts.values())
    for kind in kinds.values():
        assert all(field.title and field.description for field in kind.Params.model_fields.values()), kind.kind


def test_a_newer_description_becomes_the_next_version_and_a_removed_one_stays_removed() -> None:
    made.forget()
    hubspot, jira = (each for each in ensure_services() if each.name in ("jira", "hubspot"))
    imports.remove(hubspot, actor=SYSTEM)
    ManifestVersion.objects.filter(manifest__in=[jira, hubspot]).update(sha256="an older one")

    assert {each.name for each in ensure_services()} == {"jira", "hubspot"}
    assert Manifest.objects.get(name="jira").latest == 2
    assert not made.offered([]).keys() & {"hubspot.create_note@1", "hubspot.create_note@2"}


def test_jira_finds_issues_page_after_page(department: Department, httpserver: HTTPServer) -> None:
    connected("jira", department, httpserver)
    pages = [
        {"issues": [{"id": "1", "key": "PRESS-1", "fields": {}}], "nextPageToken": "CAEaAggB", "isLast": False},
        {"issues": [{"id": "2", "key": "PRESS-2", "fields": {}}], "isLast": True},
    ]
    asked = {"jql": "project = PRESS", "fields": "summary,status"}
    path = "/rest/api/3/search/jql"
    httpserver.expect_ordered_request(path, query_string=asked).respond_with_json(pages[0])
    httpserver.expect_ordered_request(path, query_string={**asked, "nextPageToken": "CAEaAggB"}).respond_with_json(
        pages[1]
    )

    found = answer(department, "jira.search_issues", jql="project = PRESS", fields=["summary", "status"], pages=9)

    assert [each["key"] for each in found["items"]] == ["PRESS-1", "PRESS-2"]
    assert found["complete"] is True


def test_hubspot_makes_a_contact(department: Department, httpserver: HTTPServer) -> None:
    connected("hubspot", department, httpserver)
    sent = {"properties": {"email": "ada@example.com", "lifecyclestage": "lead"}}
    httpserver.expect_request(
        "/crm/v3/objects/contacts", method="POST", json=sent, headers={"Authorization": "Bearer unheard-of-token"}
    ).respond_with_json({"id": "512", "properties": sent["properties"], "archived": False}, status=201)

    given = {"properties": {"email": "ada@example.com", "lifecyclestage": "lead"}}
    assert answer(department, "hubspot.create_contact", **given)["data"]["id"] == "512"


def test_microsoft_lists_mails_by_the_link_to_the_next_ones(department: Department, httpserver: HTTPServer) -> None:
    connected("microsoft", department, httpserver)
    following = httpserver.url_for("/me/messages?$skiptoken=x")
    httpserver.expect_ordered_request("/me/messages", query_string={"$top": "1"}).respond_with_json(
        {"@odata.context": "…", "value": [{"id": "AAMk1", "subject": "One"}], "@odata.nextLink": following}
    )
    httpserver.expect_ordered_request("/me/messages", query_string={"$skiptoken": "x"}).respond_with_json(
        {"value": [{"id": "AAMk2", "subject": "Two"}]}
    )

    found = answer(department, "microsoft.list_messages", top=1, pages=5)

    assert [each["subject"] for each in found["items"]] == ["One", "Two"]


def test_google_adds_rows_and_a_range_keeps_its_marks(department: Department, httpserver: HTTPServer) -> None:
    connected("google", department, httpserver)
    seen: list[Any] = []

    def taken(request: Request) -> Response:
        seen.append((request.environ["REQUEST_URI"], request.get_json()))
        return Response(json.dumps({"updates": {"updatedRows": 1}}), content_type="application/json")

    httpserver.expect_request("/v4/spreadsheets/1AbC/values/Mentions!A1:append", method="POST").respond_with_handler(
        taken
    )
    given = {"range": "Mentions!A1", "value_input_option": "RAW", "values": [["Today", 3]]}

    assert answer(department, "google.append_rows", spreadsheet_id="1AbC", **given)["status"] == 200
    assert seen[0][1] == {"values": [["Today", 3]]}


def test_docusign_sends_an_envelope_and_says_what_it_would_when_it_is_tested(
    department: Department, httpserver: HTTPServer
) -> None:
    connected("docusign", department, httpserver)
    roles = [{"roleName": "Signer", "name": "Ada", "email": "ada@example.com"}]
    sent = {"templateId": "t-1", "templateRoles": roles, "status": "sent"}
    httpserver.expect_request("/envelopes", method="POST", json=sent).respond_with_json(
        {"envelopeId": "e-1", "status": "sent", "uri": "/envelopes/e-1"}, status=201
    )

    given = {"template_id": "t-1", "template_roles": json.dumps(roles), "status": "sent"}
    assert answer(department, "docusign.send_from_template", **given)["data"]["envelopeId"] == "e-1"


def test_two_ways_to_sign_in_that_are_called_alike_are_told_apart() -> None:
    ways = read((FOLDER / "docusign.yaml").read_bytes()).service.signs_in
    assert told_apart(ways) == {
        "oauth": "OAuth 2 (for an ordinary account)",
        "practice": "OAuth 2 (for an account of the practice environment, demo)",
    }
