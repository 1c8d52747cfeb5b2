"""Making and publishing workflows: names, numbers, versions that never change, and calls that never lead back."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection

from audit.models import Entry
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.workflows.runtime.harness import carried, published, run_of
from workflows.models import Version, Workflow
from workflows.services.refusals import Conflict
from workflows.services.workflows import archive_workflow, create_workflow, publish_workflow, save_draft

pytestmark = pytest.mark.django_db(transaction=True)

SAY = {"id": "say", "kind": "text.compose", "with": {"text": "hello"}}


def definition(*steps: dict[str, Any], name: str = "Any") -> dict[str, Any]:
    return {"format": 1, "name": name, "steps": list(steps) or [SAY]}


def calling(slug: str) -> dict[str, Any]:
    return {"id": "call", "kind": "flow.workflow", "with": {"workflow": slug}}


@pytest.fixture
def department() -> Department:
    return factories.make_department("Legal")


def make(department: Department, name: str, *steps: dict[str, Any]) -> Workflow:
    return create_workflow(department, name=name, definition=definition(*steps, name=name), actor=SYSTEM)


def test_a_problem_keeps_the_draft_from_being_published_and_is_named(department: Department) -> None:
    workflow = make(department, "Broken", {"id": "say", "kind": "text.compose", "with": {}})

    with pytest.raises(ValidationError) as refusal:
        publish_workflow(workflow, note="", actor=SYSTEM)

    assert refusal.value.messages == ["say: with.text: “Text” is still empty."]
    assert not Version.objects.exists()


def test_versions_are_numbered_without_gaps_and_the_last_one_is_live(department: Department) -> None:
    workflow = make(department, "Any")

    numbers = [publish_workflow(workflow, note=str(n), actor=SYSTEM).number for n in range(3)]

    workflow.refresh_from_db()
    assert (numbers, workflow.live.number) == ([1, 2, 3], 3)
    assert Entry.objects.filter(verb="workflow.published").count() == 3


def test_the_database_refuses_to_change_a_published_definition(department: Department) -> None:
    version = publish_workflow(make(department, "Any"), note="", actor=SYSTEM)

    with pytest.raises(IntegrityError, match="never changes"):
        Version.objects.filter(pk=version.pk).update(definition={})


@pytest.mark.parametrize(
    "second", ["Press triage", "press TRIAGE", "Ｐress triage", "Press\u200b triage", " Press  triage "]
)
def test_two_workflows_may_not_read_the_same(department: Department, second: str) -> None:
    make(department, "Press triage")

    with pytest.raises(Conflict, match="already"):
        make(department, second)


def test_names_are_kept_without_what_nobody_sees(department: Department) -> None:
    workflow = make(department, "Cafe\u0301 \u202egnissil\u202c \U000e0041 ok")

    assert workflow.name == "Café gnissil ok"


def test_the_same_name_in_another_department_is_free(department: Department) -> None:
    make(department, "Any")

    assert make(factories.make_department(), "Any").slug == "any"


def test_a_stale_draft_is_a_conflict_and_loses_nothing(department: Department) -> None:
    workflow = make(department, "Any")
    save_draft(workflow, definition(SAY, name="First"), actor=SYSTEM, revision=1)

    with pytest.raises(Conflict, match="has changed “First” since you opened it"):
        save_draft(workflow, definition(SAY, name="Second"), actor=SYSTEM, revision=1)

    workflow.refresh_from_db()
    assert (workflow.name, workflow.draft_revision) == ("First", 2)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_only_builders_and_managers_make_workflows(department: Department, role: Role) -> None:
    actor = actor_for_user(factories.make_user("Somebody", department, role))

    with pytest.raises(PermissionDenied):
        create_workflow(department, name="Any", definition=definition(), actor=actor)


def test_a_workflow_may_not_call_itself(department: Department) -> None:
    workflow = make(department, "Self", calling("self"))

    with pytest.raises(ValidationError, match="self → self"):
        publish_workflow(workflow, note="", actor=SYSTEM)


def test_a_circle_of_calls_is_found_over_five_workflows(department: Department) -> None:
    first = make(department, "W0")
    publish_workflow(first, note="", actor=SYSTEM)
    for n in range(1, 5):
        publish_workflow(make(department, f"W{n}", calling(f"w{n - 1}")), note="", actor=SYSTEM)
    save_draft(first, definition(calling("w4"), name="W0"), actor=SYSTEM)

    with pytest.raises(ValidationError, match="w0 → w4 → w3 → w2 → w1 → w0"):
        publish_workflow(first, note="", actor=SYSTEM)


def test_calls_that_nest_too_deeply_end_with_their_chain(department: Department) -> None:
    publish_workflow(make(department, "W0"), note="", actor=SYSTEM)
    for n in range(1, 10):
        publish_workflow(make(department, f"W{n}", calling(f"w{n - 1}")), note="", actor=SYSTEM)

    run = carried(run_of(Workflow.objects.get(slug="w9")))

    assert run.status == "failed"
    assert "8 levels deep: W9 → W8 → W7" in run.error["message"]


def test_a_workflow_of_another_department_cannot_be_called(department: Department) -> None:
    published([SAY], factories.make_department(), name="Theirs")

    with pytest.raises(ValidationError, match="no published workflow called “theirs”"):
        publish_workflow(make(department, "Ours", calling("theirs")), note="", actor=SYSTEM)


def test_an_archived_workflow_starts_no_run(department: Department) -> None:
    workflow = published([SAY], department)
    archive_workflow(workflow, actor=SYSTEM)
    workflow.refresh_from_db()

    with pytest.raises(Conflict, match="no published version"):
        run_of(workflow)


def test_two_people_publishing_at_once_make_two_versions(department: Department) -> None:
    workflow = make(department, "Any")

    def publish() -> None:
        publish_workflow(Workflow.objects.select_related("department").get(pk=workflow.pk), note="", actor=SYSTEM)
        connection.close()

    threads = [threading.Thread(target=publish) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sorted(workflow.versions.values_list("number", flat=True)) == list(range(1, 9))


def test_a_draft_may_not_take_the_name_of_another_workflow(department: Department) -> None:
    make(department, "Press triage")
    workflow = make(department, "Any")

    with pytest.raises(Conflict, match="already"):
        save_draft(workflow, definition(SAY, name="PRESS triage"), actor=SYSTEM)
    assert save_draft(workflow, definition(SAY, name="any"), actor=SYSTEM).name == "any"
