"""Whatever is done to a draft, undo takes it back byte for byte, and redo brings it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from departments.access import SYSTEM, Actor
from departments.models import Department
from tests import factories
from tests.workflows.engine.edits.wild import SEED, edit_of
from workflows.engine.definition import dump, load
from workflows.models import Workflow
from workflows.services.drafting import Drafted, edit_draft, redo, undo
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.workflows import create_workflow

pytestmark = pytest.mark.django_db

LENA, OMAR = (Actor(kind="system", id=name, label=name) for name in ("Lena", "Omar"))
ON_ROWS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def department() -> Department:
    return factories.make_department("Legal")


def seeded(department: Department) -> Workflow:
    Workflow.objects.all().delete()
    return create_workflow(department, name="Any", definition=dump(SEED), actor=SYSTEM)


def stored(workflow: Workflow) -> str:
    row = Workflow.objects.get(pk=workflow.pk)
    return json.dumps([row.name, row.description, row.draft])


def tried(workflow: Workflow, edit: Any, actor: Actor, revision: int | None = None) -> bool:
    """Whether the edit was made and has changed something."""
    try:
        return edit_draft(workflow, edit, actor=actor, revision=revision).edit.pk is not None
    except (ValidationError, Conflict):
        workflow.refresh_from_db()
        return False


def turned(workflow: Workflow, turn: Callable[..., Drafted], actor: Actor) -> bool:
    """Whether there was something to undo or redo."""
    try:
        turn(workflow, actor=actor)
    except Conflict:
        return False
    return True


@ON_ROWS
@given(st.data())
def test_undo_goes_back_to_the_first_byte_and_redo_forth_to_the_last(
    department: Department, data: st.DataObject
) -> None:
    workflow = seeded(department)
    states = [stored(workflow)]
    for _ in range(data.draw(st.integers(1, 8))):
        made = tried(workflow, data.draw(edit_of(load(workflow.draft))), LENA)
        if made and workflow.draft_edits.filter(deed="edit").count() == len(states):
            states.append(stored(workflow))
        elif made:
            states[-1] = stored(workflow)

    for wanted in reversed(states[:-1]):
        undo(workflow, actor=LENA)
        assert stored(workflow) == wanted
    for wanted in states[1:]:
        redo(workflow, actor=LENA)
        assert stored(workflow) == wanted
    for wanted in reversed(states[:-1]):
        undo(workflow, actor=LENA)
        assert stored(workflow) == wanted


@ON_ROWS
@given(st.data())
def test_two_people_who_edit_undo_and_redo_always_leave_a_workflow(department: Department, data: st.DataObject) -> None:
    workflow = seeded(department)
    for _ in range(data.draw(st.integers(2, 10))):
        actor = data.draw(st.sampled_from([LENA, OMAR]))
        deed = data.draw(st.sampled_from(["edit", "edit", "stale", "undo", "redo"]))
        if deed in ("edit", "stale"):
            stale = max(1, workflow.draft_revision - 2) if deed == "stale" else None
            tried(workflow, data.draw(edit_of(load(workflow.draft))), actor, stale)
            continue
        before = stored(workflow)
        if not turned(workflow, undo if deed == "undo" else redo, actor):
            workflow.refresh_from_db()
            assert stored(workflow) == before

        ids = [node.id for node in load(workflow.draft).nodes()]
        assert len(ids) == len(set(ids))


def test_what_one_person_wrote_is_still_there_after_the_other_has_undone_everything(department: Department) -> None:
    workflow = seeded(department)
    for number in range(5):
        edit_draft(workflow, {"do": "add", "kind": "text.compose", "id": f"hers_{number}"}, actor=LENA)
        edit_draft(workflow, {"do": "add", "kind": "ai.write", "id": f"his_{number}"}, actor=OMAR)

    for _ in range(5):
        undo(workflow, actor=LENA)

    added = [step["id"] for step in workflow.draft["steps"][len(SEED.steps) :]]
    assert added == [f"his_{number}" for number in range(5)]
