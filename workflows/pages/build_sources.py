"""Choices that a form loads from the server: the models in use, the workflows and people of the department."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import BaseModel

from connectors.forms import Choice
from connectors.models import AiModel
from departments.models import User
from workflows.models import Workflow

Source = Callable[[Workflow], list[Choice]]
MOST = 500


def sources_for(workflow: Workflow, model: type[BaseModel]) -> Mapping[str, list[Choice]]:
    """The choices that the parameters ask for, by name of the source; at most one query for each."""
    asked = {
        str(extra["x-source"])
        for field in model.model_fields.values()
        if isinstance(extra := field.json_schema_extra, dict) and extra.get("x-source")
    }
    return {name: SOURCES[name](workflow) for name in asked if name in SOURCES}


def _models(workflow: Workflow) -> list[Choice]:
    rows = AiModel.objects.filter(enabled=True, provider__enabled=True).select_related("provider")[:MOST]
    return [Choice(row.name, str(row)) for row in rows]


def _workflows(workflow: Workflow) -> list[Choice]:
    rows = Workflow.objects.filter(department=workflow.department_id, archived_at=None, live__isnull=False)
    return [Choice(slug, name) for slug, name in rows.exclude(pk=workflow.pk).values_list("slug", "name")[:MOST]]


def _people(workflow: Workflow) -> list[Choice]:
    rows = User.objects.filter(memberships__department=workflow.department_id, is_active=True).distinct()
    return [Choice(email, f"{name} ({email})") for email, name in rows.values_list("email", "name")[:MOST]]


SOURCES: Mapping[str, Source] = {"models": _models, "workflows": _workflows, "people": _people}
