"""Copies of saved steps and prompts in the drafts of workflows: save, update, put back, detach.

Every change of a draft is one edit of its own, so that it stands in the history and can be undone. Published versions
are never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from audit.services import record
from departments.access import Actor, Verb, require
from workflows.engine import saved as copies
from workflows.engine.definition import Definition, Node, load, walked
from workflows.models import SavedStep, SavedStepVersion, Workflow
from workflows.services.drafting import edit_draft
from workflows.services.library import newest_of, version_of, where_used
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.saving import add_version, content_of, keep_prompt, keep_steps

MOST_AT_ONCE = 500
"""Copies brought to the newest version in one draft: as many as a workflow has steps."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that is held (its row is locked) while the edit to it is made up."""

    workflow: Workflow
    definition: Definition

    def copy(self, step_id: str) -> copies.Copy:
        """Raises Conflict when the step is no copy (any more)."""
        copy = copies.copy_around(self.definition, step_id)
        if copy is None:
            raise Conflict("This step is not taken from the library any more. Look at the workflow as it is now.")
        return copy

    def node(self, step_id: str) -> Node:
        node = next((node for node in self.definition.nodes() if node.id == step_id), None)
        if node is None:
            raise Conflict("Somebody has removed this step meanwhile. Look at the workflow as it is now.")
        return node

    def ids_outside(self, steps: Sequence[Node]) -> frozenset[str]:
        inside = {node.id for node in walked(steps)}
        return frozenset(node.id for node in self.definition.nodes() if node.id not in inside)

    def swap(self, steps: Sequence[Node], nodes: Sequence[dict[str, Any]], actor: Actor) -> Workflow:
        edit = {"do": "swap", "steps": [step.id for step in steps], "nodes": list(nodes)}
        return edit_draft(self.workflow, edit, actor=actor, revision=self.workflow.draft_revision).workflow


@dataclass(frozen=True, slots=True)
class Updated:
    """A draft that was brought to the newest version, or why it was not."""

    workflow: Workflow
    copies: int = 0
    refused: str = ""


@transaction.atomic
def save_steps(
    workflow: Workflow, step_ids: Sequence[str], *, title: str, actor: Actor, note: str = ""
) -> SavedStepVersion:
    """Keep steps that stand side by side in the library; in the draft they become its first copy."""
    draft = _held(workflow, actor)
    steps = _siblings(draft.definition, step_ids)
    version = keep_steps(workflow.department, steps, draft.definition, title=title, note=note, actor=actor)
    draft.swap(steps, copies.marked(copies.dumped(steps), version.saved.slug, version.number), actor)
    return version


@transaction.atomic
def save_copy(workflow: Workflow, step_id: str, *, why: str, actor: Actor) -> SavedStepVersion:
    """What the copy has become here is the next version in the library."""
    draft = _held(workflow, actor)
    copy = draft.copy(step_id)
    saved = _version(workflow, copy.slug, copy.number).saved
    version = add_version(saved, content_of(copy.steps, draft.definition), why=why, actor=actor, known=copy.number)
    draft.swap(copy.steps, copies.marked(copies.dumped(copy.steps), saved.slug, version.number), actor)
    return version


@transaction.atomic
def update_copy(workflow: Workflow, step_id: str, *, actor: Actor) -> Workflow:
    """Bring the copy to the newest version. What was changed here stays where the library has not changed it."""
    draft = _held(workflow, actor)
    copy = draft.copy(step_id)
    version = _version(workflow, copy.slug, copy.number)
    return _renew(draft, copy, version, newest_of(version.saved), actor)


@transaction.atomic
def put_back(workflow: Workflow, step_id: str, *, actor: Actor) -> Workflow:
    """Make the copy again what its version says; ids and what was filled in stay."""
    draft = _held(workflow, actor)
    copy = draft.copy(step_id)
    saved = copies.loaded(_version(workflow, copy.slug, copy.number).content["steps"])
    back = copies.as_here(saved, copies.kinship(saved, copy.steps), draft.ids_outside(copy.steps))
    return draft.swap(copy.steps, copies.marked(copies.dumped(back), copy.slug, copy.number), actor)


@transaction.atomic
def detach_copy(workflow: Workflow, step_id: str, *, actor: Actor) -> Workflow:
    """The steps stay as they are and forget the library."""
    draft = _held(workflow, actor)
    copy = draft.copy(step_id)
    return draft.swap(copy.steps, copies.unmarked(copies.dumped(copy.steps)), actor)


@transaction.atomic
def save_as_prompt(workflow: Workflow, step_id: str, name: str, *, title: str, actor: Actor) -> SavedStepVersion:
    """Keep the text of a parameter as a prompt of the library."""
    draft = _held(workflow, actor)
    node = draft.node(step_id)
    text = node.given.get(name)
    if not isinstance(text, str):
        raise ValidationError({"text": "There is no text in this field yet. Write it, then save it as a prompt."})
    version = keep_prompt(workflow.department, text, title=title, actor=actor)
    _set_prompt(draft, node, name, version, actor, text=text)
    return version


