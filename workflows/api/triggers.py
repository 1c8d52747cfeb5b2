"""Triggers by another program: which kinds there are, setting up, switching, and what each has heard."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request

from connectors.models import Health
from connectors.sdk.triggers import Told as ToldKind
from connectors.sdk.triggers import Trigger as Kind
from departments.access import visible
from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import Numbered, page
from workflows.api.workflows import OfWorkflow
from workflows.runtime.kinds import triggers
from workflows.services import triggers as services
from workflows.services.triggers import Shown, Wanted


class TriggerKind(answers.Answer):
    """A way in which a workflow may start by itself."""

    kind: str
    title: str
    about: str
    settings: dict[str, Any] = Field(description="JSON Schema of what can be set.")
    gives: dict[str, Any] = Field(description="JSON Schema of its events; inputs take from it as `{{ event.NAME }}`.")

    @classmethod
    def of(cls, kind: type[Kind]) -> Self:
        return cls(
            kind=kind.kind,
            title=kind.title,
            about=kind.about,
            settings=kind.Settings.model_json_schema(),
            gives=kind.Gives.model_json_schema(),
        )


class OneTrigger(answers.Answer):
    id: str
    department: str = Field(description="Slug.")
    workflow: str = Field(description="Id.")
    kind: str
    title: str
    settings: dict[str, Any]
    inputs: dict[str, Any] = Field(description="Input → what it gets, with `{{ event.NAME }}` in it.")
    only_if: dict[str, Any] | None = Field(description="A condition over `event`, as workflows have them.")
    reference: str = Field(description="Not empty: an event goes to the run that waits with this reference.")
    slug: str = Field(description="What steps that wait for its events call it.")
    enabled: bool
    health: str = Field(description="`unknown`, `works` or `fails`.")
    health_said: str = Field(description="Why it does not work.")
    next_at: datetime | None = Field(description="When it starts, or looks, next.")
    last_event_at: datetime | None
    made_by: str
    created_at: datetime
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Trigger) -> Self:
        same = (
            "kind",
            "title",
            "settings",
            "inputs",
            "only_if",
            "reference",
            "slug",
            "enabled",
            "health",
            "health_said",
        )
        return cls(
            id=str(row.pk),
            department=row.department.slug,
            workflow=str(row.workflow_id),
            url=answers.page_address("trigger", row.workflow_id, row.pk),
            **{name: getattr(row, name) for name in (*same, "next_at", "last_event_at", "made_by", "created_at")},
        )


class WebhookTold(answers.Answer):
    """What another system needs to know to call, or people to fill in a form. In no other answer."""

    address: str
    secret: str = Field(
        description="With which calls are signed. The one before it counts as well until the next. Empty for a form."
    )

    @classmethod
    def of(cls, row: models.Trigger, shown: Shown) -> Self:
        kind = triggers()[row.kind]
        place = reverse(kind.at if issubclass(kind, ToldKind) else "hook", args=[shown.path])
        return cls(address=settings.PUBLIC_URL + place, secret=shown.secret)


class EventLine(answers.Answer):
    """Something a trigger has heard."""

    key: str = Field(description="The same key again starts nothing.")
    at: datetime
    title: str
    outcome: str = Field(description="`started`, `kept`, `taken`, `ignored`, `refused` or `missed`.")
    said: str = Field(description="Why no run was started.")
    run: str | None = Field(description="Id.")
    reference: str = Field(description="For which run it is, where it starts none.")

    @classmethod
    def of(cls, row: models.TriggerEvent) -> Self:
        run = str(row.run_id) if row.run_id else None
        same = ("key", "at", "title", "outcome", "said", "reference")
        return cls(run=run, **{name: getattr(row, name) for name in same})


class WantedTrigger(asked.Body):
    title: str = Field("", max_length=120, description="What people call it; empty: what it does, in words.")
    settings: dict[str, Any] = Field(default_factory=dict, description="As the kind's `settings` describes them.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Input → text with `{{ event.NAME }}` in it.")
    only_if: dict[str, Any] | None = Field(None, description="A condition over `event`.")
    reference: str = Field("", max_length=300, description="Of the run that waits, with `{{ event.NAME }}` in it.")

    def wanted(self) -> Wanted:
        return Wanted(self.title, self.settings, self.inputs, self.only_if, self.reference)


class NewTrigger(WantedTrigger):
    kind: str = Field(max_length=60, description="One of the trigger kinds.")


class TriggerKinds(Endpoint):
    @operation(
        "list_trigger_kinds",
        "List the kinds of triggers",
        answer=answers.page_of(TriggerKind),
        question=asked.NoQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        self.question(asked.NoQuestion)
        found = [TriggerKind.of(kind) for kind in triggers().values()]
        return answer(answers.page_of(TriggerKind).model_construct(results=found, next=None, previous=None))


class TriggersQuestion(asked.Question):
    kind: str = Field("", max_length=60, description="One of the trigger kinds.")
    health: Health | None = Field(None, description="`fails`: those that do not work.")
    enabled: bool | None = None


class Triggers(Endpoint):
    @operation("list_triggers", "List triggers", answer=answers.page_of(OneTrigger), question=TriggersQuestion)
    def get(self, request: Request) -> HttpResponse:
        question = self.question(TriggersQuestion)
        wanted = {"kind": question.kind or None, "health": question.health, "enabled": question.enabled}
        rows = visible(_there(), self.actor)
        rows = rows.filter(**{name: value for name, value in wanted.items() if value is not None})
        return page(request, rows, OneTrigger, OneTrigger.of)


class TriggersOfWorkflow(OfWorkflow):
    @operation(
        "list_triggers_of_workflow",
        "List the triggers of a workflow",
        answer=answers.page_of(OneTrigger),
        question=asked.Question,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        self.question(asked.Question)
        rows = _there().filter(workflow=self.workflow(id))
        return page(request, rows, OneTrigger, OneTrigger.of)

    @operation("set_up_trigger", "Set up a trigger", answer=OneTrigger, status=201, body=NewTrigger, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """On at once. `…/secret` tells where a webhook is called, and with which secret; of a form its address."""
        body = self.body(NewTrigger)
        made, _ = services.set_up(self.workflow(id), body.kind, body.wanted(), actor=self.actor)
        return answer(OneTrigger.of(made), 201, {"Location": reverse("api_trigger", args=[made.pk])})


class OfTrigger(Endpoint):
    def trigger(self, id: str) -> models.Trigger:
        return self.find(_there(), id)


class One(OfTrigger):
    @operation("read_trigger", "Read a trigger", answer=OneTrigger)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(OneTrigger.of(self.trigger(id)))

    @operation("change_trigger", "Change a trigger", answer=OneTrigger, body=WantedTrigger)
    def put(self, request: Request, id: str) -> HttpResponse:
        """All of it anew: what is left out is empty from then on."""
        changed = services.change(self.trigger(id), self.body(WantedTrigger).wanted(), actor=self.actor)
        return answer(OneTrigger.of(changed))


class SwitchOne(OfTrigger):
    @operation("switch_trigger", "Switch a trigger off or on", answer=OneTrigger, body=asked.Enabled)
    def put(self, request: Request, id: str) -> HttpResponse:
        """What a schedule missed while it was off is not made up for."""
        on = self.body(asked.Enabled).enabled
        return answer(OneTrigger.of(services.switch(self.trigger(id), on=on, actor=self.actor)))


class Renew(OfTrigger):
    @operation("renew_trigger_secret", "Give a webhook another secret", answer=WebhookTold, body=asked.Nothing)
    def post(self, request: Request, id: str) -> HttpResponse:
        """A form has an address alone, which stays. No Idempotency-Key is taken: its answer would have to be kept, and
        the secret with it."""
        self.body(asked.Nothing)
        trigger = self.trigger(id)
        return answer(WebhookTold.of(trigger, services.renew_secret(trigger, actor=self.actor)))


class Remove(OfTrigger):
    @operation("remove_trigger", "Remove a trigger", answer=OneTrigger, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        self.body(asked.Nothing)
        trigger = self.trigger(id)
        services.remove(trigger, actor=self.actor)
        return answer(OneTrigger.of(trigger))


class Events(OfTrigger):
    @operation(
        "list_trigger_events",
        "What a trigger has heard",
        answer=answers.page_of(EventLine),
        question=asked.Question,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """The latest first."""
        self.question(asked.Question)
        return page(request, self.trigger(id).events.all(), EventLine, EventLine.of, Numbered)


def _there() -> Any:
    return models.Trigger.objects.filter(removed_at=None).select_related("department", "workflow", "secret")
