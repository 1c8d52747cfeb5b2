"""Sharing a workflow with people outside: they use it and see what they started themselves, and nothing else of it.

Runs belong to the department of the workflow: its connections, its budget, its people. Its managers lend it. What is
lent lies behind the second wall of whoever uses it, so it is looked up beyond, and its department then admitted for
this request (audit/wall.py).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from audit import wall
from audit.people import named
from audit.services import record
from departments.access import Actor, Verb, require, require_manager
from departments.models import Department, Role, User
from departments.notices import notify
from workflows.models import Run, Share, StoredFile, Workflow
from workflows.services.refusals import Conflict, PermissionDenied, ValidationError


def share_with_person(workflow: Workflow, email: str, *, actor: Actor) -> Share:
    """Raises ValidationError (nobody has this address), Conflict (shared already), PermissionDenied."""
    require_manager(actor, workflow.department)
    person = User.objects.filter(email__iexact=email.strip(), is_active=True).first() if email.strip() else None
    if person is None:
        raise ValidationError({"email": "Nobody with this address can sign in here. Ask an administrator to add them."})
    return _share(Share(workflow=workflow, person=person, shared_by=actor.label), actor)


def share_with_department(workflow: Workflow, department: Department, role: str = "", *, actor: Actor) -> Share:
    """With all people of the department, or with those of one role there. Raises as `share_with_person` does."""
    require_manager(actor, workflow.department)
    if role not in ("", *Role.values):
        raise ValidationError({"role": f"There is no role {role!r}. Choose one of: {', '.join(Role.values)}."})
    return _share(Share(workflow=workflow, to_department=department, role=role, shared_by=actor.label), actor)


def end_share(share: Share, *, actor: Actor) -> None:
    """From now on they can neither start it nor see what they started. Runs under way go on. Twice is once."""
    workflow = share.workflow
    require_manager(actor, workflow.department)
    with transaction.atomic():
        if not Share.objects.filter(pk=share.pk).delete()[0]:
            return
        record(
            "workflow.share_ended",
            actor=actor,
            department=workflow.department.slug,
            thing=workflow,
            whom=_whom(share),
        )


def lent_to(actor: Actor) -> list[Workflow]:
    """What the actor may use of departments in which they have no role; by department and name. One query."""
    rows = _usable(actor).exclude(department__in=actor.departments())
    with wall.beyond():
        return list(rows.select_related("department").order_by("department__name", "name"))


def find_lent(actor: Actor, pk: UUID) -> Workflow | None:
    rows = _usable(actor).select_related("department", "live", "owner")
    return _admitted(rows.filter(pk=pk))


def find_own_run(actor: Actor, pk: UUID) -> Run | None:
    """A run that the actor has started of a workflow that is shared with them still."""
    rows = _own_runs(actor).select_related("workflow", "version", "department")
    return _admitted(rows.filter(pk=pk))


def find_own_file(actor: Actor, pk: UUID) -> StoredFile | None:
    """A file that went into such a run, or stands in its result."""
    with wall.beyond():
        stored = StoredFile.objects.filter(pk=pk).first()
        if stored is None or not any(map(stored.stands_in, _told_of(actor, stored))):
            return None
    return _admitted(StoredFile.objects.filter(pk=pk))


def _told_of(actor: Actor, stored: StoredFile) -> QuerySet[Run, tuple[Any, Any]]:
    """What went in and came out of the actor's own runs there, wherever its id is written."""
    written = Q(output__icontains=str(stored.pk)) | Q(inputs__icontains=str(stored.pk))
    rows = _own_runs(actor).filter(written, department=stored.department_id)
    return rows.values_list("inputs", "output")


def own_runs(actor: Actor, workflow: Workflow) -> QuerySet[Run]:
    return Run.objects.live().filter(workflow=workflow, starter_kind=actor.kind, starter_id=actor.id)


def may_use(actor: Actor, workflow: Workflow) -> bool:
    """Whether they may start it by their role, or because it is shared with them."""
    return actor.may(Verb.RUN, workflow.department_id) or _usable(actor).filter(pk=workflow.pk).exists()


def require_use(actor: Actor, workflow: Workflow) -> None:
    """Raises PermissionDenied."""
    if not may_use(actor, workflow):
        require(actor, Verb.RUN, workflow.department)


def has_lent(actor: Actor, run: Run) -> bool:
    """Whether it is the actor's own, of a workflow that is shared with them."""
    return actor.kind == "person" and _own_runs(actor).filter(pk=run.pk).exists()


def require_reader(actor: Actor, file: StoredFile) -> None:
    """Raises PermissionDenied for a file that is neither of the actor's departments nor their own result."""
    if not actor.may(Verb.VIEW, file.department_id) and find_own_file(actor, file.pk) is None:
        raise PermissionDenied(f"{actor.label} may not read this file.")


def _share(share: Share, actor: Actor) -> Share:
    workflow = share.workflow
    try:
        with transaction.atomic():
            share.save(force_insert=True)
            record(
                "workflow.shared", actor=actor, department=workflow.department.slug, thing=workflow, whom=_whom(share)
            )
            _tell(share)
    except IntegrityError:
        raise Conflict(f"“{workflow.name}” is shared with {share} already.") from None
    return share


def _whom(share: Share) -> str | dict[str, str]:
    return named(share.person) or str(share)


def _tell(share: Share) -> None:
    """The one person; a department is told by its own people."""
    if share.person is None:
        return
    said = {"who": share.shared_by, "workflow": share.workflow.name}
    subject = _("%(who)s has shared “%(workflow)s” with you") % said
    address = settings.PUBLIC_URL + reverse("shared", args=[share.workflow_id])
    notify(share.person, key=f"share:{share.pk}", kind="share", subject=subject, text=f"{subject}.\n\n{address}")


def _shares(actor: Actor) -> QuerySet[Share]:
    if actor.kind != "person":
        return Share.objects.none()
    mine = Q(person=actor.id)
    for department, roles in actor.roles.items():
        mine |= Q(to_department=department, role__in=["", *roles])
    return Share.objects.filter(mine)


def _usable(actor: Actor) -> QuerySet[Workflow]:
    live = Workflow.objects.filter(archived_at=None, live__isnull=False)
    return live.filter(pk__in=_shares(actor).values("workflow"))


def _own_runs(actor: Actor) -> QuerySet[Run]:
    rows = Run.objects.live().filter(starter_kind=actor.kind, starter_id=actor.id)
    return rows.filter(workflow__in=_shares(actor).values("workflow"))


def _admitted(rows: QuerySet[Any]) -> Any:
    with wall.beyond():
        found: Model | None = rows.first()
    if found is not None:
        wall.admit(found.department_id)  # type: ignore[attr-defined]
    return found
