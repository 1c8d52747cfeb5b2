"""Bringing a version back as the draft, and which runs still keep to which version."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied

from audit.models import Entry
from departments.access import actor_for_user
from departments.models import Department, Role
from tests import factories
from workflows.engine.definition import load
from workflows.models import RunStatus, Version, Workflow
from workflows.services.drafting import undo
from workflows.services.refusals import Conflict
from workflows.services.versions import restore_version, runs_under_way
from workflows.services.workflows import save_draft

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = {**factories.DEFINITION, "description": "Other", "inputs": {}, "output": {}}
OTHER["steps"] = [{"id": "say", "kind": "text.compose", "with": {"text": "Bye"}}]


@pytest.fixture
def legal() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def workflow(legal: Department) -> Workflow:
    made = factories.make_workflow(legal, name="Greeting")
    made.draft = {**made.draft, "name": "Greeting"}
    made.save()
    return made


def builder(legal: Department):
    return actor_for_user(factories.make_user("Britta", legal, Role.BUILDER))


def test_a_restored_version_is_the_draft_and_nothing_is_published(legal: Department, workflow: Workflow) -> None:
    first = factories.make_version(workflow)
    actor = builder(legal)
    save_draft(workflow, {**OTHER, "name": "Greeting"}, actor=actor)

    restore_version(first, actor=actor)

    workflow.refresh_from_db()
    assert load(workflow.draft) == load(first.definition)
    assert (workflow.live, Version.objects.count()) == (first, 1)
    assert Entry.objects.get(verb="workflow.restored").detail == {"version": 1}


def test_undo_brings_back_what_the_restored_version_replaced(legal: Department, workflow: Workflow) -> None:
    first = factories.make_version(workflow)
    actor = builder(legal)
    save_draft(workflow, {**OTHER, "name": "Greeting"}, actor=actor)
    before = Workflow.objects.get(pk=workflow.pk).draft
    restore_version(first, actor=actor)

    undo(Workflow.objects.get(pk=workflow.pk), actor=actor)

    workflow.refresh_from_db()
    assert workflow.draft == before


def test_a_workflow_keeps_its_present_name_when_an_old_version_is_restored(
    legal: Department, workflow: Workflow
) -> None:
    first = factories.make_version(workflow)
    actor = builder(legal)
    save_draft(workflow, {**workflow.draft, "name": "Welcome"}, actor=actor)
    factories.make_workflow(legal, name="Greeting", slug="another")

    restore_version(Version.objects.get(pk=first.pk), actor=actor)

    workflow.refresh_from_db()
    assert (workflow.name, workflow.draft["name"]) == ("Welcome", "Welcome")


def test_a_draft_that_others_have_changed_meanwhile_is_not_thrown_away(legal: Department, workflow: Workflow) -> None:
    first = factories.make_version(workflow)
    seen = workflow.draft_revision
    actor, other = builder(legal), actor_for_user(factories.make_user("Bo", legal, Role.BUILDER))
    save_draft(workflow, {**OTHER, "name": "Greeting"}, actor=other)

    with pytest.raises(Conflict):
        restore_version(first, actor=actor, revision=seen)

    workflow.refresh_from_db()
    assert workflow.draft["description"] == "Other"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_only_who_builds_may_restore(legal: Department, workflow: Workflow, role: Role) -> None:
    first = factories.make_version(workflow)

    with pytest.raises(PermissionDenied):
        restore_version(first, actor=actor_for_user(factories.make_user("X", legal, role)))


def test_runs_that_are_not_over_keep_to_their_version(workflow: Workflow) -> None:
    first = factories.make_version(workflow)
    second = factories.make_version(workflow)
    parent = factories.make_run(first, status=RunStatus.RUNNING)
    factories.make_run(first, status=RunStatus.WAITING)
    factories.make_run(first, status=RunStatus.SUCCEEDED)
    factories.make_run(first, status=RunStatus.RUNNING, parent=parent)
    factories.make_run(second, status=RunStatus.FAILED)

    assert runs_under_way(workflow) == {first.pk: 2}
