"""Every address is asked: a program without a token? of another department? with the wrong role? with the right one?"""

from __future__ import annotations

import re
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.api import ROUTES
from connectors import net
from connectors.connections import Told, connect
from connectors.models import Connection
from departments.access import SYSTEM
from departments.models import Role, User
from departments.tokens import revoke_token
from tests import factories
from tests.connectors.manifests.petshop import described
from tests.deeds import leaves
from tests.workflows.api.program import ROOT, Program, assert_problem, undone
from tests.workflows.api.test_workflows import DEFINITION
from workflows.models import RunStatus, Series, SeriesRow, Workflow
from workflows.runtime import files
from workflows.services import budgets
from workflows.services.manual_mode import switch_on
from workflows.services.saving import keep_prompt
from workflows.services.sharing import share_with_department
from workflows.services.subscriptions import send_test
from workflows.services.triggers import Wanted, set_up

pytestmark = pytest.mark.django_db

RANDOM = "01920000-0000-7000-8000-000000000000"
MALFORMED = (
    "nobody",
    "1",
    RANDOM[:-1],
    f"{{{RANDOM}}}",
    RANDOM.replace("-", ""),
    "%00",
    "..",
    "ä",
    "a" * 300,
    "%2e%2e",
)

START = {"inputs": {"name": "Ada"}}
YAML = "name: From a file\nsteps: [{id: say, kind: text.compose, with: {text: Hello}}]\n"
CONNECT = {
    "connector": "http",
    "title": "Archive",
    "settings": {"address": "https://archive.example"},
    "secrets": {"secret": "unheard-of"},
}
OPERATIONS: list[tuple[str, str, Any, str]] = [
    ("GET", "workflows", None, "viewer"),
    ("POST", "workflows", {"name": "New", "definition": DEFINITION}, "builder"),
    ("GET", "workflows/{workflow}", None, "viewer"),
    ("GET", "workflows/{workflow}/draft", None, "viewer"),
    ("PUT", "workflows/{workflow}/draft", {"definition": DEFINITION}, "builder"),
    ("GET", "workflows/{workflow}/draft/edits", None, "viewer"),
    ("POST", "workflows/{workflow}/draft/edits", {"edit": {"do": "describe", "description": "Why"}}, "builder"),
    ("POST", "workflows/{workflow}/draft/undo", {}, "builder"),
    ("POST", "workflows/{workflow}/draft/redo", {}, "builder"),
    ("POST", "workflows/{workflow}/publish", {"note": "why"}, "builder"),
    ("GET", "workflows/{workflow}/versions", None, "viewer"),
    ("GET", "workflows/{workflow}/versions/1", None, "viewer"),
    ("GET", "workflows/{workflow}/export", None, "viewer"),
    ("POST", "workflows/{workflow}/versions/1/restore", {}, "builder"),
    ("GET", "workflows/{workflow}/compare", None, "viewer"),
    ("POST", "import", {"text": YAML, "name": "From a file"}, "builder"),
    ("POST", "import/look", {"text": YAML}, "builder"),
    ("GET", "publish-requests", None, "viewer"),
    ("GET", "publish-requests/{asked}", None, "viewer"),
    ("POST", "publish-requests/{asked}/withdraw", {}, "builder"),
    ("GET", "workflows/{workflow}/measures", None, "viewer"),
    ("POST", "workflows/{workflow}/runs", START, "operator"),
    ("POST", "workflows/{workflow}/tests", START, "builder"),
    ("GET", "workflows/{workflow}/samples", None, "viewer"),
    ("PUT", "workflows/{workflow}/samples/greet", {"output": {"text": "Hello"}}, "builder"),
    ("GET", "runs", None, "viewer"),
    ("GET", "runs/{run}", None, "viewer"),
    ("POST", "runs/{run}/cancel", {}, "operator"),
    ("POST", "runs/{failed}/retry", {}, "operator"),
    ("POST", "runs/{failed}/resume", {}, "operator"),
    ("POST", "runs/{failed}/erase", {"reason": "The contract was withdrawn"}, "manager"),
    ("GET", "runs/{run}/journal", None, "viewer"),
    ("GET", "runs/{run}/record", None, "viewer"),
    ("GET", "runs/{run}/events", None, "viewer"),
    ("GET", "runs/{run}/ledger", None, "viewer"),
    ("GET", "tasks", None, "viewer"),
    ("GET", "tasks/{task}", None, "viewer"),
    ("POST", "tasks/{task}/decide", {"decision": "approve"}, "approver"),
    ("POST", "tasks/{taken}/release", {}, "manager"),
    ("POST", "tasks/{task}/delegate", {"to": "ada@tandem.example", "reason": "You know it."}, "approver"),
    ("GET", "manual-modes", None, "viewer"),
    ("POST", "manual-modes", {"reason": "The provider is down."}, "manager"),
    ("GET", "manual-modes/{mode}", None, "viewer"),
    ("POST", "manual-modes/{mode}/off", {"tasks": "back"}, "builder"),
    ("GET", "workflows/{workflow}/shares", None, "manager"),
    ("POST", "workflows/{workflow}/shares", {"email": "ada@tandem.example"}, "manager"),
    ("POST", "shares/{share}/end", {}, "manager"),
    ("GET", "costs", None, "viewer"),
    ("GET", "budgets", None, "viewer"),
    ("GET", "budget-questions", None, "viewer"),
    ("GET", "budget-questions/{budget}", None, "viewer"),
    ("POST", "budget-questions/{budget}/answer", {"answer": "leave"}, "manager"),
    ("GET", "connectors", None, "viewer"),
    ("GET", "connections", None, "viewer"),
    ("POST", "connections", CONNECT, "builder"),
    ("GET", "connections/{connection}", None, "viewer"),
    ("PUT", "connections/{connection}", {"title": "Archive", "settings": CONNECT["settings"]}, "builder"),
    ("POST", "connections/{connection}/test", {}, "builder"),
    ("POST", "connections/{connection}/remove", {}, "builder"),
    ("GET", "services", None, "viewer"),
    ("POST", "services", {"document": described("https://shop.example").decode()}, "builder"),
    ("GET", "services/{service}", None, "viewer"),
    ("GET", "services/{service}/operations", None, "viewer"),
    ("POST", "services/{service}/operations", {"take": ["me"]}, "builder"),
    ("POST", "services/{service}/renew", {"document": described("https://shop.example").decode()}, "builder"),
    ("POST", "services/{service}/remove", {}, "builder"),
    ("PUT", "workflows/{workflow}/retention", {"days": 90}, "manager"),
    ("PUT", "workflows/{workflow}/tool", {"enabled": True}, "builder"),
    ("GET", "series", None, "viewer"),
    ("GET", "workflows/{workflow}/series", None, "viewer"),
    ("POST", "workflows/{workflow}/series", "table", "operator"),
    ("GET", "series/{series}", None, "viewer"),
    ("GET", "series/{series}/rows", None, "viewer"),
    ("POST", "series/{series}/stop", {}, "operator"),
    ("POST", "series/{series}/go-on", {}, "operator"),
    ("GET", "trigger-kinds", None, "viewer"),
    ("GET", "triggers", None, "viewer"),
    ("GET", "workflows/{workflow}/triggers", None, "viewer"),
    ("POST", "workflows/{workflow}/triggers", {"kind": "time.schedule"}, "builder"),
    ("GET", "triggers/{trigger}", None, "viewer"),
    ("PUT", "triggers/{trigger}", {"settings": {"proof": "none"}}, "builder"),
    ("PUT", "triggers/{trigger}/enabled", {"enabled": False}, "builder"),
    ("GET", "triggers/{trigger}/events", None, "viewer"),
    ("POST", "triggers/{trigger}/secret", {}, "builder"),
    ("POST", "triggers/{trigger}/remove", {}, "builder"),
    ("GET", "subscriptions", None, "builder"),
    ("POST", "subscriptions", {"address": "https://archive.example/", "events": ["run.failed"]}, "builder"),
    ("GET", "subscriptions/{subscription}", None, "builder"),
    (
        "PUT",
        "subscriptions/{subscription}",
        {"address": "https://archive.example/", "events": ["run.failed"]},
        "builder",
    ),
    ("PUT", "subscriptions/{subscription}/enabled", {"enabled": False}, "builder"),
    ("POST", "subscriptions/{subscription}/secret", {}, "builder"),
    ("POST", "subscriptions/{subscription}/test", {}, "builder"),
    ("POST", "subscriptions/{subscription}/remove", {}, "builder"),
    ("GET", "subscriptions/{subscription}/deliveries", None, "builder"),
    ("GET", "deliveries/{delivery}", None, "builder"),
    ("POST", "deliveries/{delivery}/again", {}, "builder"),
    ("GET", "step-kinds", None, "viewer"),
    ("GET", "step-kinds/text.compose", None, "viewer"),
    ("GET", "templates", None, "viewer"),
    ("GET", "templates/nda-desk", None, "viewer"),
    ("POST", "templates/nda-desk/copy", {}, "builder"),
    ("GET", "saved-steps", None, "viewer"),
    ("GET", "saved-steps/{saved}", None, "viewer"),
    ("GET", "saved-steps/{saved}/versions", None, "viewer"),
    ("GET", "saved-steps/{saved}/versions/1", None, "viewer"),
    ("GET", "ledger", None, "manager"),
    ("GET", "files", None, "viewer"),
    ("POST", "files", "upload", "operator"),
    ("GET", "files/{file}", None, "viewer"),
    ("GET", "files/{file}/content", None, "viewer"),
    ("GET", "me", None, "viewer"),
]
OPEN = {"schema", "docs"}
CREATING = (
    "workflows",
    "runs",
    "publish",
    "files",
    "copy",
    "tests",
    "import",
    "manual-modes",
    "connections",
    "services",
    "triggers",
    "series",
    "subscriptions",
    "shares",
)
LACKS = {
    "builder": (Role.VIEWER, Role.OPERATOR, Role.APPROVER),
    "operator": (Role.VIEWER, Role.APPROVER),
    "approver": (Role.VIEWER, Role.OPERATOR, Role.BUILDER),
    "manager": (Role.VIEWER, Role.OPERATOR, Role.BUILDER, Role.APPROVER),
    "viewer": (),
}


