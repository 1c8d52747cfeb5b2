"""Which workflows name a connection, and which steps and triggers name one that is not there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext_lazy
from pydantic import BaseModel

from audit import sql
from connectors.accounts import of_source
from connectors.models import Connection
from departments.models import Department
from workflows.engine import params
from workflows.engine.definition import Definition
from workflows.engine.problems import Problem, running
from workflows.engine.sources import chosen
from workflows.models import Workflow
from workflows.runtime.kinds import kinds

SOURCE = "connections:"
_MISSING = gettext_lazy("There is no connection “%(name)s” here. Choose another one, or make it under Connections.")
_USES = """
SELECT connection.id, workflow.id,
    coalesce(jsonb_path_exists(version.definition::jsonb, path, named), false) OR starts_by.it
FROM connectors_connection AS connection
    CROSS JOIN LATERAL (
        SELECT '$.**.connection ? (@ == $name)'::jsonpath AS path, jsonb_build_object('name', connection.slug) AS named
    ) AS sought
    JOIN workflows_workflow AS workflow
        ON workflow.department_id = connection.department_id AND workflow.archived_at IS NULL
    LEFT JOIN workflows_version AS version ON version.id = workflow.live_id
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM workflows_trigger AS trigger WHERE trigger.workflow_id = workflow.id
                AND trigger.removed_at IS NULL AND trigger.settings ->> 'connection' = connection.slug
        ) AS it
    ) AS starts_by
WHERE connection.id = ANY(%s) AND (
    jsonb_path_exists(workflow.draft::jsonb, path, named)
    OR jsonb_path_exists(version.definition::jsonb, path, named)
    OR starts_by.it
)
"""


@dataclass(frozen=True, slots=True)
class Use:
    """`is_live`: the published version names it, or a trigger; else only the draft does."""

    workflow: Workflow
    is_live: bool


def uses(connection: Connection) -> list[Use]:
    """Those whose published version names it come first."""
    found = {workflow: is_live for _, workflow, is_live in sql.rows(_USES, [[connection.pk]])}
    workflows = Workflow.objects.filter(pk__in=found).order_by("name")
    return sorted((Use(workflow, found[workflow.pk]) for workflow in workflows), key=lambda use: not use.is_live)


def how_many_uses(connections: Iterable[Connection]) -> Mapping[UUID, int]:
    """By the id of the connection; one query."""
    return Counter(id for id, _, _ in sql.rows(_USES, [[each.pk for each in connections]]))


def connection_problems(department: Department, definition: Definition) -> list[Problem]:
    """Whichever is named and is not there. At most one query; none where none is named."""
    found = list(_named(definition))
    if not found:
        return []
    there = _there(department)
    return [
        Problem(step, field, _MISSING % {"name": name})
        for step, field, connector, name in found
        if not any((name, each) in there for each in of_source(connector))
    ]


def missing_in(settings: BaseModel, department: Department) -> dict[str, str]:
    """What the settings of a trigger name and is not there: setting → sentence. At most one query."""
    named = [each for each in chosen(settings.model_dump(mode="json"), type(settings)) if each[1].startswith(SOURCE)]
    there = _there(department) if named else set()
    return {
        place: _MISSING % {"name": name}
        for place, source, name in named
        if not any((name, each) in there for each in of_source(source.removeprefix(SOURCE)))
    }


def _there(department: Department) -> set[tuple[str, str]]:
    return set(Connection.objects.filter(department=department, removed_at=None).values_list("slug", "connector"))


def _named(definition: Definition) -> Iterator[tuple[str, str, str, str]]:
    """Step, place of the field, connector and name."""
    for node in running(definition):
        kind = kinds().get(node.kind)
        for place, source, name in chosen(node.given, kind.Params) if kind else ():
            if source.startswith(SOURCE) and not params.is_template(name):
                yield node.id, f"with.{place}", source.removeprefix(SOURCE), name
