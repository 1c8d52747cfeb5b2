"""The department's library: what is kept, its versions, and what a department sees of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction

from audit.models import Entry
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Role
from tests.factories import make_department, make_user, make_version, make_workflow
from workflows.engine.definition import Definition, load
from workflows.models import SavedKind, SavedStep, SavedStepVersion
from workflows.services import library
from workflows.services.refusals import Conflict
from workflows.services.saving import (
    LONGEST_PROMPT,
    add_version,
    archive_saved,
    bring_back_saved,
    describe_saved,
    keep_prompt,
    keep_steps,
    rewrite_prompt,
)

pytestmark = pytest.mark.django_db


def step(id: str = "say", text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}, **more}


def draft(*steps: dict[str, Any]) -> Definition:
    return load({"name": "Any", "inputs": {"letter": {"title": "The letter"}}, "steps": list(steps)})


@pytest.fixture
def department() -> Department:
    return make_department("Legal")


@pytest.fixture
def builder(department: Department) -> Actor:
    return actor_for_user(make_user("Britta Falk", department, Role.BUILDER))


def kept(department: Department, title: str = "Polite tone", actor: Actor = SYSTEM, **more: Any) -> SavedStep:
    definition = draft(step(**more))
    return keep_steps(department, definition.steps, definition, title=title, actor=actor).saved


def test_a_step_is_kept_with_what_it_needs_and_written_into_the_ledger(department: Department, builder: Actor):
    definition = draft(step("greet", "Dear {{ inputs.letter }}", saved="other@2"))

    version = keep_steps(
        department, definition.steps, definition, title=" Polite  tone ", note="For all", actor=builder
    )

    saved = SavedStep.objects.get()
    assert (saved.title, saved.slug, saved.kind, saved.newest, saved.note) == (
        *("Polite tone", "polite-tone", SavedKind.STEP, 1),
        "For all",
    )
    assert version.content == {
        "steps": [step("greet", "Dear {{ inputs.letter }}")],
        "needs": [{"reference": "inputs.letter", "title": "The letter"}],
    }
    entry = Entry.objects.shown().get(verb="saved_step.created")
    assert (entry.actor_label, entry.object_label, entry.department) == ("Britta Falk", "Polite tone", "legal")


def test_several_steps_are_a_sequence(department: Department):
    definition = draft(step("one"), step("two"))

    saved = keep_steps(department, definition.steps, definition, title="Both", actor=SYSTEM).saved

    assert saved.kind == SavedKind.SEQUENCE
    assert [offer.kind for offer in library.offered(SYSTEM, department)] == ["sequence"]


@pytest.mark.parametrize("title", ["Polite tone", "POLITE TONE", "Ｐｏｌｉｔｅ tone"])
def test_a_title_that_reads_the_same_is_refused(department: Department, title: str):
    kept(department)

    with pytest.raises(Conflict, match="Choose another title"):
        kept(department, title)


def test_another_department_may_use_the_same_title(department: Department):
    kept(department)

    assert kept(make_department("Marketing")).slug == "polite-tone"


@pytest.mark.parametrize("title", ["", "  ", "\u200b\u202e"])
def test_a_title_needs_a_visible_character(department: Department, title: str):
    with pytest.raises(ValidationError) as refused:
        kept(department, title)

    assert refused.value.message_dict == {"title": ["Give it a title by which your colleagues will find it."]}


@pytest.mark.parametrize("title", ["日本語", "!!!", "--", "ß" * 120, "A" * 300, "@@1", "x@1#2"])
def test_every_title_gets_a_short_name_that_a_mark_can_carry(department: Department, title: str):
    saved = kept(department, title)

    marked = library.marked([step()], f"{saved.slug}@1")
    assert load({"name": "Any", "steps": marked}).steps[0].saved == f"{saved.slug}@1"


def test_the_next_version_is_numbered_and_offered(department: Department):
    saved = kept(department)

    version = add_version(saved, {"steps": [step(text="hi")], "needs": []}, why="Shorter", actor=SYSTEM)

    assert (version.number, saved.newest, version.note) == (2, 2, "Shorter")
    offer = library.offered(SYSTEM, department)[0]
    assert (offer.mark, offer.steps) == ("polite-tone@2", (step(text="hi"),))
    assert Entry.objects.shown().get(verb="saved_step.changed").detail == {"version": 2, "note": "Shorter"}


def test_a_version_that_was_not_seen_is_not_written_over(department: Department):
    prompt = keep_prompt(department, "Be kind.", title="Kind", actor=SYSTEM).saved
    rewrite_prompt(prompt, "Be very kind.", why="", actor=SYSTEM, known=1)

    with pytest.raises(Conflict, match="Somebody else saved version 2 of “Kind”"):
        rewrite_prompt(prompt, "Be brief.", why="", actor=SYSTEM, known=1)

    assert SavedStepVersion.objects.count() == 2


def test_the_database_refuses_to_change_a_version(department: Department):
    version = library.newest_of(kept(department))

    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE workflows_savedstepversion SET content = '{}' WHERE id = %s", [version.pk])


@pytest.mark.parametrize("text", ["", "  \r\n", "\x00"])
def test_a_prompt_needs_a_text(department: Department, text: str):
    with pytest.raises(ValidationError) as refused:
        keep_prompt(department, text, title="Empty", actor=SYSTEM)

    assert refused.value.message_dict == {"text": ["Write the text of the prompt."]}


def test_a_prompt_that_is_too_long_says_how_long_it_is(department: Department):
    with pytest.raises(ValidationError) as refused:
        keep_prompt(department, "a" * (LONGEST_PROMPT + 1), title="Long", actor=SYSTEM)

    assert "20,001 characters; a prompt has at most 20,000" in refused.value.messages[0]


def test_prompts_are_not_steps(department: Department):
    keep_prompt(department, "Be kind.", title="Kind", actor=SYSTEM)

    assert library.offered(SYSTEM, department) == []
    assert [version.content for version in library.prompts(SYSTEM, department)] == [{"text": "Be kind."}]


def test_what_is_archived_is_neither_offered_nor_listed_and_can_come_back(department: Department):
    saved = kept(department)

    archive_saved(saved, actor=SYSTEM)

    assert library.offered(SYSTEM, department) == []
    assert list(library.found(SYSTEM)) == []
    assert list(library.found(SYSTEM, archived=True)) == [saved]
    bring_back_saved(saved, actor=SYSTEM)
    assert list(library.found(SYSTEM)) == [saved]
    assert list(Entry.objects.shown().order_by("pk").values_list("verb", flat=True)) == [
        "saved_step.created",
        "saved_step.archived",
        "saved_step.brought_back",
    ]


def test_what_was_archived_does_not_come_back_under_a_title_that_is_taken(department: Department):
    saved = kept(department)
    archive_saved(saved, actor=SYSTEM)
    kept(department)

    with pytest.raises(Conflict, match="Choose another title"):
        bring_back_saved(saved, actor=SYSTEM)


def test_another_title_leaves_the_short_name_so_that_copies_still_know_it(department: Department):
    saved = kept(department)

    describe_saved(saved, title="Warm tone", note="For guests", actor=SYSTEM)

    assert (saved.title, saved.note, saved.slug) == ("Warm tone", "For guests", "polite-tone")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_only_builders_change_the_library(department: Department, role: Role):
    saved = kept(department)
    prompt = keep_prompt(department, "Be kind.", title="Kind", actor=SYSTEM).saved
    actor = actor_for_user(make_user("Olga", department, role))

    for deed in (
        lambda: kept(department, "Other", actor),
        lambda: keep_prompt(department, "Hello", title="Hello", actor=actor),
        lambda: rewrite_prompt(prompt, "Hello", why="", actor=actor),
        lambda: describe_saved(saved, title="Other", note="", actor=actor),
        lambda: archive_saved(saved, actor=actor),
        lambda: bring_back_saved(saved, actor=actor),
    ):
        with pytest.raises(PermissionDenied):
            deed()
    assert Entry.objects.exclude(actor_kind="system").count() == 0


def test_a_department_sees_its_own_library_alone(department: Department, builder: Actor):
    other = make_department("Marketing")
    kept(department)
    kept(other, "Theirs")

    assert [saved.title for saved in library.found(builder)] == ["Polite tone"]
    assert library.offered(builder, other) == []
    assert library.version_of(department, "theirs", 1) is None
    with pytest.raises(SavedStep.DoesNotExist):
        library.insertion(builder, department, "theirs", {})


def test_inserting_is_a_paste_of_marked_steps(department: Department, builder: Actor):
    definition = draft(step("one"), step("two"))
    keep_steps(department, definition.steps, definition, title="Both", actor=SYSTEM)

    edit = library.insertion(builder, department, "both", {"at": 1})

    assert edit == {
        "do": "paste",
        "nodes": [step("one", saved="both@1"), step("two", saved="both@1#2")],
        "place": {"at": 1},
    }


def test_where_it_is_used_tells_the_draft_from_what_is_live(department: Department):
    saved = kept(department)
    live = make_workflow(department, definition={"name": "A", "steps": [step(saved="polite-tone@1")]}, name="A")
    make_version(live)
    live.draft = {"name": "A", "steps": [step(saved="polite-tone@2")]}
    live.save()
    make_workflow(department, definition={"name": "B", "steps": [step(text="polite-tone@1")]}, name="B")
    make_workflow(department, definition={"name": "C", "steps": [step(saved="polite-tone-2@1")]}, name="C")
    make_workflow(make_department(), definition={"name": "D", "steps": [step(saved="polite-tone@1")]}, name="D")

    uses = library.where_used(saved)

    assert [(use.workflow.name, use.draft, use.live) for use in uses] == [("A", (2,), (1,))]


def test_prompts_are_found_where_a_step_names_them(department: Department):
    prompt = keep_prompt(department, "Be kind.", title="Kind", actor=SYSTEM).saved
    writing = {
        "id": "w",
        "kind": "ai.write",
        "with": {"instructions": "Be kind."},
        "prompts": {"instructions": "kind@1"},
    }
    workflow = make_workflow(department, definition={"name": "A", "steps": [writing]}, name="A")

    assert [(use.workflow, use.draft) for use in library.where_used(prompt)] == [(workflow, (1,))]
    assert library.use_counts(SYSTEM) == {(department.pk, "kind"): 1}


def test_an_import_keeps_the_marks_that_the_library_knows(department: Department):
    kept(department)
    prompts = {"text": "unknown@1"}
    raw = {"name": "A", "steps": [step("a", saved="polite-tone@1"), step("b", saved="polite-tone@9", prompts=prompts)]}

    imported = library.known_marks(department, raw)

    assert imported.definition["steps"] == [step("a", saved="polite-tone@1"), step("b")]
    assert imported.removed == ("polite-tone@9", "unknown@1")


def test_the_list_finds_words_in_title_and_purpose(department: Department):
    saved = kept(department, "Polite tone")
    describe_saved(saved, title="Polite tone", note="Answers to guests", actor=SYSTEM)
    keep_prompt(department, "Be kind.", title="Kind", actor=SYSTEM)

    assert [each.title for each in library.found(SYSTEM, "GUESTS")] == ["Polite tone"]
    assert [each.title for each in library.found(SYSTEM, "", "prompt")] == ["Kind"]
    assert [each.title for each in library.found(SYSTEM, "%")] == []
