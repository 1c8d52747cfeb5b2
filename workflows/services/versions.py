"""Published versions: which runs still keep to one, and bringing one back as the draft."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from audit.services import record
from departments.access import Actor, Verb, require
from workflows.models import Run, RunStatus, Version, Workflow
from workflows.services.drafting import Drafted, edit_draft

UNDER_WAY = tuple(status for status in RunStatus if not status.is_over)


def runs_under_way(workflow: Workflow) -> Mapping[UUID, int]:
    """Version → how many runs keep to it that are not over yet; versions without any are left out. One query."""
    rows = Run.objects.filter(workflow=workflow, parent=None, status__in=UNDER_WAY).order_by()
    return dict(rows.values_list("version").annotate(count=Count("pk")))


def restore_version(version: Version, *, actor: Actor, revision: int | None = None) -> Drafted:
    """Make the draft like this version, as one edit that can be undone. The workflow keeps its present name.

    Nothing is published, and the version itself stays as it is. Raises PermissionDenied, and StaleDraft when others
    have changed the draft since `revision`.
    """
    workflow = version.workflow
    require(actor, Verb.EDIT, workflow.department)
    edit = {"do": "replace", "definition": {**version.definition, "name": workflow.name}}
    with transaction.atomic():
        drafted = edit_draft(workflow, edit, actor=actor, revision=revision)
        record(
            "workflow.restored",
            actor=actor,
            department=workflow.department.slug,
            thing=workflow,
            version=version.number,
        )
    return drafted
