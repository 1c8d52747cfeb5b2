"""Manual mode: where people do what AI steps would do, and switching it on and off."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from django.http import HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request

from departments.access import Actor, visible
from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.services.manual_mode import HandedBack, switch_off, switch_on, waiting_tasks
from workflows.services.refusals import ValidationError


class ModeLine(answers.Answer):
    """For a whole department where neither a workflow nor a provider is named."""

    id: str
    department: str = Field(description="Slug.")
    workflow: str | None = Field(description="Id.")
    provider: str | None = Field(description="Name of a provider of AI models.")
    reason: str
    on_by: str
    on_at: datetime
    off_by: str | None = Field(description="Null while it is on.")
    off_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.ManualMode, **more: Any) -> Self:
        return cls(
            id=str(row.pk),
            department=row.department.slug,
            workflow=str(row.workflow_id) if row.workflow_id else None,
            provider=row.provider or None,
            reason=row.reason,
            on_by=row.on_by,
            on_at=row.on_at,
            off_by=row.off_by or None,
            off_at=row.off_at,
            url=answers.page_address("manual_mode", row.pk),
            **more,
        )


class Mode(ModeLine):
    tasks_waiting: int = Field(description="Tasks that are there because of it and still open.")

    @classmethod
    def whole(cls, row: models.ManualMode, **more: Any) -> Self:
        return cls.of(row, tasks_waiting=waiting_tasks(row).count(), **more)


class Ended(Mode):
    handed_back: int = Field(description="Tasks that the AI does after all.")
    kept: int = Field(description="Tasks that stay with the person who has taken them.")


class ModesQuestion(asked.Question):
    on: bool | None = Field(None, description="Only what is on, or only what is over.")


class SwitchOn(asked.Body):
    reason: str = Field(max_length=500, description="Everybody in the department reads it, and the ledger keeps it.")
    workflow: str = Field("", max_length=60, description="Id or slug; all of the department when left out.")
    provider: str = Field("", max_length=60, description="Name of a provider of AI models, for its models only.")


class SwitchOff(asked.Body):
    tasks: Literal["stay", "back"] = Field(
        "stay", description="What becomes of the tasks that nobody has taken: people do them, or the AI does."
    )


class Modes(Endpoint):
    @operation("list_manual_modes", "List manual modes", answer=answers.page_of(ModeLine), question=ModesQuestion)
    def get(self, request: Request) -> HttpResponse:
        question = self.question(ModesQuestion)
        rows = visible(models.ManualMode.objects.select_related("department"), self.actor)
        if question.on is not None:
            rows = rows.filter(off_at__isnull=question.on)
        return page(request, rows, ModeLine, ModeLine.of)

    @operation("switch_manual_mode_on", "Let people do AI steps", answer=Mode, status=201, body=SwitchOn, repeats=True)
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """At once, in runs under way too. 403 unless the token may manage the department, or build for one workflow;
        409 names who has switched it on for the same before.
        """
        body = self.body(SwitchOn)
        workflow = _workflow(body.workflow, self.actor) if body.workflow else None
        mode = switch_on(
            self.token.department, workflow=workflow, provider=body.provider, reason=body.reason, actor=self.actor
        )
        return answer(Mode.whole(mode), 201, {"Location": reverse("api_manual_mode", args=[mode.pk])})


class OfMode(Endpoint):
    def mode(self, id: str) -> models.ManualMode:
        return self.find(models.ManualMode.objects.select_related("department", "workflow"), id)


class One(OfMode):
    @operation("read_manual_mode", "Read a manual mode", answer=Mode)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(Mode.whole(self.mode(id)))


class Off(OfMode):
    @operation("switch_manual_mode_off", "Let the AI do its steps again", answer=Ended, body=SwitchOff, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Once: 409 names who was first. `tasks` says what becomes of what waits and nobody has taken."""
        mode = self.mode(id)
        body = self.body(SwitchOff)
        return answer(_ended(mode, switch_off(mode, actor=self.actor, then=body.tasks)))


def _ended(mode: models.ManualMode, back: HandedBack) -> Ended:
    return Ended.whole(mode, handed_back=back.done, kept=len(back.refused))


def _workflow(named: str, actor: Actor) -> models.Workflow:
    known = identifier(named)
    rows = visible(models.Workflow.objects.select_related("department"), actor)
    found = rows.filter(**({"pk": known} if known else {"slug": named})).first()
    if found is None:
        raise ValidationError({"workflow": "There is no workflow of this id or slug here."})
    return found
