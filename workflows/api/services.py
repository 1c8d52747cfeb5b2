"""Imported services by another program: importing a description, searching its operations, choosing which are steps."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal, Self

from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request

from connectors import imports, made
from connectors.manifest_rows import Source
from connectors.models import Manifest, ManifestOperation, ManifestVersion
from departments.access import Verb, require
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.services.refusals import PermissionDenied

Level = Literal["read", "write", "danger"]


class ServiceLine(answers.Answer):
    """An outside system that is known by its description."""

    id: str
    name: str = Field(description="By which connections and step kinds name it; it never changes.")
    title: str
    department: str = Field(description="Slug; empty for one that is everybody's.")
    version: int = Field(description="The one that is offered.")
    made_by: str
    created_at: datetime
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: Manifest, **more: Any) -> Self:
        return cls(
            id=str(row.pk),
            name=row.name,
            title=row.title,
            department=row.department.slug if row.department else "",
            version=row.latest,
            made_by=row.made_by,
            created_at=row.created_at,
            url=answers.page_address("service", row.pk),
            **more,
        )


class OneService(ServiceLine):
    service: dict[str, Any] = Field(description="What is known of it: servers, ways to sign in.")
    notes: list[str] = Field(description="What of the description could not be taken over.")
    operations: int
    steps: int = Field(description="So many of them are offered as steps.")

    @classmethod
    def whole(cls, row: Manifest) -> Self:
        version = latest(row)
        counts = {"operations": version.operations.count(), "steps": version.operations.filter(chosen=True).count()}
        return cls.of(row, service=version.service, notes=version.notes, **counts)


class OperationOf(answers.Answer):
    name: str
    kind: str = Field(description="The step kind that it is, once it is chosen.")
    title: str
    method: str
    path: str
    tag: str
    level: str = Field(description="`read`, `write` or `danger`.")
    chosen: bool
    problem: str = Field(description="Why it cannot be a step; empty when it can.")


class OperationsQuestion(asked.Question):
    q: str = Field("", max_length=200, description="Words in title, path, name or tag.")
    level: Literal["", "read", "write", "danger"] = ""
    chosen: Literal["", "true", "false"] = ""


class NewDescription(asked.Body):
    document: dict[str, Any] | str = Field(
        description="OpenAPI 3.0 or 3.1, or Swagger 2.0: an object, or its text. Larger than 2 MB only on the page."
    )

    def source(self) -> Source:
        text = self.document if isinstance(self.document, str) else json.dumps(self.document)
        return Source(text.encode(), "document")


class Choice(asked.Body):
    take: list[str] = Field(default_factory=list, max_length=1_000, description="Names that become steps.")
    leave: list[str] = Field(default_factory=list, max_length=1_000, description="Names that are offered no more.")
    levels: dict[str, Level] = Field(default_factory=dict, description="Name → how far it goes: the next version.")


class Services(Endpoint):
    @operation("list_services", "List imported services", answer=answers.page_of(ServiceLine), question=asked.Question)
    def get(self, request: Request) -> HttpResponse:
        """Those of the token's department, and everybody's."""
        self.question(asked.Question)
        return page(request, _there(self), ServiceLine, ServiceLine.of)

    @operation("import_service", "Import a service", answer=OneService, status=201, body=NewDescription, repeats=True)
    @answered_once
    def post(self, request: Request) -> HttpResponse:
        """Nothing of it is called, and no operation is a step yet: `…/operations` chooses."""
        source = self.body(NewDescription).source()
        manifest = imports.import_new(source, self.token.department, actor=self.actor)
        return answer(OneService.whole(manifest), 201, {"Location": reverse("api_service", args=[manifest.pk])})


class OfService(Endpoint):
    def service(self, id: str, *, change: bool = False) -> Manifest:
        """Raises Http404, and PermissionDenied for who may only see it."""
        known = identifier(id)
        manifest = _there(self).filter(pk=known).first() if known else None
        if manifest is None:
            raise Http404
        if change and manifest.department is None:
            raise PermissionDenied("This service is everybody's: an administrator may change it.")
        if change and manifest.department is not None:
            require(self.actor, Verb.CONNECT, manifest.department)
        return manifest


class One(OfService):
    @operation("read_service", "Read an imported service", answer=OneService)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(OneService.whole(self.service(id)))


class Operations(OfService):
    @operation(
        "list_operations",
        "List the operations of a service",
        answer=answers.page_of(OperationOf),
        question=OperationsQuestion,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        manifest, question = self.service(id), self.question(OperationsQuestion)
        rows = found(latest(manifest), question)
        return page(request, rows, OperationOf, lambda row: _operation(manifest, row))

    @operation("choose_operations", "Choose which operations are steps", answer=OneService, body=Choice, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Another level makes the next version of the service; steps that there are keep theirs."""
        manifest, body = self.service(id, change=True), self.body(Choice)
        imports.change_levels(manifest, dict(body.levels), actor=self.actor)
        imports.choose(manifest, body.take, body.leave, actor=self.actor)
        return answer(OneService.whole(self.service(id)))


class Renew(OfService):
    @operation("renew_service", "Import a newer description", answer=OneService, body=NewDescription, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """The next version. What was chosen stays so; secrets that would go elsewhere are forgotten."""
        manifest = self.service(id, change=True)
        imports.import_anew(manifest, self.body(NewDescription).source(), actor=self.actor)
        return answer(OneService.whole(self.service(id)))


class Remove(OfService):
    @operation("remove_service", "Remove an imported service", answer=ServiceLine, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """It is offered no more; steps that were made of it go on."""
        self.body(asked.Nothing)
        manifest = self.service(id, change=True)
        imports.remove(manifest, actor=self.actor)
        return answer(ServiceLine.of(manifest))


def latest(manifest: Manifest) -> ManifestVersion:
    return manifest.versions.get(number=manifest.latest)


def found(version: ManifestVersion, question: OperationsQuestion) -> QuerySet[ManifestOperation]:
    rows = version.operations.defer("content")
    if question.level:
        rows = rows.filter(level=question.level)
    if question.chosen:
        rows = rows.filter(chosen=question.chosen == "true")
    for word in question.q.split():
        said = Q(title__icontains=word) | Q(path__icontains=word) | Q(name__icontains=word) | Q(tag__icontains=word)
        rows = rows.filter(said)
    return rows


def _operation(manifest: Manifest, row: ManifestOperation) -> OperationOf:
    same = ("name", "title", "method", "path", "tag", "level", "chosen", "problem")
    kind = made.kind_name(manifest.name, row.name, manifest.latest)
    return OperationOf(kind=kind, **{name: getattr(row, name) for name in same})


def _there(endpoint: Endpoint) -> QuerySet[Manifest]:
    rows = Manifest.objects.filter(removed_at=None).select_related("department")
    return rows.filter(made.visible_to([endpoint.token.department_id]))
