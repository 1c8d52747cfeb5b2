"""Nothing of another department is listed, named, called or read, by whatever name it is asked for (Z04, Z06, Z11)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from audit.models import Entry
from departments.access import actor_for_user
from departments.models import Department, Role
from departments.services import add_member, deactivate_user, remove_member
from tests import factories
from tests.workflows.api.program import Program
from tests.workflows.api.test_access import OPERATIONS, things_of
from tests.workflows.pages import test_routes as pages
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.models import Run, StoredFile
from workflows.runtime import files
from workflows.services.refusals import ValidationError
from workflows.services.runs import start_run
from workflows.services.triggers import Wanted, set_up

pytestmark = pytest.mark.django_db

CANARY = "Northwind takeover"
SAY = {"id": "say", "kind": "text.compose", "with": {"text": "hello"}}


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def theirs() -> Program:
    """A program of a department that has something of each kind."""
    return Program(factories.make_department(CANARY), name=CANARY)


def question(things: dict[str, str], department: Department) -> dict[str, str]:
    """Ways to ask a list for more than one's own: words, foreign ids, and orders and columns nobody offers."""
    return {
        "q": CANARY,
        "department": str(department.pk),
        "workflow": things["workflow"],
        "run": things["run"],
        "of": things["run"],
        "order_by": "department__name",
        "ordering": "-department",
        "department__slug": department.slug,
    }


def test_no_list_search_count_or_table_over_the_api_knows_of_another_department(
    legal: Department, theirs: Program
) -> None:
    things, ours = things_of(theirs), Program(legal)
    lists = [path for method, path, _, _ in OPERATIONS if method == "GET" and "{" not in path]
    before = {path: ours.get(path).content for path in lists}

    for path in lists:
        assert not [id for id in things.values() if id in before[path].decode()], path
        asked = question(things, theirs.department)
        for some in ({name: asked[name]} for name in ("department", "workflow", "q", "order_by")):
            answer = ours.get(path, some)
            assert answer.status_code in (200, 400, 404), (path, some)
            if answer.status_code == 200:  # a refusal repeats what was asked
                assert not [id for id in (*things.values(), CANARY) if id in answer.content.decode()], (path, some)


def test_no_list_search_count_or_table_on_a_page_knows_of_another_department(
    legal: Department, theirs: Program
) -> None:
    things, desk = things_of(theirs), Client()
    theirs.department.workflows.update(name=CANARY)
    desk.force_login(factories.make_user("Maren", legal, Role.MANAGER))
    named = {route.name: route for route in pages.ROUTES if route.method == "get"}
    lists = [*_without_arguments(named), "/ledger/", "/ledger/ledger.csv", "/ledger/ledger.jsonl"]
    assert len(lists) > 15

    for address in lists:
        for asked in ({}, question(things, theirs.department)):
            said = desk.get(address, asked).content.decode()
            told = {id for id in (*things.values(), CANARY) if id in said}
            assert told - set(asked.values()) == set(), (address, asked)


def _without_arguments(named: dict[str, Any]) -> list[str]:
    found = []
    for name in named:
        try:
            found.append(reverse(name))
        except NoReverseMatch:
            continue
    return found


def test_no_run_calls_reads_or_sends_by_what_is_another_departments(legal: Department, theirs: Program) -> None:
    things = things_of(theirs)
    callee = published([SAY], theirs.department, name="Theirs")
    other = StoredFile.objects.get(pk=things["file"])
    ref = files.reference(other).model_dump()
    steps: list[dict[str, Any]] = [
        {"id": "call", "kind": "flow.workflow", "with": {"workflow": callee.slug}},
        {"id": "call", "kind": "flow.workflow", "with": {"workflow": str(callee.pk)}},
        {"id": "ask", "kind": "http.request", "with": {"connection": "archive", "url": "/x", "method": "GET"}},
        {"id": "ask", "kind": "http.request", "with": {"connection": things["connection"], "url": "/x"}},
    ]

    for number, step in enumerate(steps):
        with pytest.raises(ValidationError):
            published([step], legal, name=f"Refused {number}")
        # As if the check had been forgotten, or the thing had been there when it was published.
        version = factories.make_version(factories.make_workflow(legal, {"format": 1, "name": "Any", "steps": [step]}))
        run = carried(run_of(version.workflow))
        assert (run.status, run.output) == ("failed", None), step
    read = {"id": "read", "kind": "document.read", "with": {"file": "{{ inputs.brief }}"}}
    reading = published([read], legal, inputs={"brief": {"type": "file"}})
    run = run_of(reading, brief=str(files.save(legal.pk, "ours.txt", b"ours", "text/plain").pk))
    Run.objects.filter(pk=run.pk).update(inputs={"brief": ref})
    carried(run)
    run.refresh_from_db()
    assert run.status == "failed"
    assert "no file “brief.txt” in this department" in run.error["message"]
    assert not Entry.objects.filter(verb="file.downloaded").exists()


