"""The draft by edits: make one, undo, redo, and who changed what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from django.http import HttpResponse
from pydantic import Field
from rest_framework.request import Request

from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import Pages, page
from workflows.api.throttled import TakesDefinitions
from workflows.api.workflows import IF_MATCH, OfWorkflow, etag, matched
from workflows.services.drafting import Drafted, edit_draft, redo, undo
from workflows.services.workflows import draft_problems

REVISION = Field(
    None,
    ge=1,
    description="The draft as you read it. What others changed since stays; 409 when both touch the same thing.",
)


class DraftChange(asked.Body):
    edit: dict[str, Any] = Field(description="One edit, with its name in `do`, as docs/api.md lists them.")
    revision: int | None = REVISION


class DraftTurn(asked.Body):
    revision: int | None = REVISION


class ChangedDraft(answers.Draft):
    said: str = Field(description="What was done, in a sentence.")
    added: list[str] = Field(description="Ids of steps that were not there before.")
    rebased: bool = Field(description="Whether others had changed the draft since the revision that was named.")

    @classmethod
    def of(cls, done: Drafted) -> Self:
        return cls(
            revision=done.workflow.draft_revision,
            definition=done.workflow.draft,
            problems=answers.Problem.each(draft_problems(done.workflow)),
            said=done.edit.said,
            added=list(done.added),
            rebased=done.rebased,
        )


class DraftEdit(answers.Answer):
    revision: int = Field(description="Of the draft that it led to.")
    deed: models.DraftDeed
    said: str
    edit: dict[str, Any] = Field(description="Of an undo: the edit that was taken back.")
    undone: bool
    by: str
    at: datetime

    @classmethod
    def of(cls, row: models.DraftEdit) -> Self:
        return cls(
            revision=row.revision,
            deed=models.DraftDeed(row.deed),
            said=row.said,
            edit=row.edit,
            undone=row.undone is not None,
            by=row.by,
            at=row.at,
        )


class ByRevision(Pages):
    ordering = "-revision"
    position = int


class Edits(TakesDefinitions, OfWorkflow):
    @operation(
        "list_draft_edits",
        "List who changed what in the draft",
        answer=answers.page_of(DraftEdit),
        question=asked.Question,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """The newest first."""
        self.question(asked.Question)
        rows = self.workflow(id).draft_edits.defer("before")
        return page(request, rows, DraftEdit, DraftEdit.of, ByRevision)

    @operation(
        "edit_draft",
        "Make one edit of the draft",
        answer=ChangedDraft,
        body=DraftChange,
        headers=IF_MATCH,
        repeats=True,
        refusals=(412,),
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Adds, moves, changes, removes, wraps …; references follow what is renamed. 400 says why it cannot be."""
        workflow = self.workflow(id, with_draft=True)
        body = self.body(DraftChange)
        matched(request, workflow)
        return _changed(edit_draft(workflow, body.edit, actor=self.actor, revision=body.revision))


class Undo(OfWorkflow):
    @operation(
        "undo_draft_edit",
        "Take back your own last edit of the draft",
        answer=ChangedDraft,
        body=DraftTurn,
        headers=IF_MATCH,
        repeats=True,
        refusals=(412,),
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """What others did since stays. 409 when there is nothing to undo, or somebody has built on it."""
        return _turned(self, id, undo)


class Redo(OfWorkflow):
    @operation(
        "redo_draft_edit",
        "Make the edit again that you have undone last",
        answer=ChangedDraft,
        body=DraftTurn,
        headers=IF_MATCH,
        repeats=True,
        refusals=(412,),
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """409 when there is nothing to do again."""
        return _turned(self, id, redo)


def _turned(endpoint: OfWorkflow, id: str, turn: Callable[..., Drafted]) -> HttpResponse:
    workflow = endpoint.workflow(id, with_draft=True)
    body = endpoint.body(DraftTurn)
    matched(endpoint.request, workflow)
    return _changed(turn(workflow, actor=endpoint.actor, revision=body.revision))


def _changed(done: Drafted) -> HttpResponse:
    return answer(ChangedDraft.of(done), headers={"ETag": etag(done.workflow)})
