"""Copies of saved steps in drafts: saved, updated, put back, detached; published versions stay as they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from audit.models import Entry
from departments.access import SYSTEM, actor_for_user
from departments.models import Department, Role
from tests.factories import make_department, make_user, make_version, make_workflow
from workflows.engine.definition import dump, load
from workflows.models import SavedStep, Workflow
from workflows.services import copies, drafting, library
from workflows.services.refusals import Conflict
from workflows.services.saving import add_version, archive_saved, keep_prompt, rewrite_prompt

pytestmark = pytest.mark.django_db


def step(id: str = "say", text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}, **more}


def writing(instructions: str = "Write kindly.", **more: Any) -> dict[str, Any]:
    return {"id": "write", "kind": "ai.write", "with": {"instructions": instructions}, **more}


@pytest.fixture
def department() -> Department:
    return make_department("Legal")


def workflow_of(department: Department, *steps: dict[str, Any], name: str = "Answer", **more: Any) -> Workflow:
    draft = dump(load({"name": name, "steps": list(steps), **more}))
    return make_workflow(department, definition=draft, name=name)


def steps_of(workflow: Workflow) -> list[dict[str, Any]]:
    workflow.refresh_from_db()
    return workflow.draft["steps"]


def newer(saved: SavedStep, *steps: dict[str, Any]) -> None:
    add_version(saved, {"steps": list(steps), "needs": []}, why="", actor=SYSTEM)


def saved_pair(department: Department) -> tuple[Workflow, SavedStep]:
    """A workflow whose two steps are a saved sequence."""
    workflow = workflow_of(department, step("greet", "Dear {{ inputs.name }}"), step("send", "{{ steps.greet.text }}!"))
    return workflow, copies.save_steps(workflow, ["greet", "send"], title="Both", actor=SYSTEM).saved


def test_a_saved_step_becomes_the_first_copy_in_its_draft(department: Department):
    workflow = workflow_of(department, step("before"), step("say"), step("after"))

    version = copies.save_steps(workflow, ["say"], title="Say it", actor=SYSTEM)

    assert steps_of(workflow) == [step("before"), step("say", saved="say-it@1"), step("after")]
    assert version.content["steps"] == [step("say")]


def test_saving_is_one_edit_that_can_be_undone(department: Department):
    workflow = workflow_of(department, step())
    builder = actor_for_user(make_user("Britta", department, Role.BUILDER))
    copies.save_steps(workflow, ["say"], title="Say it", actor=builder)

    drafting.undo(workflow, actor=builder)

    assert steps_of(workflow) == [step()]
    assert SavedStep.objects.count() == 1


def test_a_sequence_is_saved_with_a_mark_on_each_step(department: Department):
    workflow, saved = saved_pair(department)

    assert [each["saved"] for each in steps_of(workflow)] == ["both@1", "both@1#2"]
    assert (saved.kind, library.newest_of(saved).content["needs"]) == (
        "sequence",
        [{"reference": "inputs.name", "title": "name"}],
    )


def test_steps_that_stand_apart_are_not_saved_together(department: Department):
    workflow = workflow_of(department, step("a"), step("b"), step("c"))

    with pytest.raises(ValidationError, match="stand one after the other"):
        copies.save_steps(workflow, ["a", "c"], title="Gap", actor=SYSTEM)

    assert not SavedStep.objects.exists()


def test_a_title_that_is_taken_leaves_the_draft_alone(department: Department):
    workflow = workflow_of(department, step("a"), step("b"))
    copies.save_steps(workflow, ["a"], title="Say it", actor=SYSTEM)
    before = steps_of(workflow)

    with pytest.raises(Conflict, match="already"):
        copies.save_steps(workflow, ["b"], title="say IT", actor=SYSTEM)

    assert steps_of(workflow) == before


def test_an_update_brings_the_newer_version_and_keeps_ids_and_fillings(department: Department):
    workflow = workflow_of(
        department,
        step("ask", "Anna"),
        step("greet_2", "Dear {{ steps.ask.text }}", saved="both@1"),
        step("send_2", "{{ steps.greet_2.text }}!", saved="both@1#2"),
        step("last", "{{ steps.send_2.text }}"),
        name="Second",
    )
    _, saved = saved_pair(department)
    newer(saved, step("greet", "Hello {{ inputs.name }}"), step("send", "{{ steps.greet.text }}."), step("log", "done"))

    copies.update_copy(workflow, "send_2", actor=SYSTEM)

    assert steps_of(workflow) == [
        step("ask", "Anna"),
        step("greet_2", "Hello {{ steps.ask.text }}", saved="both@2"),
        step("send_2", "{{ steps.greet_2.text }}.", saved="both@2#2"),
        step("log", "done", saved="both@2#3"),
        step("last", "{{ steps.send_2.text }}"),
    ]


def test_a_newer_version_changes_no_draft_and_no_published_workflow_by_itself(department: Department):
    workflow, saved = saved_pair(department)
    before = steps_of(workflow)
    published = make_version(workflow)

    newer(saved, step("greet", "Hello"))

    workflow.refresh_from_db()
    published.refresh_from_db()
    assert workflow.draft["steps"] == published.definition["steps"] == before
    assert workflow.live_id == published.pk


def test_what_was_changed_here_is_kept_unless_the_library_changed_the_same(department: Department):
    workflow, saved = saved_pair(department)
    for field, value in (("title", "Ours"), ("with.text", "Mine")):
        drafting.edit_draft(workflow, {"do": "change", "step": "greet", "field": field, "value": value}, actor=SYSTEM)
    newer(saved, step("greet", "Theirs"), step("send", "{{ steps.greet.text }}!"))

    copies.update_copy(workflow, "greet", actor=SYSTEM)

    assert steps_of(workflow)[0] == step("greet", "Theirs", title="Ours", saved="both@2")


def test_what_was_changed_here_becomes_the_next_version(department: Department):
    workflow, _ = saved_pair(department)
    change = {"do": "change", "step": "greet", "field": "with.text", "value": "Hello {{ inputs.name }}"}
    drafting.edit_draft(workflow, change, actor=SYSTEM)

    version = copies.save_copy(workflow, "greet", why="Less stiff", actor=SYSTEM)

    assert (version.number, version.note, version.saved_by) == (2, "Less stiff", "Tandem")
    assert version.content["steps"][0] == step("greet", "Hello {{ inputs.name }}")
    assert [each["saved"] for each in steps_of(workflow)] == ["both@2", "both@2#2"]


def test_a_copy_that_is_behind_is_updated_before_it_is_saved(department: Department):
    workflow, saved = saved_pair(department)
    newer(saved, step("greet", "Theirs"))

    with pytest.raises(Conflict, match="Somebody else saved version 2"):
        copies.save_copy(workflow, "greet", why="", actor=SYSTEM)

    assert saved.versions.count() == 2


def test_a_changed_copy_is_put_back_as_it_was_saved(department: Department):
    workflow, _ = saved_pair(department)
    before = steps_of(workflow)
    drafting.edit_draft(
        workflow, {"do": "change", "step": "greet", "field": "with.text", "value": "Oops"}, actor=SYSTEM
    )
    drafting.edit_draft(workflow, {"do": "remove", "steps": ["send"]}, actor=SYSTEM)

    copies.put_back(workflow, "greet", actor=SYSTEM)

    assert steps_of(workflow) == before


def test_a_detached_copy_keeps_its_steps_and_forgets_the_library(department: Department):
    workflow, saved = saved_pair(department)

    copies.detach_copy(workflow, "send", actor=SYSTEM)

    assert steps_of(workflow) == [step("greet", "Dear {{ inputs.name }}"), step("send", "{{ steps.greet.text }}!")]
    assert library.where_used(saved) == []


def test_a_detached_step_is_no_copy_any_more(department: Department):
    workflow = workflow_of(department, step())

    with pytest.raises(Conflict, match="not taken from the library"):
        copies.detach_copy(workflow, "say", actor=SYSTEM)


def test_a_copy_of_what_the_library_does_not_know_can_only_be_detached(department: Department):
    workflow = workflow_of(department, step(saved="gone@7"))

    with pytest.raises(Conflict, match="does not know “gone”, version 7"):
        copies.update_copy(workflow, "say", actor=SYSTEM)

    copies.detach_copy(workflow, "say", actor=SYSTEM)
    assert steps_of(workflow) == [step()]


def test_every_copy_in_every_draft_is_updated_and_nothing_published_is(department: Department):
    first, saved = saved_pair(department)
    first.refresh_from_db()
    published = make_version(first)
    pair = (step("greet", "Dear {{ inputs.name }}"), step("send", "{{ steps.greet.text }}!"))
    second = workflow_of(
        department, *(dict(pair[n], saved=mark) for n, mark in enumerate(("both@1", "both@1#2"))), name="Second"
    )
    again = {"do": "paste", "nodes": library.marked(pair, "both@1"), "place": {}}
    drafting.edit_draft(second, again, actor=SYSTEM)
    other = workflow_of(make_department(), step(saved="both@1"), name="Other")
    newer(saved, step("greet", "Hello {{ inputs.name }}"), pair[1])

    done = copies.update_everywhere(saved, actor=SYSTEM)

    assert [(each.workflow.name, each.copies, each.refused) for each in done] == [("Answer", 1, ""), ("Second", 2, "")]
    assert [each["with"]["text"] for each in steps_of(second)] == [
        *("Hello {{ inputs.name }}", "{{ steps.greet.text }}!"),
        *("Hello {{ inputs.name }}", "{{ steps.greet_2.text }}!"),
    ]
    assert steps_of(other) == [step(saved="both@1")]
    published.refresh_from_db()
    assert published.definition["steps"][0]["saved"] == "both@1"
    assert Entry.objects.get(verb="saved_step.updated_in_drafts").detail == {"version": 2, "drafts": 2}


def test_a_draft_that_cannot_be_updated_says_why_and_stops_no_other(department: Department):
    _, saved = saved_pair(department)
    full = [step(f"s{number}") for number in range(499)]
    crowded = workflow_of(department, *full, step("greet", saved="both@1"), name="Crowded")
    newer(saved, step("greet", "Hello"), step("send"), step("more"))

    done = {each.workflow.name: each for each in copies.update_everywhere(saved, actor=SYSTEM)}

    assert done["Answer"].copies == 1
    assert "at most 500" in done["Crowded"].refused
    assert len(steps_of(crowded)) == 500


def test_an_archived_step_can_still_be_updated_and_detached(department: Department):
    workflow, saved = saved_pair(department)
    newer(saved, step("greet", "Hello"))
    archive_saved(saved, actor=SYSTEM)

    copies.update_copy(workflow, "greet", actor=SYSTEM)

    assert steps_of(workflow) == [step("greet", "Hello", saved="both@2")]


def test_a_prompt_is_put_into_a_text_which_remembers_it(department: Department):
    workflow = workflow_of(department, writing("Old"))
    version = keep_prompt(department, "Write kindly.", title="Kind", actor=SYSTEM)

    copies.use_prompt(workflow, "write", "instructions", version, actor=SYSTEM)

    assert steps_of(workflow) == [writing("Write kindly.", prompts={"instructions": "kind@1"})]


def test_a_text_is_saved_as_a_prompt_and_updated_with_it(department: Department):
    workflow = workflow_of(department, writing("Write kindly."))
    prompt = copies.save_as_prompt(workflow, "write", "instructions", title="Kind", actor=SYSTEM).saved
    rewrite_prompt(prompt, "Write kindly and briefly.", why="", actor=SYSTEM)

    done = copies.update_everywhere(prompt, actor=SYSTEM)

    assert [each.copies for each in done] == [1]
    assert steps_of(workflow) == [writing("Write kindly and briefly.", prompts={"instructions": "kind@2"})]


def test_a_text_that_forgets_its_prompt_stays_as_it_is(department: Department):
    workflow = workflow_of(department, writing("Write kindly."))
    copies.save_as_prompt(workflow, "write", "instructions", title="Kind", actor=SYSTEM)

    copies.forget_prompt(workflow, "write", "instructions", actor=SYSTEM)

    assert steps_of(workflow) == [writing("Write kindly.")]


def test_a_prompt_of_another_department_is_not_there(department: Department):
    workflow = workflow_of(department, writing())
    version = keep_prompt(make_department(), "Theirs", title="Theirs", actor=SYSTEM)

    with pytest.raises(SavedStep.DoesNotExist):
        copies.use_prompt(workflow, "write", "instructions", version, actor=SYSTEM)


def test_who_may_not_edit_changes_neither_draft_nor_library(department: Department):
    workflow, saved = saved_pair(department)
    viewer = actor_for_user(make_user("Viggo", department, Role.OPERATOR))
    before = steps_of(workflow)

    for deed in (
        lambda: copies.save_steps(workflow, ["greet"], title="Mine", actor=viewer),
        lambda: copies.save_copy(workflow, "greet", why="", actor=viewer),
        lambda: copies.update_copy(workflow, "greet", actor=viewer),
        lambda: copies.put_back(workflow, "greet", actor=viewer),
        lambda: copies.detach_copy(workflow, "greet", actor=viewer),
        lambda: copies.update_everywhere(saved, actor=viewer),
    ):
        with pytest.raises(PermissionDenied):
            deed()
    assert (steps_of(workflow), saved.versions.count()) == (before, 1)
