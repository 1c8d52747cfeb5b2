"""With whom a workflow is shared, for use alone."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db.models import QuerySet
from django.http import HttpResponse
from pydantic import Field
from rest_framework.request import Request

from departments.access import require_manager
from departments.models import Department, Role
from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.api.workflows import OfWorkflow
from workflows.services.refusals import ValidationError
from workflows.services.sharing import end_share, share_with_department, share_with_person


class SharedWith(answers.Answer):
    id: str
    workflow: str = Field(description="Id.")
    email: str | None = Field(description="Of the person; null where it is a department.")
    department: str | None = Field(description="Slug.")
    role: str | None = Field(description="Only those of this role there; null: everybody there.")
    shared_by: str
    shared_at: datetime

    @classmethod
    def of(cls, row: models.Share) -> Self:
        return cls(
            id=str(row.pk),
            workflow=str(row.workflow_id),
            email=row.person.email if row.person else None,
            department=row.to_department.slug if row.to_department else None,
            role=row.role or None,
            shared_by=row.shared_by,
            shared_at=row.shared_at,
        )


class NewShare(asked.Body):
    email: str = Field("", max_length=254, description="Of a person who can sign in here; or name a department.")
    department: str = Field("", max_length=60, description="Slug.")
    role: Role | None = Field(None, strict=False, description="Of the department: only those of this role.")


class Shares(OfWorkflow):
    @operation(
        "list_shares", "With whom a workflow is shared", answer=answers.page_of(SharedWith), question=asked.Question
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """For a manager's token."""
        self.question(asked.Question)
        workflow = self.workflow(id)
        require_manager(self.actor, workflow.department)
        return page(request, _shares().filter(workflow=workflow), SharedWith, SharedWith.of)

    @operation("share_workflow", "Share a workflow", answer=SharedWith, status=201, body=NewShare, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """For use alone: they start it and see what they started. 409 where it is shared with them already."""
        body, workflow = self.body(NewShare), self.workflow(id)
        if bool(body.email) == bool(body.department):
            raise ValidationError({"email": "Name a person or a department, one of both."})
        if body.email and body.role:
            raise ValidationError({"role": "A role is one of a department. Leave it out for a person."})
        if body.email:
            return answer(SharedWith.of(share_with_person(workflow, body.email, actor=self.actor)), 201)
        department = Department.objects.filter(slug=body.department).first()
        if department is None:
            raise ValidationError({"department": "There is no department of this slug."})
        share = share_with_department(workflow, department, body.role or "", actor=self.actor)
        return answer(SharedWith.of(share), 201)


class End(Endpoint):
    @operation("end_share", "Share a workflow no longer", answer=SharedWith, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """They lose it at once, with what they started; runs under way go on."""
        self.body(asked.Nothing)
        share = self.find(_shares(), id, path="workflow__department")
        ended = SharedWith.of(share)
        end_share(share, actor=self.actor)
        return answer(ended)


def _shares() -> QuerySet[models.Share]:
    return models.Share.objects.select_related("workflow__department", "person", "to_department")
