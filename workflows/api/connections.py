"""Connections by another program: which kinds there are, connecting, trying, renewing, removing. No secret is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.http import HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request

from connectors import accounts, connections, made, models
from connectors.connections import Told
from connectors.sdk import Connector
from departments.access import visible
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.services.connection_uses import uses


class ConnectorKind(answers.Answer):
    """A kind of outside system."""

    name: str
    title: str
    about: str
    settings: dict[str, Any] = Field(description="JSON Schema of what everybody in the department may see.")
    secrets: dict[str, Any] = Field(description="JSON Schema of what is sealed and never comes back.")

    @classmethod
    def of(cls, kind: type[Connector]) -> Self:
        return cls(
            name=kind.name,
            title=kind.title,
            about=kind.about,
            settings=kind.Settings.model_json_schema(),
            secrets=kind.Secrets.model_json_schema(),
        )


class ConnectionLine(answers.Answer):
    id: str
    department: str = Field(description="Slug.")
    connector: str
    slug: str = Field(description="By which the steps of workflows name it; it never changes.")
    title: str
    health: str = Field(description="`unknown`, `works` or `fails`.")
    health_said: str = Field(description="What came of the last try.")
    checked_at: datetime | None
    last_used_at: datetime | None
    made_by: str
    created_at: datetime
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Connection, **more: Any) -> Self:
        same = ("connector", "slug", "title", "health", "health_said", "checked_at", "last_used_at", "made_by")
        return cls(
            id=str(row.pk),
            department=row.department.slug,
            created_at=row.created_at,
            url=answers.page_address("connection", row.pk),
            **{name: getattr(row, name) for name in same},
            **more,
        )


class UseOf(answers.Answer):
    workflow: str = Field(description="Id.")
    name: str
    is_live: bool = Field(description="Its published version names the connection; else only the draft does.")


class OneConnection(ConnectionLine):
    settings: dict[str, Any]
    used_by: list[UseOf]

    @classmethod
    def whole(cls, row: models.Connection) -> Self:
        used = [UseOf(workflow=str(use.workflow.pk), name=use.workflow.name, is_live=use.is_live) for use in uses(row)]
        return cls.of(row, settings=row.settings, used_by=used)


class ConnectionsQuestion(asked.Question):
    connector: str = Field("", max_length=60, description="Only those of this kind.")


class Telling(asked.Body):
    title: str = Field(max_length=120, description="What people call it.")
    settings: dict[str, Any] = Field(default_factory=dict, description="As the connector's `settings` describes them.")
    secrets: dict[str, str] = Field(default_factory=dict, description="As `secrets` describes them. Kept sealed.")

    def told(self) -> Told:
        return Told(self.title, self.settings, self.secrets)


class NewConnection(Telling):
    connector: str = Field(max_length=60, description="Name of its kind.")


class Connectors(Endpoint):
    @operation(
        "list_connectors",
        "List the kinds of connections",
        answer=answers.page_of(ConnectorKind),
        question=asked.NoQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        self.question(asked.NoQuestion)
        imported = made.connectors_for([self.token.department_id])
        found = [ConnectorKind.of(kind) for kind in [*accounts.connectors().values(), *imported.values()]]
        return answer(answers.page_of(ConnectorKind).model_construct(results=found, next=None, previous=None))


class Connections(Endpoint):
    @operation(
        "list_connections",
        "List connections",
        answer=answers.page_of(ConnectionLine),
        question=ConnectionsQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        question = self.question(ConnectionsQuestion)
        rows = visible(_there(), self.actor)
        if question.connector:
            rows = rows.filter(connector=question.connector)
        return page(request, rows, ConnectionLine, ConnectionLine.of)

    @operation("connect", "Connect an account", answer=OneConnection, status=201, body=NewConnection, repeats=True)
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """Kept, and not tried yet: `…/test` does that."""
        body = self.body(NewConnection)
        made = connections.connect(self.token.department, body.connector, body.told(), actor=self.actor)
        return answer(OneConnection.whole(made), 201, {"Location": reverse("api_connection", args=[made.pk])})


class OfConnection(Endpoint):
    def connection(self, id: str) -> models.Connection:
        return self.find(_there(), id)


class One(OfConnection):
    @operation("read_connection", "Read a connection", answer=OneConnection)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(OneConnection.whole(self.connection(id)))

    @operation("change_connection", "Change or renew a connection", answer=OneConnection, body=Telling)
    def put(self, request: Request, id: str) -> HttpResponse:
        """Secrets that are left out stay as they are, unless the settings lead to another host."""
        connection = self.connection(id)
        connections.change(connection, self.body(Telling).told(), actor=self.actor)
        return answer(OneConnection.whole(self.connection(id)))


class TryOut(OfConnection):
    @operation("test_connection", "Test a connection", answer=OneConnection, body=asked.Nothing)
    def post(self, request: Request, id: str) -> HttpResponse:
        """Asks the other side who we are. 200 whatever comes of it: `health` and `health_said` tell."""
        self.body(asked.Nothing)
        connection = self.connection(id)
        connections.try_out(connection, actor=self.actor)
        return answer(OneConnection.whole(connection))


class Remove(OfConnection):
    @operation("remove_connection", "Remove a connection", answer=ConnectionLine, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Its secrets are gone for good; steps that name it fail from then on."""
        self.body(asked.Nothing)
        connection = self.connection(id)
        connections.remove(connection, actor=self.actor)
        return answer(ConnectionLine.of(connection))


def _there() -> Any:
    return models.Connection.objects.filter(removed_at=None).select_related("department", "secret")
