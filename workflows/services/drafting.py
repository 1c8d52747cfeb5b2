"""Changing a draft: edits, undo, redo, and what happens when two people change the same draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from departments.access import Actor, Verb, require
from workflows.engine import edits
from workflows.engine.definition import Definition
from workflows.engine.edits import BadEdit, Clash, forms
from workflows.models import DraftDeed, DraftEdit, Workflow
from workflows.runtime.kinds import kinds
from workflows.services import histories
from workflows.services.drafts import Change, lock, save
from workflows.services.histories import StaleDraft, definition_of
from workflows.services.refusals import Conflict, ValidationError

__all__ = ["Drafted", "StaleDraft", "can_redo", "can_undo", "edit_draft", "history", "redo", "undo"]


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft after a change. `added` are the ids of steps that were not there before, in reading order.

    `rebased` says that others had changed the draft since the revision the edit was made for. An edit that changes
    nothing writes nothing: its `edit` is a row that was not saved, and the revision stays.
    """

    workflow: Workflow
    edit: DraftEdit
    definition: Definition
    rebased: bool = False
    added: tuple[str, ...] = ()


def edit_draft(
    workflow: Workflow, edit: Mapping[str, Any] | forms.Edit, *, actor: Actor, revision: int | None = None
) -> Drafted:
    """Make one edit (`workflows.engine.edits.forms` lists them). `workflow` then holds the new draft.

    With `revision`, the one that the person saw, an edit that others' later ones leave alone is made all the same.
    Raises ValidationError (the edit cannot be made), PermissionDenied, StaleDraft (both touch the same thing), and
    Conflict (the new name is taken).
    """
    require(actor, Verb.EDIT, workflow.department)
    form = _read(edit)
    with transaction.atomic():
        locked = lock(workflow)
        now = definition_of(locked.draft)
        theirs = histories.since(locked, revision)
        fitted = _fitted(locked, now, form, theirs, actor)
        after = _applied(locked, now, fitted, theirs)
        row = save(locked, Change(DraftDeed.EDIT, fitted, now, after), actor=actor)
        if row.pk is not None:
            histories.spend(locked, actor)
    return _drafted(workflow, locked, row, now, after, rebased=bool(theirs))


def undo(workflow: Workflow, *, actor: Actor, revision: int | None = None) -> Drafted:
    """Take back the actor's own last edit; what others did since stays.

    Raises Conflict when there is nothing to undo or somebody has built on it, StaleDraft when the actor has made
    another edit since `revision`.
    """
    require(actor, Verb.EDIT, workflow.department)
    with transaction.atomic():
        locked = lock(workflow)
        row = histories.last_of(locked, actor)
        if row is None:
            raise Conflict("There is nothing of yours to undo.")
        if revision is not None and row.revision > revision:
            raise StaleDraft(locked, histories.since(locked, revision), "Undo")
        now = definition_of(locked.draft)
        after = histories.without(locked, row)
        made = save(locked, Change(DraftDeed.UNDO, edits.read(row.edit), now, after, row.said), actor=actor)
        DraftEdit.objects.filter(pk=row.pk).update(undone=made.revision)
    return _drafted(workflow, locked, made, now, after)


def redo(workflow: Workflow, *, actor: Actor, revision: int | None = None) -> Drafted:
    """Make the edit again that the actor has undone last. Raises Conflict when there is none, or it fits no longer."""
    require(actor, Verb.EDIT, workflow.department)
    with transaction.atomic():
        locked = lock(workflow)
        row = histories.last_undone(locked, actor)
        if row is None:
            raise Conflict("There is nothing of yours to do again.")
        now = definition_of(locked.draft)
        form = histories.fitted(row, now)
        after = _applied_again(row, now, form)
        made = save(locked, Change(DraftDeed.REDO, form, now, after, row.said), actor=actor)
        DraftEdit.objects.filter(pk=row.pk).update(spent=True)
    return _drafted(workflow, locked, made, now, after)


def history(workflow: Workflow) -> QuerySet[DraftEdit]:
    """Who changed what, the newest first."""
    return workflow.draft_edits.defer("before", "edit")


def can_undo(workflow: Workflow, actor: Actor) -> bool:
    """Whether the actor has an edit that undo would take back."""
    return histories.last_of(workflow, actor) is not None


def can_redo(workflow: Workflow, actor: Actor) -> bool:
    return histories.last_undone(workflow, actor) is not None


def _read(edit: Mapping[str, Any] | forms.Edit) -> forms.Edit:
    try:
        return edits.read(edit)
    except BadEdit as error:
        raise ValidationError(str(error)) from None


def _fitted(
    locked: Workflow, now: Definition, form: forms.Edit, theirs: Sequence[DraftEdit], actor: Actor
) -> forms.Edit:
    """The edit for the draft as it is now. Raises StaleDraft, ValidationError."""
    try:
        if theirs:
            if theirs[0].before is None:
                raise Clash(0)
            form = edits.rebase(form, histories.earlier(theirs), now, own=histories.indexes_of(theirs, actor))
        return edits.settled(now, form, kinds())
    except Clash as clash:
        raise StaleDraft(locked, theirs, _said(now, theirs, form), theirs[clash.index]) from None
    except BadEdit as error:
        raise ValidationError(str(error)) from None


def _applied(locked: Workflow, now: Definition, form: forms.Edit, theirs: Sequence[DraftEdit]) -> Definition:
    try:
        return edits.apply(now, form, kinds())
    except BadEdit as error:
        if theirs:
            raise StaleDraft(locked, theirs, _said(now, theirs, form), why=str(error)) from None
        raise ValidationError(str(error)) from None


def _applied_again(row: DraftEdit, now: Definition, form: forms.Edit) -> Definition:
    try:
        return edits.apply(now, form, kinds())
    except BadEdit as error:
        raise Conflict(f"“{row.said}” cannot be done again: {error}") from None


def _said(now: Definition, theirs: Sequence[DraftEdit], form: forms.Edit) -> str:
    """In the words of the draft that the edit was made on, where that is kept."""
    base = theirs[0].before
    return edits.said(now if base is None else definition_of(base), form, kinds())


def _drafted(
    workflow: Workflow,
    locked: Workflow,
    row: DraftEdit,
    before: Definition,
    after: Definition,
    *,
    rebased: bool = False,
) -> Drafted:
    for name in ("draft", "draft_revision", "name", "description", "changed_at"):
        setattr(workflow, name, getattr(locked, name))
    known = {node.id for node in before.nodes()}
    added = tuple(node.id for node in after.nodes() if node.id not in known)
    return Drafted(workflow, row, after, rebased, added)