@pytest.fixture(autouse=True)
def _in_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here each test is one, so that a connection may be tried all the same."""
    monkeypatch.setattr(net, "FORBID_IN_TRANSACTION", False)


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def _connected(program: Program) -> Connection:
    told = Told("Old archive", CONNECT["settings"], CONNECT["secrets"])  # type: ignore[arg-type]
    return connect(program.department, "http", told, actor=SYSTEM)


@pytest.fixture
def things(program: Program) -> dict[str, str]:
    return things_of(program)


def things_of(program: Program) -> dict[str, str]:
    """Something of each kind in the program's department."""
    version = factories.make_version(factories.make_workflow(program.department, DEFINITION))
    run = factories.make_run(version, status=RunStatus.WAITING)
    task = factories.make_task(factories.make_step(run, status="waiting"))
    ada = factories.make_user("Ada", program.department, Role.APPROVER, email="ada@tandem.example")
    taken = factories.make_task(factories.make_step(run, "taken", status="waiting"), claimed_by=ada)
    failed = factories.make_run(version, status=RunStatus.FAILED)
    factories.make_step(failed, status="failed")
    file = program.upload({"file": _file()}).json()["id"]
    subscription = factories.make_subscription(program.department)
    return {
        "workflow": str(version.workflow_id),
        "run": str(run.pk),
        "failed": str(failed.pk),
        "task": str(task.pk),
        "taken": str(taken.pk),
        "file": file,
        "mode": str(switch_on(program.department, workflow=version.workflow, reason="Nonsense.", actor=SYSTEM).pk),
        "connection": str(_connected(program).pk),
        "service": str(factories.make_manifest(described("https://shop.example"), program.department).pk),
        "trigger": str(set_up(version.workflow, "web.hook", Wanted(), actor=SYSTEM)[0].pk),
        "series": str(_handed_in(version.workflow).pk),
        "subscription": str(subscription.pk),
        "delivery": str(send_test(subscription, actor=SYSTEM).pk),
        "asked": str(factories.make_publish_request(version.workflow).pk),
        "budget": str(_asked_owner(program)),
        "share": str(share_with_department(version.workflow, program.department, actor=SYSTEM).pk),
        "saved": str(keep_prompt(program.department, "Be kind.", title="Kind", actor=SYSTEM).saved_id),
    }


