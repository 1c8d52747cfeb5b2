"""Drafts change by edits: history, undo, redo, and two people on one draft."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.db.models import F

from audit.models import Entry
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Role
from tests import factories
from workflows.models import DraftEdit, Sample, Workflow
from workflows.services import drafts, histories
from workflows.services.drafting import StaleDraft, can_redo, can_undo, edit_draft, history, redo, undo
from workflows.services.refusals import Conflict
from workflows.services.workflows import create_workflow, save_draft

pytestmark = pytest.mark.django_db(transaction=True)


def say(id: str, text: str = "hello", **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}, **rest}


def place(at: int | None = None, step: str = "", arm: str = "") -> dict[str, Any]:
    return {"into": {"step": step, "arm": arm}, "at": at}


def changed(step: str, field: str, value: Any) -> dict[str, Any]:
    return {"do": "change", "step": step, "field": field, "value": value}


@pytest.fixture
def department() -> Department:
    return factories.make_department("Legal")


@pytest.fixture
def lena(department: Department) -> Actor:
    return builder(department, "Lena")


@pytest.fixture
def omar(department: Department) -> Actor:
    return builder(department, "Omar")


def builder(department: Department, name: str) -> Actor:
    user = factories.make_user(name=name)
    factories.make_member(user, department, Role.BUILDER)
    return actor_for_user(user)


@pytest.fixture
def workflow(department: Department) -> Workflow:
    draft = {"format": 1, "name": "Triage", "steps": [say("a"), say("b"), say("c")]}
    return create_workflow(department, name="Triage", definition=draft, actor=SYSTEM)


def steps(workflow: Workflow) -> list[str]:
    return [step["id"] for step in Workflow.objects.get(pk=workflow.pk).draft["steps"]]


def test_an_edit_is_written_with_its_sentence_and_into_the_ledger(workflow: Workflow, lena: Actor) -> None:
    done = edit_draft(workflow, {"do": "move", "steps": ["a"], "place": place(3)}, actor=lena, revision=1)

    assert (steps(workflow), workflow.draft_revision, done.rebased) == (["b", "c", "a"], 2, False)
    row = history(workflow).get()
    assert (row.revision, row.said, row.by) == (2, "Moved “Compose a text” after “Compose a text”", "Lena")
    entry = Entry.objects.get(verb="workflow.draft_saved")
    assert entry.detail == {"edit": "move", "deed": "edit", "revision": 2}


def test_a_new_step_gets_an_id_that_is_told(workflow: Workflow, lena: Actor) -> None:
    done = edit_draft(workflow, {"do": "add", "kind": "text.compose", "place": place(1)}, actor=lena)

    assert done.added == ("compose_a_text",)
    assert done.edit.edit["id"] == "compose_a_text"
    assert steps(workflow) == ["a", "compose_a_text", "b", "c"]


def test_undo_and_redo_go_back_and_forth_and_a_new_edit_ends_the_redo(workflow: Workflow, lena: Actor) -> None:
    first = edit_draft(workflow, {"do": "remove", "steps": ["a"]}, actor=lena)
    edit_draft(workflow, {"do": "remove", "steps": ["b"]}, actor=lena)

    assert undo(workflow, actor=lena).edit.said == "Deleted “Compose a text”"
    undo(workflow, actor=lena, revision=4)
    assert steps(workflow) == ["a", "b", "c"]
    assert not can_undo(workflow, lena)

    redo(workflow, actor=lena)
    assert steps(workflow) == ["b", "c"]
    redo(workflow, actor=lena)
    assert (steps(workflow), can_redo(workflow, lena)) == (["c"], False)

    undo(workflow, actor=lena)
    edit_draft(workflow, {"do": "duplicate", "step": "c"}, actor=lena)
    with pytest.raises(Conflict, match="nothing of yours to do again"):
        redo(workflow, actor=lena)
    assert first.workflow is workflow


def test_undo_takes_back_ones_own_edit_and_leaves_what_another_did_since(
    workflow: Workflow, lena: Actor, omar: Actor
) -> None:
    edit_draft(workflow, {"do": "add", "kind": "text.compose", "id": "new", "place": place(0)}, actor=lena)
    edit_draft(workflow, {"do": "add", "kind": "text.compose", "id": "his", "place": place(3)}, actor=omar)

    undo(workflow, actor=lena)

    assert steps(workflow) == ["a", "b", "his", "c"]
    redo(workflow, actor=lena)
    assert steps(workflow) == ["new", "a", "b", "his", "c"]


def test_what_another_has_built_on_is_not_undone(workflow: Workflow, lena: Actor, omar: Actor) -> None:
    edit_draft(workflow, {"do": "add", "kind": "text.compose", "id": "new", "place": place(0)}, actor=lena)
    edit_draft(workflow, changed("new", "title", "His title"), actor=omar)

    with pytest.raises(Conflict, match="Omar has built on it since: Gave “Compose a text” the title “His title”"):
        undo(workflow, actor=lena)

    assert steps(workflow) == ["new", "a", "b", "c"]


def test_undoing_after_another_has_undone_something_older_does_not_bring_that_back(
    workflow: Workflow, lena: Actor, omar: Actor
) -> None:
    edit_draft(workflow, {"do": "remove", "steps": ["a"]}, actor=omar)
    edit_draft(workflow, {"do": "remove", "steps": ["c"]}, actor=lena)
    undo(workflow, actor=omar)
    assert steps(workflow) == ["a", "b"]

    undo(workflow, actor=lena)

    assert steps(workflow) == ["a", "b", "c"]


def test_a_stale_edit_of_something_else_is_made_all_the_same(workflow: Workflow, lena: Actor, omar: Actor) -> None:
    edit_draft(workflow, {"do": "add", "kind": "text.compose", "id": "new", "place": place(0)}, actor=lena, revision=1)
    done = edit_draft(
        workflow, {"do": "add", "kind": "text.compose", "id": "his", "place": place(2)}, actor=omar, revision=1
    )

    assert done.rebased
    assert steps(workflow) == ["new", "a", "b", "his", "c"]


def test_a_stale_edit_follows_what_another_has_renamed(workflow: Workflow, lena: Actor, omar: Actor) -> None:
    edit_draft(workflow, {"do": "rename", "step": "a", "id": "alpha"}, actor=lena, revision=1)

    edit_draft(workflow, changed("b", "with.text", "{{ steps.a.text }}"), actor=omar, revision=1)
    edit_draft(workflow, changed("a", "title", "First"), actor=omar, revision=1)

    assert workflow.draft["steps"][0] == say("alpha", title="First")
    assert workflow.draft["steps"][1] == say("b", "{{ steps.alpha.text }}")


@pytest.mark.parametrize(
    "theirs",
    [
        changed("b", "with.text", "Hers"),
        changed("b", "with", {"text": "Hers"}),
        {"do": "remove", "steps": ["b"]},
        {"do": "swap", "steps": ["a", "b"], "nodes": [say("other")]},
        {"do": "replace", "definition": {"format": 1, "name": "Triage", "steps": [say("x")]}},
    ],
)
def test_a_stale_edit_of_the_same_thing_is_refused_showing_both(
    workflow: Workflow, lena: Actor, omar: Actor, theirs: dict[str, Any]
) -> None:
    edit_draft(workflow, theirs, actor=lena, revision=1)
    before = workflow.draft

    with pytest.raises(StaleDraft) as refusal:
        edit_draft(workflow, changed("b", "with.text", "His"), actor=omar, revision=1)

    workflow.refresh_from_db()
    assert (workflow.draft, workflow.draft_revision) == (before, 2)
    assert [row.by for row in refusal.value.theirs] == ["Lena"]
    assert refusal.value.mine.startswith("Changed “Text” of ")
    assert "Lena has changed “Triage” since you opened it" in str(refusal.value)
    assert refusal.value.definition.name == "Triage"


def test_a_whole_draft_sent_on_an_older_one_is_refused(workflow: Workflow, lena: Actor, omar: Actor) -> None:
    edit_draft(workflow, changed("a", "title", "First"), actor=lena)

    with pytest.raises(StaleDraft):
        save_draft(workflow, {"format": 1, "name": "Triage", "steps": [say("x")]}, actor=omar, revision=1)

    assert steps(workflow) == ["a", "b", "c"]


def test_typing_in_one_field_is_one_step_of_the_history(workflow: Workflow, lena: Actor) -> None:
    for text in ("H", "He", "Hello"):
        edit_draft(workflow, changed("a", "with.text", text), actor=lena)
    edit_draft(workflow, changed("b", "with.text", "Other"), actor=lena)

    assert [row.revision for row in history(workflow)] == [5, 4]
    assert Entry.objects.filter(verb="workflow.draft_saved").count() == 2
    undo(workflow, actor=lena)
    undo(workflow, actor=lena)
    assert workflow.draft["steps"] == [say("a"), say("b"), say("c")]


def test_a_pause_begins_a_new_step_of_the_history(workflow: Workflow, lena: Actor) -> None:
    edit_draft(workflow, changed("a", "with.text", "H"), actor=lena)
    DraftEdit.objects.update(at=F("at") - drafts.ONE_THOUGHT - timedelta(seconds=1))

    edit_draft(workflow, changed("a", "with.text", "He"), actor=lena)

    assert history(workflow).count() == 2


def test_typing_back_to_where_it_began_is_a_step_of_its_own(workflow: Workflow, lena: Actor) -> None:
    for text in ("hell", "hel", "hello"):
        edit_draft(workflow, changed("a", "with.text", text), actor=lena)

    assert [row.revision for row in history(workflow)] == [4, 3]
    undo(workflow, actor=lena)
    assert workflow.draft["steps"][0]["with"]["text"] == "hel"


def test_an_edit_that_changes_nothing_writes_nothing(workflow: Workflow, lena: Actor) -> None:
    done = edit_draft(workflow, changed("a", "with.text", "hello"), actor=lena, revision=1)

    assert (workflow.draft_revision, done.edit.pk, history(workflow).count()) == (1, None, 0)
    assert not Entry.objects.filter(verb="workflow.draft_saved").exists()


def test_what_was_pinned_to_a_step_stays_with_it_when_it_is_renamed(workflow: Workflow, lena: Actor) -> None:
    Sample.objects.create(workflow=workflow, step_id="a", kind="text.compose", output={"text": "x"})

    edit_draft(workflow, {"do": "rename", "step": "a", "id": "alpha"}, actor=lena)
    assert Sample.objects.get().step_id == "alpha"

    undo(workflow, actor=lena)
    assert Sample.objects.get().step_id == "a"


def test_only_the_last_drafts_are_kept_to_go_back_to(
    workflow: Workflow, lena: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "KEPT", 5)
    for number in range(20):
        edit_draft(workflow, changed("a", "timeout_s", number + 1), actor=lena)

    assert [row.revision for row in workflow.draft_edits.filter(before__isnull=False)] == [21, 20, 19, 18, 17, 16]


def test_whole_drafts_that_were_sent_are_kept_no_longer_than_those_to_go_back_to(
    workflow: Workflow, lena: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "KEPT", 5)
    for number in range(20):
        save_draft(workflow, {"format": 1, "name": "Triage", "steps": [say("a", str(number))]}, actor=lena)

    rows = list(workflow.draft_edits.order_by("revision"))
    assert [row.revision for row in rows if "definition" in row.edit] == [16, 17, 18, 19, 20, 21]
    assert {row.edit["do"] for row in rows} == {"replace"}


def test_what_was_undone_too_long_ago_is_not_done_again(
    workflow: Workflow, lena: Actor, omar: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(histories, "KEPT", 5)
    edit_draft(workflow, changed("a", "timeout_s", 1), actor=lena)
    undo(workflow, actor=lena)
    assert can_redo(workflow, lena)

    for number in range(5):
        edit_draft(workflow, changed("b", "timeout_s", number + 1), actor=omar)

    assert not can_redo(workflow, lena)


def test_undoing_a_whole_draft_takes_its_description_back_too(workflow: Workflow, lena: Actor) -> None:
    save_draft(workflow, {"format": 1, "name": "Triage", "description": "What for", "steps": []}, actor=lena)
    assert workflow.description == "What for"

    undo(workflow, actor=lena)

    workflow.refresh_from_db()
    assert (workflow.description, workflow.draft.get("description", "")) == ("", "")


def test_the_name_and_the_description_follow_the_draft(workflow: Workflow, lena: Actor) -> None:
    edit_draft(workflow, {"do": "describe", "name": "Sorting", "description": "What for"}, actor=lena)
    workflow.refresh_from_db()
    assert (workflow.name, workflow.description) == ("Sorting", "What for")

    undo(workflow, actor=lena)
    workflow.refresh_from_db()
    assert (workflow.name, workflow.description, workflow.draft["name"]) == ("Triage", "", "Triage")


def test_a_name_that_is_taken_is_refused(workflow: Workflow, department: Department, lena: Actor) -> None:
    create_workflow(department, name="Taken", definition={"format": 1, "name": "Taken", "steps": []}, actor=SYSTEM)

    with pytest.raises(Conflict, match="has a workflow called “taken” already"):
        edit_draft(workflow, {"do": "describe", "name": "taken"}, actor=lena)

    assert not history(workflow).exists()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"do": "explode"}, "not a change that can be made"),
        ({"do": "remove", "steps": ["nobody"]}, "There is no step “nobody” any more."),
        ({"do": "rename", "step": "a", "id": "b"}, "Another step has the id “b” already"),
        ({"do": "rename", "step": "a", "id": "and"}, "word of the template language"),
    ],
)
def test_what_cannot_be_done_is_said_and_writes_nothing(
    workflow: Workflow, lena: Actor, edit: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        edit_draft(workflow, edit, actor=lena, revision=1)

    assert not history(workflow).exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_who_may_not_build_may_neither_edit_nor_undo(
    workflow: Workflow, department: Department, lena: Actor, role: Role
) -> None:
    edit_draft(workflow, {"do": "remove", "steps": ["a"]}, actor=lena)
    user = factories.make_user()
    factories.make_member(user, department, role)
    other = actor_for_user(user)

    for deed in (undo, redo):
        with pytest.raises(PermissionDenied):
            deed(workflow, actor=other)
    with pytest.raises(PermissionDenied):
        edit_draft(workflow, {"do": "remove", "steps": ["b"]}, actor=other)

    assert steps(workflow) == ["b", "c"]


def test_two_people_at_the_same_moment_lose_nothing(workflow: Workflow, lena: Actor, omar: Actor) -> None:
    def work(actor: Actor, step: str) -> None:
        mine = Workflow.objects.select_related("department").get(pk=workflow.pk)
        for number in range(10):
            edit_draft(mine, changed(step, "timeout_s", number + 1), actor=actor, revision=1)
        connection.close()

    threads = [threading.Thread(target=work, args=pair) for pair in ((lena, "a"), (omar, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    workflow.refresh_from_db()
    assert [step.get("timeout_s") for step in workflow.draft["steps"]] == [10, 10, None]
    assert (workflow.draft_revision, history(workflow).count()) == (21, 20)
