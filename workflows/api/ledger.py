"""The ledger of the token's department: who did or decided what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from pydantic import Field
from rest_framework.request import Request

from audit.models import Entry
from audit.sentences import sentence
from departments.access import Verb, require
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, identifier
from workflows.api.operation import operation
from workflows.api.paging import page


class Deed(answers.Answer):
    id: str
    at: datetime
    verb: str
    actor_kind: str
    actor_id: str
    actor: str
    object_kind: str
    object_id: str
    object: str
    run: str | None
    detail: dict[str, Any]
    sentence: str = Field(description="The entry in words.")

    @classmethod
    def of(cls, row: Entry) -> Deed:
        return cls(
            id=str(row.pk),
            at=row.at,
            verb=row.verb,
            actor_kind=row.actor_kind,
            actor_id=row.actor_id,
            actor=row.actor_label,
            object_kind=row.object_kind,
            object_id=row.object_id,
            object=row.object_label,
            run=str(row.run_id) if row.run_id else None,
            detail=row.detail,
            sentence=sentence(row),
        )


class Bundle(answers.Answer):
    """What the verifier reads, as a file with exactly these bytes (docs/ledger.md)."""

    tandem: str
    form: int
    run: str
    entries: list[dict[str, Any]] = Field(
        description="Each entry, its batch, its position in it and the way to the root."
    )
    batches: list[dict[str, Any]] = Field(description="The signed headers of these batches.")


class Ledger(Endpoint):
    @operation("list_ledger", "Who did or decided what", answer=answers.page_of(Deed), question=asked.LedgerQuestion)
    def get(self, request: Request) -> HttpResponse:
        """For tokens with the role manager: the entries of their department, newest first."""
        question = self.question(asked.LedgerQuestion)
        require(self.actor, Verb.AUDIT, self.token.department)
        rows = _filtered(Entry.objects.shown().filter(department=self.token.department.slug), question)
        return page(request, rows, Deed, Deed.of)


def _filtered(rows: QuerySet[Entry], question: asked.LedgerQuestion) -> QuerySet[Entry]:
    if question.run:
        rows = rows.filter(run_id=identifier(question.run)) if identifier(question.run) else rows.none()
    wanted = {"verb": question.verb or None, "at__gte": question.since, "at__lt": question.until}
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})
