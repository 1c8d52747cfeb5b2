"""Subscriptions by another program: which events this department tells whom, and how each delivery fared."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from django.http import HttpResponse
from django.urls import reverse
from pydantic import Field, WithJsonSchema
from rest_framework.request import Request

from departments.access import Verb, require, visible
from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.models import DeliveryStatus, Happening
from workflows.services import messages
from workflows.services import subscriptions as services
from workflows.services.refusals import ValidationError
from workflows.services.subscriptions import Asked


class OneSubscription(answers.Answer):
    """Another system that is told what happens. Its secret is in no answer but that of `…/secret`."""

    id: str
    department: str = Field(description="Slug.")
    workflow: str | None = Field(description="Id; null: every workflow of the department.")
    title: str
    address: str
    events: list[Happening]
    enabled: bool
    health: str = Field(description="`unknown`, `works` or `fails`.")
    health_said: str = Field(description="Why it does not work.")
    last_sent_at: datetime | None = Field(description="When something arrived there last.")
    made_by: str
    created_at: datetime
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Subscription) -> Self:
        same = ("title", "address", "events", "enabled", "health", "health_said", "last_sent_at")
        return cls(
            id=str(row.pk),
            department=row.department.slug,
            workflow=str(row.workflow_id) if row.workflow_id else None,
            url=answers.page_address("subscription", row.pk),
            **{name: getattr(row, name) for name in (*same, "made_by", "created_at")},
        )


class SigningSecret(answers.Answer):
    secret: str = Field(description="With which messages are signed. For a day the one before it signs them as well.")


class DeliveryLine(answers.Answer):
    """One event on its way to one subscription."""

    id: str = Field(description="The `webhook-id`, the same in each try.")
    type: str
    at: datetime = Field(description="When it happened.")
    status: DeliveryStatus
    tries: int
    next_at: datetime | None = Field(description="When it is tried next.")
    said: str = Field(description="Why it has not arrived.")
    run: str | None = Field(description="Id.")

    @classmethod
    def of(cls, row: models.Delivery) -> Self:
        same = {name: getattr(row, name) for name in ("type", "at", "tries", "next_at", "said")}
        run = str(row.run_id) if row.run_id else None
        return cls(id=str(row.pk), status=DeliveryStatus(row.status), run=run, **same)


class TryLine(answers.Answer):
    at: datetime
    code: int | None = Field(description="Status of the answer; null: nobody answered.")
    took_ms: int
    answer: str = Field(description="The first 300 characters of the answer.")
    problem: str = Field(description="Empty where it arrived.")

    @classmethod
    def of(cls, row: models.DeliveryTry) -> Self:
        return cls(**{name: getattr(row, name) for name in ("at", "code", "took_ms", "answer", "problem")})


class OneDelivery(DeliveryLine):
    body: str = Field(description="What is sent, to the letter.")
    tried: list[TryLine]

    @classmethod
    def whole(cls, row: models.Delivery) -> Self:
        tried = [TryLine.of(each) for each in row.tried.all()]
        return cls(**DeliveryLine.of(row).model_dump(), body=messages.body_of(row).decode(), tried=tried)


Known = Annotated[str, WithJsonSchema({"type": "string", "enum": Happening.values})]


class WantedSubscription(asked.Body):
    address: str = Field(max_length=2_000, description="Where events are sent; its host must be listed for you.")
    events: list[Known] = Field(max_length=50)
    workflow: str | None = Field(None, max_length=60, description="Id; left out: every workflow of the department.")
    title: str = Field("", max_length=120, description="What people call it; the host when left out.")

    def wanted(self) -> Asked:
        """Raises ValidationError."""
        known = identifier(self.workflow) if self.workflow is not None else None
        if self.workflow is not None and known is None:
            raise ValidationError({"workflow": "This is no id of a workflow."})
        return Asked(self.address, self.events, known, self.title)


class DeliveriesQuestion(asked.Question):
    status: DeliveryStatus | None = None
    type: str = Field("", max_length=40, description="Such as run.failed.")
    since: asked.Moment | None = Field(None, description="What happened from then on.")


class Subscriptions(Endpoint):
    @operation(
        "list_subscriptions",
        "List subscriptions",
        answer=answers.page_of(OneSubscription),
        question=asked.Question,
    )
    def get(self, request: Request) -> HttpResponse:
        """For builders and managers: an address may hold a secret of the other system."""
        self.question(asked.Question)
        require(self.actor, Verb.CONNECT, self.token.department)
        return page(request, visible(_there(), self.actor), OneSubscription, OneSubscription.of)

    @operation(
        "set_up_subscription",
        "Tell another system what happens",
        answer=OneSubscription,
        status=201,
        body=WantedSubscription,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """On at once. `…/secret` tells with which secret messages are signed."""
        made = services.set_up(self.token.department, self.body(WantedSubscription).wanted(), actor=self.actor)
        where = {"Location": reverse("api_subscription", args=[made.subscription.pk])}
        return answer(OneSubscription.of(made.subscription), 201, where)


class OfSubscription(Endpoint):
    def subscription(self, id: str) -> models.Subscription:
        found = self.find(_there(), id)
        require(self.actor, Verb.CONNECT, found.department)
        return found


class One(OfSubscription):
    @operation("read_subscription", "Read a subscription", answer=OneSubscription)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(OneSubscription.of(self.subscription(id)))

    @operation("change_subscription", "Change a subscription", answer=OneSubscription, body=WantedSubscription)
    def put(self, request: Request, id: str) -> HttpResponse:
        """All of it anew. What is on its way goes to the new address."""
        found = self.subscription(id)
        return answer(
            OneSubscription.of(services.change(found, self.body(WantedSubscription).wanted(), actor=self.actor))
        )


class SwitchOne(OfSubscription):
    @operation("switch_subscription", "Switch a subscription off or on", answer=OneSubscription, body=asked.Enabled)
    def put(self, request: Request, id: str) -> HttpResponse:
        """What happens while it is off is not told, and what was on its way is given up."""
        found = self.subscription(id)
        switched = services.switch(found, on=self.body(asked.Enabled).enabled, actor=self.actor)
        return answer(OneSubscription.of(switched))


class Renew(OfSubscription):
    @operation("renew_subscription_secret", "Get another secret", answer=SigningSecret, body=asked.Nothing)
    def post(self, request: Request, id: str) -> HttpResponse:
        """No Idempotency-Key is taken: its answer would have to be kept, and the secret with it."""
        found = self.subscription(id)
        self.body(asked.Nothing)
        return answer(SigningSecret(secret=services.renew_secret(found, actor=self.actor).secret))


class TryOut(OfSubscription):
    @operation(
        "test_subscription", "Send a test event", answer=DeliveryLine, status=201, body=asked.Nothing, repeats=True
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """`tandem.test`, on its way at once; `…/deliveries` tells what came of it."""
        found = self.subscription(id)
        self.body(asked.Nothing)
        return answer(DeliveryLine.of(_read_again(services.send_test(found, actor=self.actor))), 201)


class Remove(OfSubscription):
    @operation("remove_subscription", "Remove a subscription", answer=OneSubscription, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        found = self.subscription(id)
        self.body(asked.Nothing)
        services.remove(found, actor=self.actor)
        return answer(OneSubscription.of(found))


class Deliveries(OfSubscription):
    @operation(
        "list_deliveries",
        "List what a subscription is told",
        answer=answers.page_of(DeliveryLine),
        question=DeliveriesQuestion,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        """The latest first. Kept for 30 days."""
        question = self.question(DeliveriesQuestion)
        wanted: dict[str, Any] = {"status": question.status, "type": question.type, "at__gte": question.since}
        rows = self.subscription(id).deliveries.filter(**{name: each for name, each in wanted.items() if each})
        return page(request, rows, DeliveryLine, DeliveryLine.of)


class OfDelivery(Endpoint):
    def delivery(self, id: str) -> models.Delivery:
        rows = models.Delivery.objects.filter(subscription__removed_at=None)
        return self.find(rows.select_related("subscription__department"), id, path="subscription__department")


class ReadDelivery(OfDelivery):
    @operation("read_delivery", "Read a delivery with its tries", answer=OneDelivery)
    def get(self, request: Request, id: str) -> HttpResponse:
        found = self.delivery(id)
        require(self.actor, Verb.CONNECT, found.subscription.department)
        return answer(OneDelivery.whole(found))


class SendAgain(OfDelivery):
    @operation("send_again", "Send an event again", answer=OneDelivery, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Under the same id, whether it had arrived or not, and tried for a day anew."""
        found = self.delivery(id)
        self.body(asked.Nothing)
        return answer(OneDelivery.whole(services.send_again(found, actor=self.actor)))


def _read_again(made: models.Delivery) -> models.Delivery:
    made.refresh_from_db()
    return made


def _there() -> Any:
    return models.Subscription.objects.filter(removed_at=None).select_related("department")