def _asked_owner(program: Program) -> UUID:
    return factories.make_budget_question(
        budgets.set_budget(program.department, limits={"soft_usd": 4}, actor=SYSTEM)
    ).pk


def _file() -> SimpleUploadedFile:
    return SimpleUploadedFile("brief.txt", b"Hello")


def _handed_in(workflow: Workflow) -> Series:
    series = Series.objects.create(department=workflow.department, workflow=workflow, key="k", title="A", total=2)
    SeriesRow.objects.create(series=series, number=1, state="waiting")
    SeriesRow.objects.create(series=series, number=2, state="refused")
    return series


def _table(program: Program) -> dict[str, str]:
    return {"file": str(files.save(program.department.pk, "people.csv", b"name,x\r\nAda,1\r\n", "").pk)}


def ask(program: Program, method: str, path: str, body: Any) -> Any:
    if body == "upload":
        return program.upload({"file": _file()})
    if body == "table":
        body = _table(program)
    if method == "GET":
        return program.get(path)
    return program.put(path, body) if method == "PUT" else program.post(path, body)


def test_every_route_is_in_the_table() -> None:
    asked = {re.sub(r"\{\w+\}", "*", path) for _, path, _, _ in OPERATIONS}
    routes = {re.sub(r"<[^>]+>", "*", route) for route, _, _ in ROUTES} - OPEN

    of_catalogue = {
        "saved-steps/*/versions/1",
        "step-kinds/text.compose",
        "templates/nda-desk",
        "workflows/*/versions/1",
        "workflows/*/versions/1/restore",
        "workflows/*/samples/greet",
    }
    assert routes - asked == {
        "saved-steps/*/versions/*",
        "step-kinds/*",
        "templates/*",
        "templates/*/copy",
        "workflows/*/versions/*",
        "workflows/*/versions/*/restore",
        "workflows/*/samples/*",
    }
    assert asked - routes == of_catalogue | {"templates/nda-desk/copy"}


