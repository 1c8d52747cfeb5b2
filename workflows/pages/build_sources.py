"""Choices that a form loads: models, workflows, people, groups, connections, and the steps that will send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from connectors.accounts import of_source
from connectors.allowances import models_for, routes_for
from connectors.connections import in_use
from connectors.forms import Choice
from departments.models import Group, User
from workflows.engine.definition import Definition, Node
from workflows.engine.sending import sending_steps
from workflows.engine.sources import sources_of
from workflows.models import Trigger, Workflow
from workflows.pages.cards import title_of
from workflows.runtime.kinds import kinds

MOST = 500
CONNECTIONS = "connections:"


@dataclass(frozen=True, slots=True)
class Asking:
    """The step whose form asks; a trigger is none."""

    workflow: Workflow
    definition: Definition | None = None
    node: Node | None = None


Source = Callable[[Asking], list[Choice]]


def sources_for(asking: Asking, model: type[BaseModel]) -> Mapping[str, list[Choice]]:
    """The choices that the parameters ask for, by name of the source; at most one query for each."""
    return _loaded(asking, {source for _place, source in sources_of(model)})


def helpers_for(asking: Asking) -> Mapping[str, list[Choice]]:
    """Who may carry on by hand where a step cannot: `people` and `groups`."""
    return _loaded(asking, ("people", "groups"))


def _loaded(asking: Asking, names: Iterable[str]) -> Mapping[str, list[Choice]]:
    here = {name: SOURCES[name](asking) for name in names if name in SOURCES}
    return here | {name: _connections(asking, name) for name in names if name.startswith(CONNECTIONS)}


def _models(asking: Asking) -> list[Choice]:
    """What the department may use: its models, and the routes that lead to them."""
    department = asking.workflow.department_id
    routes = [Choice(name, name) for name in routes_for(department).values_list("name", flat=True)[:MOST]]
    return [Choice(row.name, str(row)) for row in models_for(department)[:MOST]] + routes


def _workflows(asking: Asking) -> list[Choice]:
    department = asking.workflow.department_id
    rows = Workflow.objects.filter(department=department, archived_at=None, live__isnull=False)
    others = rows.exclude(pk=asking.workflow.pk).values_list("slug", "name")
    return [Choice(slug, name) for slug, name in others[:MOST]]


def _people(asking: Asking) -> list[Choice]:
    rows = User.objects.filter(memberships__department=asking.workflow.department_id, is_active=True).distinct()
    return [Choice(email, f"{name} ({email})") for email, name in rows.values_list("email", "name")[:MOST]]


def _groups(asking: Asking) -> list[Choice]:
    rows = Group.objects.filter(department=asking.workflow.department_id)
    return [Choice(slug, name) for slug, name in rows.values_list("slug", "name")[:MOST]]


def _sending_steps(asking: Asking) -> list[Choice]:
    if asking.definition is None or asking.node is None:
        return []
    found = sending_steps(asking.definition, asking.node.id, kinds())
    return [Choice(node.id, title_of(node)) for node in found]


def _events(asking: Asking) -> list[Choice]:
    """Triggers of this workflow that start nothing, but go on with the run that waits for them."""
    rows = Trigger.objects.filter(workflow=asking.workflow, removed_at=None).exclude(reference="")
    return [Choice(slug, title) for slug, title in rows.values_list("slug", "title")[:MOST]]


def _connections(asking: Asking, source: str) -> list[Choice]:
    rows = in_use(asking.workflow.department).filter(connector__in=of_source(source.removeprefix(CONNECTIONS)))
    return [Choice(row.slug, row.title) for row in rows[:MOST]]


SOURCES: Mapping[str, Source] = {
    "models": _models,
    "workflows": _workflows,
    "people": _people,
    "groups": _groups,
    "sending_steps": _sending_steps,
    "events": _events,
}
