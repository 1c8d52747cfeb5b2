"""Starting, cancelling and going on with runs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import transaction
from django.db.models.functions import Now

from audit import exporting, sql
from audit.services import Deed, deed, record
from departments.access import Actor, Verb, require, require_repair
from departments.models import Department
from workflows.models import Priority, Run, RunMode, Version, Workflow
from workflows.runtime import accepting, ending, inputs, limits, store
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import Journey
from workflows.services import reopening
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.sharing import has_lent, require_use


def start_run(
    workflow: Workflow,
    *,
    inputs: Mapping[str, Any],
    actor: Actor,
    mode: str = RunMode.LIVE,
    priority: int = Priority.INTERACTIVE,
    title: str = "",
) -> Run:
    """As `accept_run`, for who does not look at the steps."""
    return accept_run(workflow, inputs=inputs, actor=actor, mode=mode, priority=priority, title=title).run


def accept_run(
    workflow: Workflow,
    *,
    inputs: Mapping[str, Any],
    actor: Actor,
    mode: str = RunMode.LIVE,
    priority: int = Priority.INTERACTIVE,
    title: str = "",
) -> Journey:
    """Accept a run of the live version; once this returns it is never lost. The run may be at its end already.

    Raises ValidationError keyed by input, PermissionDenied, Conflict when nothing is published.
    """
    require_use(actor, workflow)
    if workflow.live_id is None or workflow.archived_at is not None:
        raise Conflict(f"“{workflow.name}” has no published version. Publish it first.")

    given = _checked(workflow.live_id, inputs, workflow.department_id)
    # Whatever fails in here undoes the idempotency key around it as well: no savepoint.
    with transaction.atomic(savepoint=False):
        now = store.clock()
        run = Run(
            id=uuid.uuid7(),
            department=workflow.department,
            workflow=workflow,
            version_id=workflow.live_id,
            mode=mode,
            priority=priority,
            title=title.strip()[:200] or title_from(given) or workflow.name,
            inputs=given,
            started_by=actor.label,
            starter_kind=actor.kind,
            starter_id=actor.id,
            created_at=now,
            handed_out_at=now,
            expires_at=now + limits.RUN_LIFETIME,
        )
        accepted = accepting.accept(run, _started(run, actor))
        fault_point("before_run_commit")
    return accepted


def find_startable(actor: Actor, *, id: UUID | None = None, slug: str = "") -> Workflow | None:
    """The workflow in the actor's departments, with just what a start needs. One prepared statement."""
    found = sql.row(_STARTABLE, [id, slug, actor.departments(Verb.VIEW)])
    if found is None:
        return None
    parts = [found[: len(_WORKFLOW)], found[len(_WORKFLOW) : -len(_VERSION)], found[-len(_VERSION) :]]
    workflow = Workflow.from_db("default", _WORKFLOW, parts[0])
    workflow.department = Department.from_db("default", _DEPARTMENT, parts[1])
    if workflow.live_id is not None:
        workflow.live = Version.from_db("default", _VERSION, parts[2])
    return workflow


def cancel_run(run: Run, *, actor: Actor) -> Run:
    """End the run and everything inside it now. Raises Conflict when it is over already."""
    if not has_lent(actor, run):
        require_repair(actor, run.department)
    with transaction.atomic():
        locked = store.lock_run(run.pk)
        if locked is None:
            raise Conflict("The run is at its end already; there is nothing left to cancel.")
        if locked.parent_id is not None:
            raise Conflict("This is a part of another run. Cancel the run around it.")
        ending.cancel(locked)
        Run.objects.filter(pk=run.pk).update(cancel_asked_at=Now())
        record("run.cancelled", actor=actor, department=run.department.slug, thing=run, run_id=run.pk)
    run.refresh_from_db()
    return run


def retry_run(run: Run, *, actor: Actor) -> Run:
    """Go on at the failed step with the version the run has; finished steps are not repeated."""
    return _go_on(run, actor, "run.retried", version_id=run.version_id)


def resume_run(run: Run, *, actor: Actor) -> Run:
    """Go on at the failed step with the workflow's live version; finished steps are not repeated."""
    if run.is_test:
        raise Conflict("This is a test: it has no newest version to go on with. Test the draft again.")
    live = Workflow.objects.values_list("live_id", flat=True).get(pk=run.workflow_id)
    return _go_on(run, actor, "run.resumed", version_id=live or run.version_id)


def record_taken(run: Run, content: bytes, *, actor: Actor) -> None:
    """Somebody takes the record along as this file."""
    require(actor, Verb.VIEW, run.department)
    with transaction.atomic():
        record(
            "run.record_taken",
            actor=actor,
            department=run.department.slug,
            thing=run,
            run_id=run.pk,
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )


def take_ledger(run: Run, *, actor: Actor) -> str:
    """What the ledger has about the run, with the proof of each entry. Somebody takes it along."""
    require(actor, Verb.VIEW, run.department)
    content = exporting.bundle(run.pk)
    with transaction.atomic():
        record("ledger.run_taken", actor=actor, department=run.department.slug, thing=run, run_id=run.pk)
    return content


def title_from(inputs: Mapping[str, Any]) -> str:
    """The first text or file name among the inputs, shortened: what a person would call this run."""
    for value in inputs.values():
        if isinstance(value, str) and value.strip():
            line = value.strip().splitlines()[0]
            return line if len(line) <= 80 else f"{line[:79].rstrip()}…"
        if isinstance(value, dict) and value.get("name"):
            return str(value["name"])[:80]
    return ""


def _started(run: Run, actor: Actor) -> Deed:
    return deed(
        "run.started",
        actor=actor,
        department=run.department.slug,
        thing=run,
        run_id=run.pk,
        opened_at=run.created_at,
        workflow=run.workflow.name,
    )


def _checked(version_id: UUID, given: Mapping[str, Any], department_id: UUID) -> dict[str, Any]:
    try:
        return inputs.for_version(version_id, given, department_id)
    except inputs.BadInputs as error:
        raise ValidationError(error.fields) from None


def _go_on(run: Run, actor: Actor, verb: str, *, version_id: UUID) -> Run:
    require_repair(actor, run.department)
    with transaction.atomic():
        locked = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
        if locked.parent_id is not None:
            raise Conflict("This is a part of another run. Go on with the run around it.")
        if locked.erased_at is not None:
            raise Conflict("The contents of this run were erased, so that it cannot go on. Start it again.")
        reopening.reopen(locked, version_id)
        record(verb, actor=actor, department=run.department.slug, thing=run, run_id=run.pk)
    run.refresh_from_db()
    return run


_WORKFLOW = sql.columns(Workflow, "id", "name", "slug", "department_id", "live_id", "archived_at")
_DEPARTMENT = sql.columns(Department, "id", "name", "slug")
_VERSION = sql.columns(Version, "id", "number")
_COLUMNS = ", ".join(
    [
        sql.selected("workflow", _WORKFLOW),
        sql.selected("department", _DEPARTMENT),
        sql.selected("version", _VERSION),
    ]
)
_STARTABLE = f"""
SELECT {_COLUMNS} FROM workflows_workflow AS workflow
JOIN departments_department AS department ON department.id = workflow.department_id
LEFT JOIN workflows_version AS version ON version.id = workflow.live_id
WHERE (workflow.id = %s OR workflow.slug = %s) AND workflow.department_id = ANY(%s)
"""