def test_without_a_token_there_is_only_401(things: dict) -> None:
    signed_in = Client()
    signed_in.force_login(User.objects.create_superuser("root@tandem.example", name="Root"))
    clients = (Client(), signed_in, Client(headers={"Authorization": "Bearer tdm_wrong"}))

    for number, (method, path, _, _) in enumerate(OPERATIONS):
        for client in clients:
            sender = {"content_type": "application/json", "REMOTE_ADDR": f"192.0.2.{number}"}
            answer = client.generic(method, ROOT + path.format_map(things), b"{}", **sender)  # type: ignore[arg-type]
            assert_problem(answer, 401, "not-signed-in")
            assert answer["WWW-Authenticate"] == "Bearer"


def test_a_stranger_sees_of_things_what_one_sees_of_nothing(things: dict, stranger: Program) -> None:
    before = list(Workflow.objects.values())

    for method, path, body, _ in OPERATIONS:
        for name in re.findall(r"\{(\w+)\}", path)[:1]:
            theirs = ask(stranger, method, path.format_map(things), body)
            nobodys = [ask(stranger, method, path.format(**{name: id}), body) for id in (RANDOM, *MALFORMED[:5])]

            assert_problem(theirs, 404, "not-found")
            assert {answer.status_code for answer in nobodys} == {404}, path
            assert {answer.content for answer in nobodys} == {theirs.content}, path

    assert list(Workflow.objects.values()) == before