@transaction.atomic
def use_prompt(workflow: Workflow, step_id: str, name: str, version: SavedStepVersion, *, actor: Actor) -> Workflow:
    """Put the text of a prompt into a parameter; the step remembers from where it is."""
    if version.saved.department_id != workflow.department_id or not version.saved.is_prompt:
        raise SavedStep.DoesNotExist(version.saved.slug)
    draft = _held(workflow, actor)
    return _set_prompt(draft, draft.node(step_id), name, version, actor, text=version.content["text"])


@transaction.atomic
def forget_prompt(workflow: Workflow, step_id: str, name: str, *, actor: Actor) -> Workflow:
    """The text stays and forgets the library."""
    draft = _held(workflow, actor)
    node = draft.node(step_id)
    others = {field: mark for field, mark in node.prompts.items() if field != name}
    return draft.swap([node], copies.dumped([node.model_copy(update={"prompts": others})]), actor)


def update_everywhere(saved: SavedStep, *, actor: Actor) -> list[Updated]:
    """Bring every copy in the drafts of the department to the newest version, each draft by itself."""
    require(actor, Verb.EDIT, saved.department)
    version = newest_of(saved)
    done = [_updated(use.workflow, version, actor) for use in where_used(saved) if use.is_behind(saved.newest)]
    with transaction.atomic():
        record(
            "saved_step.updated_in_drafts",
            actor=actor,
            department=saved.department.slug,
            thing=saved,
            version=version.number,
            drafts=sum(1 for each in done if each.copies),
        )
    return done


def _updated(workflow: Workflow, version: SavedStepVersion, actor: Actor) -> Updated:
    try:
        with transaction.atomic():
            return Updated(workflow, _update_all(workflow, version, actor))
    except (Conflict, ValidationError) as refused:
        return Updated(workflow, refused=" ".join(getattr(refused, "messages", [str(refused)])))


def _update_all(workflow: Workflow, newest: SavedStepVersion, actor: Actor) -> int:
    """How many copies were behind. Each is one edit: the one before may have moved the ids of the next."""
    count = 0
    while (draft := _held(workflow, actor)) and count < MOST_AT_ONCE:
        if newest.saved.is_prompt:
            behind = _prompt_behind(draft, newest)
            if behind is None:
                return count
            _set_prompt(draft, *behind, newest, actor, text=newest.content["text"])
        else:
            copy = next((c for c in _copies(draft, newest) if c.number < newest.number), None)
            if copy is None:
                return count
            _renew(draft, copy, _version(workflow, copy.slug, copy.number), newest, actor)
        count += 1
    return count


def _copies(draft: Draft, newest: SavedStepVersion) -> list[copies.Copy]:
    return [copy for copy in copies.copies(draft.definition) if copy.slug == newest.saved.slug]


def _prompt_behind(draft: Draft, newest: SavedStepVersion) -> tuple[Node, str] | None:
    for node in draft.definition.nodes():
        for name, text in node.prompts.items():
            mark = copies.read_mark(text)
            if mark and mark.slug == newest.saved.slug and mark.number < newest.number:
                return node, name
    return None


def _renew(draft: Draft, copy: copies.Copy, old: SavedStepVersion, new: SavedStepVersion, actor: Actor) -> Workflow:
    before, after = copies.loaded(old.content["steps"]), copies.loaded(new.content["steps"])
    result = copies.renewed(before, after, copy.steps, draft.ids_outside(copy.steps))
    return draft.swap(copy.steps, copies.marked(copies.dumped(result), copy.slug, new.number), actor)


def _set_prompt(draft: Draft, node: Node, name: str, version: SavedStepVersion, actor: Actor, *, text: str) -> Workflow:
    mark = str(copies.Mark(version.saved.slug, version.number))
    changed = {"given": {**node.given, name: text}, "prompts": {**node.prompts, name: mark}}
    return draft.swap([node], copies.dumped([node.model_copy(update=changed)]), actor)


def _held(workflow: Workflow, actor: Actor) -> Draft:
    """The draft as it is now, with its row locked: an edit made up from it cannot be stale."""
    require(actor, Verb.EDIT, workflow.department)
    locked = (
        Workflow.objects.select_for_update(of=("self",), no_key=True).select_related("department").get(pk=workflow.pk)
    )
    return Draft(locked, load(locked.draft))


def _siblings(definition: Definition, step_ids: Sequence[str]) -> list[Node]:
    """The steps, in their order. Raises ValidationError when they do not stand one after the other."""
    wanted = set(step_ids)
    for sequence in [definition.steps, *(held for node in definition.nodes() for _, held in node.sequences())]:
        ids = [node.id for node in sequence]
        if wanted and wanted <= set(ids):
            places = [index for index, step_id in enumerate(ids) if step_id in wanted]
            if places[-1] - places[0] + 1 == len(places):
                return sequence[places[0] : places[-1] + 1]
    raise ValidationError({"steps": "Choose steps that stand one after the other in the same place."})


def _version(workflow: Workflow, slug: str, number: int) -> SavedStepVersion:
    version = version_of(workflow.department, slug, number)
    if version is None:
        raise Conflict(
            f"The library of {workflow.department.name} does not know “{slug}”, version {number}. Detach the step to "
            "go on with it as it is."
        )
    return version