def test_a_file_is_had_by_its_own_address_and_by_no_other_spelling(legal: Department, theirs: Program) -> None:
    own = files.save(legal.pk, "ours.txt", b"0123456789", "text/plain")
    other = files.save(theirs.department.pk, "theirs.txt", b"secret", "text/plain")
    desk, ours = Client(), Program(legal)
    desk.force_login(factories.make_user("Lea", legal))
    here = reverse("file", args=[own.pk])

    partly = desk.get(here, headers={"Range": "bytes=2-4"})
    assert (partly.status_code, partly.content) == (200, b"0123456789"), "all of it, or nothing"
    head = desk.head(here)
    assert (head.status_code, head.content) == (405, b"")
    for spelt in _spellings(other.pk, own.pk, legal):
        for answer in (desk.get(spelt), desk.head(spelt), desk.get(spelt, headers={"Range": "bytes=0-3"})):
            assert answer.status_code in (404, 405), spelt
            assert b"secret" not in answer.content
    for id in (str(other.pk), str(uuid4()), f"{own.pk}%2f..%2f{other.pk}", f"%2e%2e%2f{other.pk}", f"../{other.pk}"):
        for path in (f"files/{id}", f"files/{id}/content"):
            assert ours.get(path).status_code == 404, path
    assert Client().get(here).status_code == 302
    taken = Entry.objects.filter(verb="file.downloaded").values_list("object_id", flat=True)
    assert set(taken) == {str(own.pk)}


def _spellings(other: UUID, own: UUID, legal: Department) -> list[str]:
    stored = files.storage_name(legal.pk, "0" * 64)
    return [
        f"/files/{other}/",
        f"/files/{uuid4()}/",
        f"/files/{own}/../{other}/",
        f"/files/{own}%2f..%2f{other}/",
        f"/files/%2e%2e/{other}/",
        f"/files/{str(other).upper()}/",
        f"/{stored}",
        f"/media/{stored}",
        "/files/../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/etc/passwd",
    ]


def test_moved_to_another_department_an_open_session_follows_and_what_runs_goes_on(legal: Department) -> None:
    press, robin = factories.make_department("Press"), actor_for_user(factories.make_user(is_superuser=True))
    lea = factories.make_user("Lea", legal, Role.BUILDER)
    wait = {"id": "wait", "kind": "flow.wait", "with": {"for_s": 60}}
    ours, new = published([wait, SAY], legal), published([SAY], press)
    trigger, _secret = set_up(ours, "web.hook", Wanted(), actor=actor_for_user(lea))
    run = start_run(ours, inputs={}, actor=actor_for_user(lea))
    client = Client()
    client.force_login(lea)
    addresses = [reverse(name, args=[each.pk]) for each in (ours, new) for name in ("workflow", "build")]
    assert [client.get(address).status_code for address in addresses] == [200, 200, 404, 404]

    remove_member(lea.memberships.get(), actor=robin)
    add_member(press, lea, Role.OPERATOR, actor=robin)

    assert [client.get(address).status_code for address in addresses] == [404, 404, 200, 403]
    assert client.post(reverse("cancel", args=[run.pk])).status_code == 404
    deactivate_user(lea, actor=robin)
    assert client.get(addresses[2]).status_code == 302
    run.refresh_from_db()
    trigger.refresh_from_db()
    assert (run.status, run.cancel_asked_at, trigger.enabled) == ("waiting", None, True), (
        "a run acts for its department"
    )
