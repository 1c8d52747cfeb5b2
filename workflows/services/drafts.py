"""Writing a changed draft with its row of the history and its entry in the ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now
from django.utils import timezone

from audit.services import record
from departments.access import Actor
from workflows.engine import edits
from workflows.engine.definition import Definition, dump
from workflows.engine.edits import forms
from workflows.models import DraftDeed, DraftEdit, Sample, Workflow
from workflows.runtime.kinds import kinds
from workflows.services.kind_walls import require_own_kinds
from workflows.services.naming import clean_name, require_free_name, same_name

KEPT = 200
"""So many drafts are kept to go back to."""
SWEPT_EVERY = 20
ONE_THOUGHT = timedelta(seconds=30)
"""Typing in one field makes one row of the history as long as its pauses are shorter."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written. `said` is the sentence of the history, made from the edit when it is empty."""

    deed: DraftDeed
    edit: forms.Edit
    before: Definition
    after: Definition
    said: str = ""


def lock(workflow: Workflow) -> Workflow:
    """The present row; nobody else changes it until the transaction ends. Costs one statement."""
    locked = Workflow.objects.select_for_update(no_key=True).defer("sample").get(pk=workflow.pk)
    locked.department = workflow.department
    return locked


def save(locked: Workflow, change: Change, *, actor: Actor) -> DraftEdit:
    """Write the draft, its name and description, the row and the ledger. Raises Conflict when the new name is taken,
    and ValidationError for a step kind of another department.

    A change that changes nothing writes nothing, but for a `replace`: whoever sends a whole draft gets a new revision.
    """
    require_own_kinds(change.after, locked.department)
    before, after = locked.draft, dump(change.after)
    description = _description(locked, change)
    data = change.edit.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"do": change.edit.do}
    row = DraftEdit(
        workflow=locked,
        revision=locked.draft_revision,
        deed=change.deed,
        edit=data,
        said=change.said or edits.said(change.before, change.edit, kinds()),
        before=before,
        by=actor.label[:254],
        by_kind=actor.kind,
        by_id=actor.id,
        at=timezone.now(),
    )
    is_whole = isinstance(change.edit, forms.Replace)
    if not is_whole and _same(after, before) and description == locked.description:
        return row

    if same_name(change.after.name) != same_name(locked.name):
        require_free_name(locked.department, change.after.name)
    locked.draft, locked.draft_revision = after, locked.draft_revision + 1
    locked.name, locked.description, locked.changed_at = clean_name(change.after.name), description, row.at
    Workflow.objects.filter(pk=locked.pk).update(
        draft=after,
        draft_revision=locked.draft_revision,
        name=locked.name,
        description=description,
        changed_at=Now(),
    )
    row.revision = locked.draft_revision
    _carry_samples(locked, change)
    return _written(locked, row, actor)


def _same(one: Any, other: Any) -> bool:
    """Also in the order of names: that of the inputs is the order of the form."""
    return json.dumps(one) == json.dumps(other)


def _written(locked: Workflow, row: DraftEdit, actor: Actor) -> DraftEdit:
    """The row in the history: a new one, or the last one carried on."""
    if (last := _same_thought(locked, row)) is not None:
        last.revision, last.edit, last.said, last.at = row.revision, row.edit, row.said, row.at
        last.save(update_fields=["revision", "edit", "said", "at"])
        return last
    row.save(force_insert=True)
    if row.revision % SWEPT_EVERY == 0:
        _sweep(locked, row.revision - KEPT)
    record(
        "workflow.draft_saved",
        actor=actor,
        department=locked.department.slug,
        thing=locked,
        edit=row.edit["do"],
        deed=row.deed,
        revision=row.revision,
    )
    return row


def _sweep(locked: Workflow, last: int) -> None:
    """Up to this revision the history keeps who did what, and no whole drafts: neither those before nor those sent."""
    old = locked.draft_edits.filter(revision__lte=last, before__isnull=False)
    whole = old.annotate(do=KeyTextTransform("do", "edit")).filter(do="replace")
    whole.update(before=None, edit={"do": "replace"})
    old.update(before=None)


def _same_thought(locked: Workflow, row: DraftEdit) -> DraftEdit | None:
    """The last row, when this one only goes on typing what that one began."""
    if row.deed != DraftDeed.EDIT or row.edit["do"] not in (
        "change",
        "describe",
        "set_input",
        "set_result",
        "change_way",
    ):
        return None
    last = locked.draft_edits.filter(revision=row.revision - 1).defer("before").first()
    is_same = (
        last is not None
        and last.deed == DraftDeed.EDIT
        and (last.by_kind, last.by_id) == (row.by_kind, row.by_id)
        and row.at - last.at < ONE_THOUGHT
        and _target(last.edit) == _target(row.edit)
        and _is_typed(row.edit)
    )
    # Back at where the typing began, a page that shows what lies between could not tell what to draw again.
    return last if is_same and last is not None and not _same(last.before, locked.draft) else None


def _target(edit: dict[str, Any]) -> dict[str, Any]:
    """The edit without what was typed."""
    typed = {"describe": ("name", "description"), "change_way": ("title", "when")}.get(edit["do"], ("value",))
    return {name: name if name in typed else value for name, value in edit.items()}


def _is_typed(edit: dict[str, Any]) -> bool:
    """Whether it was written letter by letter; a switch is a thought of its own each time."""
    return edit["do"] in ("describe", "change_way", "set_input") or isinstance(edit.get("value"), str)


def _description(locked: Workflow, change: Change) -> str:
    match change.edit:
        case forms.Describe(description=str(description)) if change.deed != DraftDeed.UNDO:
            return description
        case forms.Replace() if change.deed != DraftDeed.UNDO:
            return change.after.description or locked.description
    return change.after.description if change.after.description != change.before.description else locked.description


def _carry_samples(locked: Workflow, change: Change) -> None:
    """What was pinned to a step stays with it under its new id."""
    if not isinstance(change.edit, forms.Rename):
        return
    old, new = change.edit.step, change.edit.id
    if change.deed == DraftDeed.UNDO:
        old, new = new, old
    samples = Sample.objects.filter(workflow=locked)
    samples.filter(step_id=new).delete()
    samples.filter(step_id=old).update(step_id=new)
