"""Making a workflow of a template: what it needs to know first, and the copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.services import record
from connectors.allowances import models_for
from departments.access import Actor, Verb, require
from departments.models import Department, Group, Role, User
from workflows.engine import definition as definitions
from workflows.engine.definition import Definition, Node
from workflows.gallery.catalogue import Template
from workflows.models import Workflow
from workflows.services.files import reference, store_file
from workflows.services.naming import clean_name, same_name
from workflows.services.refusals import ValidationError
from workflows.services.workflows import create_workflow

DECIDERS = (Role.OPERATOR, Role.BUILDER, Role.APPROVER, Role.MANAGER)
GROUP = "group:"
"""Before the slug of a group that decides."""
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """A step of a template in which a person decides; `role` is whom the template asks."""

    step: str
    title: str
    role: str


def people_asked(template: Template) -> list[Asked]:
    return [
        Asked(node.id, node.title, str(node.given.get("role", Role.APPROVER)))
        for node in template.nodes
        if node.kind.startswith("people.")
    ]


def asks_a_model(template: Template) -> bool:
    return any(True for _ in _ai_steps(template.definition))


def members_of(department: Department) -> QuerySet[User]:
    """Who may be asked by name."""
    return User.objects.filter(is_active=True, memberships__department=department).distinct().order_by("name", "email")


def groups_of(department: Department) -> QuerySet[Group]:
    """The groups that have somebody to ask."""
    return department.groups.filter(members__is_active=True).distinct().order_by("name", "slug")


def free_name(department: Department, name: str) -> str:
    """The name, or the name with the first free number behind it."""
    rows = Workflow.objects.filter(department=department, archived_at=None)
    taken = {same_name(other) for other in rows.values_list("name", flat=True)}
    return next(free for free in _numbered(clean_name(name)) if same_name(free) not in taken)


def copy_template(
    template: Template,
    department: Department,
    *,
    actor: Actor,
    name: str = "",
    model: str = "",
    deciders: Mapping[str, str] | None = None,
) -> Workflow:
    """A new workflow with a draft like the template and its sample; nothing is published.

    `deciders` maps a step that asks a person to a role, to the e-mail address of a member, or to a group: `group:SLUG`.
    Without a name the template's own is taken, numbered where it is taken.

    Raises ValidationError, PermissionDenied, Conflict.
    """
    require(actor, Verb.EDIT, department)
    definition = _fitted(template, department, model, deciders or {})
    with transaction.atomic():
        workflow = create_workflow(
            department,
            name=name or free_name(department, template.name),
            definition=definitions.dump(definition),
            actor=actor,
            description=template.definition.description,
            sample=_sample(template, department, actor),
            template=template.slug,
        )
        record(
            "template.copied",
            actor=actor,
            department=department.slug,
            thing=workflow,
            template=template.definition.name,
        )
    return workflow


def _fitted(template: Template, department: Department, model: str, deciders: Mapping[str, str]) -> Definition:
    """The template's definition with the model and the people that were chosen."""
    if model and not models_for(department.pk).filter(name=model).exists():
        raise ValidationError({"model": f"There is no AI model called “{model}” in use here. Choose another one."})
    _require_known(template, department, deciders)

    fitted = template.definition.model_copy(deep=True)
    for node in _ai_steps(fitted) if model else ():
        node.given = {**node.given, "model": model}
    for node in fitted.nodes():
        if decider := deciders.get(node.id):
            node.given = {**_without_deciders(node.given), **_decides(decider)}
    return fitted


def _without_deciders(given: Mapping[str, Any]) -> dict[str, Any]:
    """Who is named first is asked alone: whom the template names beside them goes."""
    return {name: value for name, value in given.items() if name not in ("person", "people", "group")}


def _decides(decider: str) -> dict[str, str]:
    if decider.startswith(GROUP):
        return {"group": decider.removeprefix(GROUP)}
    return {"person": decider} if "@" in decider else {"role": decider}


def _require_known(template: Template, department: Department, deciders: Mapping[str, str]) -> None:
    steps = {asked.step for asked in people_asked(template)}
    wrong = {}
    for step, decider in deciders.items():
        if step not in steps:
            wrong[f"deciders.{step}"] = f"The template has no step called “{step}” that asks a person."
        elif decider.startswith(GROUP):
            if not groups_of(department).filter(slug=decider.removeprefix(GROUP)).exists():
                wrong[f"deciders.{step}"] = f"“{decider}” is no group of {department.name} with anybody in it."
        elif "@" in decider and not members_of(department).filter(email__iexact=decider).exists():
            wrong[f"deciders.{step}"] = f"“{decider}” is nobody in {department.name}. Choose a member or a role."
        elif "@" not in decider and decider not in DECIDERS:
            wrong[f"deciders.{step}"] = f"“{decider}” is no role that decides: {', '.join(DECIDERS)}."
    if wrong:
        raise ValidationError(wrong)


def _ai_steps(definition: Definition) -> Iterator[Node]:
    return (node for node in definition.nodes() if node.kind.startswith("ai."))


def _sample(template: Template, department: Department, actor: Actor) -> dict[str, Any]:
    """The sample's values; its files are stored in the department and referred to."""
    files = {
        name: reference(store_file(department, name=file_name, content=content, actor=actor)).model_dump()
        for name, (file_name, content) in template.files(template.sample).items()
    }
    return {**template.sample, **files}


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name[: LONGEST_NAME - 5]} {number}"
        number += 1
