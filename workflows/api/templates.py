"""The templates that come along, and making a workflow of one."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request

from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.engine import definition as definitions
from workflows.gallery import catalogue
from workflows.services.templates import asks_a_model, copy_template, people_asked


class Decider(answers.Answer):
    step: str = Field(description="Id of the step that asks a person.")
    title: str
    role: str = Field(description="Whom it asks when nobody else is named.")


class Template(answers.Answer):
    slug: str
    name: str
    department: str = Field(description="Slug of the department it was made for.")
    summary: str
    description: str
    definition: dict[str, Any] = Field(description="What `copy` makes the draft of the new workflow.")
    sample: dict[str, Any] = Field(description="Inputs to try it with; for a file its name. The copy has the file.")
    minutes: int = Field(description="What a person needs for the sample without the workflow.")
    asks_a_model: bool
    deciders: list[Decider] = Field(description="The steps in which a person decides.")
    rehearsed: list[str] = Field(description="Systems that have no connector yet: their steps send nothing.")

    @classmethod
    def of(cls, template: catalogue.Template) -> Template:
        return cls(
            slug=template.slug,
            name=template.name,
            department=template.department_slug,
            summary=template.about.summary,
            description=template.definition.description,
            definition=definitions.dump(template.definition),
            sample=dict(template.sample),
            minutes=template.about.minutes,
            asks_a_model=asks_a_model(template),
            deciders=[Decider(step=one.step, title=one.title, role=one.role) for one in people_asked(template)],
            rehearsed=list(template.systems),
        )


class Templates(Endpoint):
    @operation("list_templates", "List the templates", answer=answers.page_of(Template), question=asked.NoQuestion)
    def get(self, request: Request) -> HttpResponse:
        self.question(asked.NoQuestion)
        shown = list(_shown().values())
        return answer(answers.page_of(Template).model_construct(results=shown, next=None, previous=None))


class OneTemplate(Endpoint):
    @operation("read_template", "Read a template", answer=Template)
    def get(self, request: Request, slug: str) -> HttpResponse:
        return answer(_known(_shown(), slug))


class Copy(Endpoint):
    @operation(
        "copy_template",
        "Make a workflow of a template",
        answer=answers.Workflow,
        status=201,
        body=asked.TemplateCopy,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request, slug: str) -> HttpResponse:
        """The token's department owns it. It is a draft with its sample: publish it, then start it."""
        template = _known(catalogue.templates(), slug)
        body = self.body(asked.TemplateCopy)
        made = copy_template(
            template,
            self.token.department,
            actor=self.actor,
            name=body.name,
            model=body.model,
            deciders=body.deciders,
        )
        return answer(answers.Workflow.of(made), 201, {"Location": reverse("api_workflow", args=[made.pk])})


@cache
def _shown() -> dict[str, Template]:
    return {slug: Template.of(template) for slug, template in catalogue.templates().items()}


def _known(things: Any, slug: str) -> Any:
    if slug not in things:
        raise Http404
    return things[slug]