def test_the_wrong_role_is_refused_and_changes_nothing(things: dict, program: Program) -> None:
    programs = {
        role: Program(program.department, role) for role in {wrong for each in LACKS.values() for wrong in each}
    }
    before = list(Workflow.objects.values())

    for method, path, body, role in OPERATIONS:
        for wrong in LACKS[role]:
            answer = ask(programs[wrong], method, path.format_map(things), body)
            assert (answer.status_code, method, path) == (403, method, path)
            assert_problem(answer, 403, "not-allowed")

    assert list(Workflow.objects.values()) == before


def test_the_right_role_may(things: dict, program: Program) -> None:
    for method, path, body, role in OPERATIONS:
        with undone():
            _may(things, Program(program.department, role), method, path, body)


def _may(things: dict, right: Program, method: str, path: str, body: Any) -> None:
    if path.endswith(("draft/undo", "draft/redo")):
        changed = {"edit": {"do": "describe", "description": "Why"}}
        ask(right, "POST", "workflows/{workflow}/draft/edits".format_map(things), changed)
    if path.endswith("draft/redo"):
        ask(right, "POST", "workflows/{workflow}/draft/undo".format_map(things), {})

    with leaves(f"{method} {path}") if method != "GET" else nullcontext():
        answer = ask(right, method, path.format_map(things), body)

    creates = method == "POST" and (path.rpartition("/")[2] in CREATING or path.endswith("subscription}/test"))
    assert answer.status_code == (201 if creates else 200), (method, path, answer.content)


def test_a_revoked_token_ends_at_once(program: Program) -> None:
    assert program.get("me").status_code == 200

    revoke_token(program.token, actor=SYSTEM)

    assert_problem(program.get("me"), 401)


@pytest.mark.parametrize("id", MALFORMED)
@pytest.mark.parametrize(
    "path", ["workflows/{}", "workflows/{}/draft", "runs/{}", "tasks/{}", "files/{}", "files/{}/content"]
)
def test_a_malformed_id_is_an_unknown_one(program: Program, path: str, id: str) -> None:
    assert_problem(program.get(path.format(id)), 404)


def test_ids_inside_a_question_show_nothing_of_other_departments(things: dict, stranger: Program) -> None:
    for path in (
        f"runs?workflow={things['workflow']}",
        f"runs?parent={things['run']}",
        f"tasks?run={things['run']}",
        f"ledger?run={things['run']}",
    ):
        assert stranger.get(path).json()["results"] == []


def test_a_cursor_of_another_department_shows_nothing_of_it(program: Program, stranger: Program) -> None:
    for _ in range(3):
        factories.make_workflow(program.department)
    cursor = program.get("workflows", {"page_size": "1"}).json()["next"]

    assert stranger.get(cursor).json()["results"] == []


@pytest.mark.parametrize("path", ["", "nothing", "nothing/", "workflows/x/nothing", "runs/x/steps"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_an_address_that_does_not_exist_is_a_problem_document(program: Program, path: str, method: str) -> None:
    assert_problem(program.send(method, path, b""), 404)
    assert_problem(Client().generic(method, ROOT + path), 401)


def test_a_method_that_an_address_does_not_take_is_405(things: dict, program: Program) -> None:
    for method, path, _body, _role in OPERATIONS:
        for wrong in ("PATCH", "DELETE", "OPTIONS", "TRACE"):
            answer = program.send(wrong, path.format_map(things), b"")
            assert_problem(answer, 405, "wrong-method")
            assert method in answer["Allow"]


def test_each_address_answers_with_a_slash_at_its_end_too(things: dict, program: Program) -> None:
    for method, path, _body, _role in OPERATIONS:
        if method == "GET":
            assert program.get(path.format_map(things) + "/").status_code == 200


def test_answers_are_kept_by_nobody(things: dict, program: Program) -> None:
    assert program.get("me")["Cache-Control"] == "no-store"
    assert "no-store" in program.get(f"files/{things['file']}/content")["Cache-Control"]
    assert "Set-Cookie" not in program.get("me").headers
