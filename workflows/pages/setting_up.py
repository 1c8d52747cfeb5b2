"""The guided set-up of a copy: it asks only what the template needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from connectors.allowances import models_for
from connectors.forms import Choice, Field, Form, read
from connectors.models import AiModel
from departments.access import Actor, Verb, visible
from departments.models import Department, Role
from workflows.gallery.catalogue import Template
from workflows.pages.page import Request
from workflows.pages.workflows import sentences
from workflows.services.refusals import ValidationError
from workflows.services.templates import (
    DECIDERS,
    GROUP,
    asks_a_model,
    free_name,
    groups_of,
    members_of,
    people_asked,
)

USUAL = "(usual)"
WHO = "who-"


@dataclass(frozen=True, slots=True)
class Setup:
    """The questions in three parts, each with its own heading; an empty part is not shown.

    `departments` are those that the person may build in, `models` those in use.
    """

    template: Template
    department: Department | None
    departments: Sequence[Department]
    models: Sequence[AiModel]
    form: Form
    values: Mapping[str, Any]

    @property
    def name(self) -> Field:
        return self.form.fields[0]

    @property
    def model(self) -> Field | None:
        return next((asked for asked in self.form.fields if asked.name == "model"), None)

    @property
    def people(self) -> list[Field]:
        return [asked for asked in self.form.fields if asked.name.startswith(WHO)]

    @property
    def may_copy(self) -> bool:
        return self.department is not None

    @property
    def lacks_a_model(self) -> bool:
        return asks_a_model(self.template) and not self.models

    @property
    def usual(self) -> AiModel | None:
        """The model that answers where none is asked for."""
        return self.models[0] if asks_a_model(self.template) and self.models else None

    def choices(self) -> dict[str, Any]:
        """What was chosen, as `services.templates.copy_template` takes it."""
        model = self.values.get("model", USUAL)
        people = {name.removeprefix(WHO): who for name, who in self.values.items() if name.startswith(WHO)}
        return {"name": self.values["name"], "model": "" if model == USUAL else model, "deciders": people}

    def with_taken_name(self, why: str) -> Setup:
        free = free_name(self.department, self.values["name"]) if self.department else ""
        said = _("%(why)s “%(free)s” is free.") % {"why": why, "free": free}
        return replace(self, form=self.form.with_errors({"name": said}))

    def refused(self, refused: ValidationError) -> Setup:
        return replace(self, form=self.form.with_errors(_sentences(refused)))


def begun(request: Request, template: Template) -> Setup:
    """The set-up as it is first shown, or for another department with what was typed so far."""
    departments = _buildable(request.actor)
    wanted = request.GET.get("department", "")
    department = _chosen(departments, wanted) or _chosen(departments, template.department_slug)
    setup = _setup(template, department or next(iter(departments), None), departments)
    return replace(setup, form=setup.form.with_values(_still_good(setup.form, request))) if wanted else setup


def answered(request: Request, template: Template, department: Department) -> Setup:
    """The set-up as it was sent, with an error at each question that was not answered well."""
    setup = _setup(template, department, _buildable(request.actor))
    filled = read(setup.form, request.POST)
    return replace(setup, form=filled.form, values=filled.values)


def _setup(template: Template, department: Department | None, departments: Sequence[Department]) -> Setup:
    models = list(models_for(department.pk)) if department and asks_a_model(template) else []
    fields = [*_fields(template, department, models)] if department else []
    return Setup(template, department, departments, models, Form(tuple(fields)), {})


def _fields(template: Template, department: Department, models: Sequence[AiModel]) -> list[Field]:
    name = Field("name", _("Name"), "text", required=True, value=free_name(department, template.name))
    return [name, *_model_field(models), *_people_fields(template, department)]


def _model_field(models: Sequence[AiModel]) -> list[Field]:
    if len(models) < 2:
        return []
    usual = Choice(USUAL, _("The usual one (%(model)s)") % {"model": models[0]})
    others = [Choice(model.name, f"{model} · {model.provider}") for model in models[1:]]
    return [
        Field(
            "model",
            _("AI model"),
            "choice",
            help=_("For every AI step of this workflow. You can choose another one for a single step later."),
            required=True,
            choices=(usual, *others),
            value=USUAL,
        )
    ]


def _people_fields(template: Template, department: Department) -> list[Field]:
    roles = [Choice(role, _("Anyone with the role %(role)s") % {"role": Role(role).label}) for role in DECIDERS]
    # The address stands beside the name: two people of one name must not be taken for each other.
    members = [Choice(member.email, f"{member.name} · {member.email}") for member in members_of(department)]
    groups = [Choice(f"{GROUP}{one.slug}", _("The group %(name)s") % {"name": one}) for one in groups_of(department)]
    who = (*roles, *groups, *members)
    return [
        Field(f"{WHO}{asked.step}", asked.title, "choice", required=True, choices=who, value=asked.role)
        for asked in people_asked(template)
    ]


def _buildable(actor: Actor) -> list[Department]:
    return list(visible(Department.objects.order_by("name"), actor, verb=Verb.EDIT, path="pk"))


def _chosen(departments: Sequence[Department], slug: str) -> Department | None:
    return next((one for one in departments if one.slug == slug), None)


def _still_good(form: Form, request: Request) -> Mapping[str, Any]:
    """What was typed for another department, as far as it makes sense in this one."""
    return read(form, request.GET).values


def _sentences(refused: ValidationError) -> dict[str, str]:
    return {name.replace("deciders.", WHO): text for name, text in sentences(refused).items()}
