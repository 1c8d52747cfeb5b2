"""Reading the history of a draft: what came since, what to undo, and the draft without one of its edits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from departments.access import Actor
from workflows.engine import definition as definitions
from workflows.engine import edits
from workflows.engine.definition import BadDefinition, Definition
from workflows.engine.edits import BadEdit, Earlier, forms
from workflows.models import DraftDeed, DraftEdit, Workflow
from workflows.runtime.kinds import kinds
from workflows.services.drafts import KEPT
from workflows.services.refusals import Conflict, ValidationError


class StaleDraft(Conflict):
    """Somebody else has changed the draft since the revision that the person saw, and both touch the same thing.

    `theirs` are the changes since, the oldest first; `clashing` the one that stands in the way, if it is known;
    `mine` the sentence of the edit that was not made; `workflow` holds the present draft and revision.
    """

    def __init__(
        self,
        workflow: Workflow,
        theirs: Sequence[DraftEdit],
        mine: str,
        clashing: DraftEdit | None = None,
        why: str = "",
    ) -> None:
        self.workflow, self.theirs, self.mine = workflow, list(theirs), mine
        self.clashing = clashing or (self.theirs[-1] if self.theirs else None)
        super().__init__(self._sentence(why))

    @property
    def definition(self) -> Definition:
        return definition_of(self.workflow.draft)

    def _sentence(self, why: str) -> str:
        first = self.clashing
        what = f"{first.by} has changed “{self.workflow.name}” since you opened it: {first.said}." if first else ""
        return " ".join(part for part in (what, why, f"Your change was not made: {self.mine}. Look at both.") if part)


def definition_of(draft: Mapping[str, Any]) -> Definition:
    """Raises ValidationError naming every place."""
    try:
        return definitions.load(draft)
    except BadDefinition as error:
        raise ValidationError([f"{place}: {why}" if place else why for place, why in error.problems.items()]) from None


def since(workflow: Workflow, revision: int | None) -> list[DraftEdit]:
    """What was done after that revision, the oldest first. Raises Conflict for a revision that is not known."""
    if revision is None or revision == workflow.draft_revision:
        return []
    found = list(workflow.draft_edits.filter(revision__gt=revision).order_by("revision"))
    if not found:
        raise Conflict(f"The draft of “{workflow.name}” has changed since you opened it. Load the page again.")
    return found


def earlier(rows: Sequence[DraftEdit]) -> list[Earlier]:
    """The rows as the engine compares them; an undone rename is a rename back."""
    return [Earlier(_as_done(row), definition_of(row.before or {})) for row in rows]


def indexes_of(rows: Sequence[DraftEdit], actor: Actor) -> frozenset[int]:
    """Which of the rows are the actor's own."""
    return frozenset(n for n, row in enumerate(rows) if (row.by_kind, row.by_id) == (actor.kind, actor.id))


def last_of(workflow: Workflow, actor: Actor) -> DraftEdit | None:
    """The actor's last edit that is still in the draft and can be taken back."""
    found = _active(workflow).filter(by_kind=actor.kind, by_id=actor.id).order_by("-revision").defer("before").first()
    return found if found is not None and found.revision > workflow.draft_revision - KEPT else None


def last_undone(workflow: Workflow, actor: Actor) -> DraftEdit | None:
    """The edit that the actor has undone last and not changed anything since."""
    rows = workflow.draft_edits.filter(undone__isnull=False, spent=False, by_kind=actor.kind, by_id=actor.id)
    return rows.filter(revision__gt=workflow.draft_revision - KEPT).order_by("-undone").first()


def spend(workflow: Workflow, actor: Actor) -> None:
    """After a new edit, what the actor has undone before cannot be done again."""
    workflow.draft_edits.filter(undone__isnull=False, spent=False, by_kind=actor.kind, by_id=actor.id).update(
        spent=True
    )


def fitted(row: DraftEdit, now: Definition) -> forms.Edit:
    """The edit of this row for another draft than the one it was made on: places follow their neighbours."""
    form = edits.read(row.edit)
    return form if row.before is None else edits.placed(form, definition_of(row.before), now)


def without(workflow: Workflow, row: DraftEdit) -> Definition:
    """The draft as it would be without this edit. Raises Conflict when a later one touches the same thing."""
    start = _start(workflow, row)
    rows = [other for other in _active(workflow).filter(revision__gte=start).order_by("revision") if other != row]
    first = workflow.draft_edits.get(revision=start)
    if first.before is None:
        raise Conflict(f"“{row.said}” is too long ago to be undone.")

    _refuse_clash(row, [other for other in rows if other.revision > row.revision])
    draft = definition_of(first.before)
    for other in rows:
        draft = _again(other, draft)
    return draft


def _active(workflow: Workflow) -> QuerySet[DraftEdit]:
    return workflow.draft_edits.filter(undone__isnull=True).exclude(deed=DraftDeed.UNDO)


def _start(workflow: Workflow, row: DraftEdit) -> int:
    """The revision to begin from: before it, nothing was undone later than it was followed by something else."""
    start = row.revision
    undone = workflow.draft_edits.filter(undone__isnull=False)
    while found := undone.filter(revision__lt=start, undone__gt=start).order_by("revision").first():
        start = found.revision
    return start


def _refuse_clash(row: DraftEdit, later: Sequence[DraftEdit]) -> None:
    if not later:
        return
    before = DraftEdit.objects.get(pk=row.pk).before
    mine = edits.touched(edits.read(row.edit), definition_of(before or {}))
    for other, seen in zip(later, earlier(later), strict=True):
        if edits.clashes(mine, edits.touched(seen.edit, seen.before)):
            raise Conflict(f"{other.by} has built on it since: {other.said}. “{row.said}” cannot be undone alone.")


def _again(other: DraftEdit, draft: Definition) -> Definition:
    try:
        return edits.apply(draft, fitted(other, draft), kinds())
    except BadEdit as error:
        raise Conflict(f"{other.by} has built on it since: {other.said}. {error}") from None


def _as_done(row: DraftEdit) -> forms.Edit:
    form = edits.read(row.edit)
    if row.deed != DraftDeed.UNDO:
        return form
    match form:
        case forms.Rename(step=old, id=new):
            return forms.Rename(do="rename", step=new, id=old)
        case forms.RenameInput(name=old, to=new):
            return forms.RenameInput(do="rename_input", name=new, to=old)
    return form
