"""The AI models and routes that a draft names, and whether its department may use them."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from connectors.allowances import models_for, routes_for
from connectors.models import AiModel
from departments.models import Department
from workflows.engine.definition import Definition
from workflows.engine.problems import Problem
from workflows.runtime.kinds import kinds


def model_problems(department: Department, definition: Definition) -> list[Problem]:
    """Whichever is named and cannot be asked. No query where none is named, one to three else."""
    named = list(_named(definition))
    if not named:
        return []
    unknown = {name for _step, name in named} - _usable(department)
    if not unknown:
        return []
    in_use = set(AiModel.objects.filter(name__in=unknown, enabled=True).values_list("name", flat=True))
    return [
        Problem(step, "with.model", _sentence(name, department, is_in_use=name in in_use))
        for step, name in named
        if name in unknown
    ]


def _named(definition: Definition) -> Iterator[tuple[str, str]]:
    """(step, name) of each step that says a name; one that is made of data is known only in a run."""
    for node in definition.nodes():
        kind, name = kinds().get(node.kind), node.given.get("model")
        if kind is not None and kind.asks_model and isinstance(name, str) and name and "{{" not in name:
            yield node.id, name


def _usable(department: Department) -> set[str]:
    models = models_for(department.pk).values_list("name", "title")
    return {each for pair in models for each in pair} | {*routes_for(department.pk).values_list("name", flat=True)}


def _sentence(name: str, department: Department, *, is_in_use: bool) -> str:
    if not is_in_use:
        return _("No AI model called “%(name)s” is in use here. Choose another one in its steps.") % {"name": name}
    said = _("%(department)s may not use the AI model “%(name)s”. Choose another one, or ask an administrator.")
    return said % {"department": department.name, "name": name}
