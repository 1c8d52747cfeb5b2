"""How long the contents of runs are kept, and taking them away: by age for a workflow, or at once for one run.

What a run was given, asked, answered and made goes; that it ran, when, by whom, at what cost and who decided stays, and
so does the ledger, which holds none of it. Under a legal hold nothing goes.
"""

from __future__ import annotations

import logging
import time
from typing import Final
from uuid import UUID

from django.db import Error, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from audit import sql
from audit.payloads import Words
from audit.services import record
from departments import erasures
from departments.access import SYSTEM, Actor, require_manager
from departments.models import Department, LegalHold
from workflows.models import Run, RunStatus, Workflow
from workflows.models.states import RUN_OVER
from workflows.runtime import emptying
from workflows.services.refusals import Conflict, ValidationError

log = logging.getLogger(__name__)
LONGEST_DAYS: Final = 3650
LONGEST_REASON: Final = 500
AT_A_TIME: Final = 500
EVERY_S: Final = 3600.0
"""Days are counted; and whether others have a file, too, is asked of all runs since."""


def keep_for(workflow: Workflow, days: int | None, *, actor: Actor) -> None:
    """So many days after their end; None: for ever. Raises PermissionDenied, ValidationError."""
    require_manager(actor, workflow.department)
    if days is not None and not (isinstance(days, int) and 1 <= days <= LONGEST_DAYS):
        raise ValidationError({"days": _("From 1 to %(most)s days, or nothing.") % {"most": f"{LONGEST_DAYS:,}"}})
    with transaction.atomic():
        if not Workflow.objects.filter(pk=workflow.pk).exclude(keeps_days=days).update(keeps_days=days):
            return
        slug = workflow.department.slug
        record("workflow.retention_changed", actor=actor, department=slug, thing=workflow, days=days)
    workflow.keeps_days = days


def erase_contents(run: Run, reason: str, *, actor: Actor) -> None:
    """Of one run that is over, with all that ran inside it. Twice is once.

    Raises PermissionDenied, ValidationError without a reason, Conflict while it goes on, for a part, under a hold.
    """
    require_manager(actor, run.department)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why, like “the contract was withdrawn”.")})
    with transaction.atomic():
        locked = Run.objects.select_for_update().get(pk=run.pk)
        _require_erasable(locked)
        if locked.erased_at is not None:
            return
        left = emptying.empty([run.pk])
        why, slug = Words(reason.strip()[:LONGEST_REASON]), run.department.slug
        record("run.contents_erased", actor=actor, department=slug, thing=run, run_id=run.pk, reason=why)
        transaction.on_commit(left.take_away)
        transaction.on_commit(lambda: erasures.add(str(run.pk), kind=erasures.RUN))
    run.refresh_from_db()


def replay() -> None:
    """Again what was erased by hand and a restored backup has brought back (rule A11). What is old goes by its age."""
    known = erasures.register(kind=erasures.RUN)
    rows = Run.objects.filter(pk__in=known, erased_at=None).select_related("workflow", "department")
    for run in rows.filter(status__in=RUN_OVER) if known else ():
        with transaction.atomic():
            left = emptying.empty([run.pk])
            slug = run.department.slug
            record("run.contents_erased", actor=SYSTEM, department=slug, thing=run, run_id=run.pk, again=True)
            transaction.on_commit(left.take_away)


def _require_erasable(run: Run) -> None:
    if run.parent_id is not None:
        raise Conflict(_("This is a part of another run. Erase the contents of the run around it."))
    if not RunStatus(run.status).is_over:
        raise Conflict(_("The run is not over. Cancel it first, or wait for its end."))
    if is_held(run.department):
        raise Conflict(_("A legal hold is on %(name)s: nothing is erased there.") % {"name": run.department.name})


def is_held(department: Department) -> bool:
    return LegalHold.objects.filter(department=department, lifted_at=None).exists()


class Rounds:
    """A part of the scheduler's sweep, once an hour; at once again while there is more."""

    def __init__(self) -> None:
        self._next = 0.0

    def strike(self) -> int:
        """How many runs were emptied."""
        if time.monotonic() < self._next:
            return 0
        done = sum(_erase_old(*row) for row in sql.rows(_KEEPING, []))
        self._next = 0.0 if done >= AT_A_TIME else time.monotonic() + EVERY_S
        return done


def _erase_old(workflow_id: UUID, days: int) -> int:
    """The oldest of one workflow; other schedulers wait, and find them done."""
    try:
        with transaction.atomic():
            workflow = Workflow.objects.select_for_update(of=("self",)).select_related("department").get(pk=workflow_id)
            if is_held(workflow.department):
                return 0
            runs = [id for (id,) in sql.rows(_OLD, [workflow_id, workflow.erased_until, days, AT_A_TIME])]
            return _erase(workflow, runs) if runs else 0
    except Error:
        log.exception("retention.failed: old runs of %s are looked at again in an hour", workflow_id)
        return 0


def _erase(workflow: Workflow, runs: list[UUID]) -> int:
    left = emptying.empty(runs)
    until = Run.objects.filter(pk__in=runs).aggregate(until=Max("finished_at"))["until"]
    Workflow.objects.filter(pk=workflow.pk).update(erased_until=until)
    for run in Run.objects.filter(pk__in=runs).select_related("workflow"):
        slug = workflow.department.slug
        record("run.contents_erased", actor=SYSTEM, department=slug, thing=run, run_id=run.pk, days=workflow.keeps_days)
    transaction.on_commit(left.take_away)
    return len(runs)


_KEEPING = "SELECT id, keeps_days FROM workflows_workflow WHERE keeps_days IS NOT NULL"

# Found by the index of ended runs; what was looked at before is passed over by its end.
_OLD = """
SELECT id FROM workflows_run
WHERE workflow_id = %s AND parent_id IS NULL AND finished_at >= coalesce(%s, '-infinity'::timestamptz)
    AND finished_at < (SELECT clock_timestamp()) - make_interval(days => %s)
    AND erased_at IS NULL AND status IN ('succeeded', 'failed', 'cancelled')
ORDER BY finished_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
