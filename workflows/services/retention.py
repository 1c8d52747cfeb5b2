"""How long the contents of runs are kept, and taking them away: by age for a workflow, or at once for one run.

What a run was given, asked, answered and made goes; that it ran, when, by whom, at what cost and who decided stays, and
so does the ledger, which holds none of it. Under a legal hold nothing goes.
"""

from __future__ import annotations

import logging
import threading
from typing import Final
from uuid import UUID

from django.db import Error, connection, transaction
from django.utils.translation import gettext as _

from audit import sql
from audit.payloads import Words
from audit.services import record
from departments import erasures, holds
from departments.access import SYSTEM, Actor, require_manager
from workflows.models import Decision, Run, RunStatus, Workflow
from workflows.models.states import RUN_OVER
from workflows.runtime import emptying
from workflows.services.refusals import Conflict, ValidationError

log = logging.getLogger(__name__)
LONGEST_DAYS: Final = 3650
LONGEST_REASON: Final = 500
AT_A_TIME: Final = 200
EVERY_S: Final = 3600.0


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
        holds.alone()  # first, as whoever erases a person does: else each could wait for the other
        locked = Run.objects.select_for_update(no_key=True).get(pk=run.pk)
        _require_erasable(locked)
        if locked.erased_at is not None:
            return
        left = emptying.empty([run.pk])
        why, slug = Words(reason.strip()[:LONGEST_REASON]), run.department.slug
        record("run.contents_erased", actor=actor, department=slug, thing=run, run_id=run.pk, reason=why)
        transaction.on_commit(lambda: erasures.add(str(run.pk), kind=erasures.RUN))
        transaction.on_commit(left.take_away, robust=True)
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
            transaction.on_commit(left.take_away, robust=True)


def _require_erasable(run: Run) -> None:
    if run.parent_id is not None:
        raise Conflict(_("This is a part of another run. Erase the contents of the run around it."))
    if not RunStatus(run.status).is_over:
        raise Conflict(_("The run is not over. Cancel it first, or wait for its end."))
    if holds.is_held(run.department):
        raise Conflict(_("A legal hold is on %(name)s: nothing is erased there.") % {"name": run.department.name})
    decided = Decision.objects.filter(task__run=run).values_list("by_id", flat=True)
    if sql.rows(_HELD, [[run.starter_id, *decided]]):
        raise Conflict(_("A legal hold is on somebody who started it or decided in it: it is not erased."))


class Keeper:
    """A loop beside the scheduler's sweep: once an hour what is older than its workflow keeps it, oldest first."""

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.round(stop)
            except Exception:
                log.exception("retention.failed: old runs are looked at again in an hour")
            sql.release()
            stop.wait(EVERY_S)

    def round(self, stop: threading.Event | None = None) -> int:
        """How many runs were emptied."""
        replay()
        done = 0
        for workflow_id, days in sql.rows(_KEEPING, []):
            while not (stop and stop.is_set()) and (some := _some(workflow_id, days)):
                done += some
        return done


def _some(workflow_id: UUID, days: int) -> int:
    """One at a time where many at once cannot be done."""
    for at_a_time in (AT_A_TIME, 1):
        try:
            return _erase_old(workflow_id, days, at_a_time)
        except Error:
            log.exception("retention.failed: %s old runs of %s", at_a_time, workflow_id)
            connection.close()
    return 0


@transaction.atomic
def _erase_old(workflow_id: UUID, days: int, at_a_time: int) -> int:
    """Other schedulers wait, and find it done; whoever sets a legal hold waits, too."""
    sql.execute("SET LOCAL statement_timeout = '5min'", [])
    rows = Workflow.objects.select_for_update(of=("self",), no_key=True).select_related("department")
    workflow = rows.get(pk=workflow_id)
    holds.alone()
    if holds.is_held(workflow.department):
        return 0
    runs = [id for (id,) in sql.rows(_OLD, [workflow_id, workflow.erased_until, days, at_a_time])]
    if not runs:
        return _erase_tables(workflow_id, days)
    left = emptying.empty(runs)
    sql.execute(_PASSED, [workflow_id, workflow.erased_until, runs, workflow_id])
    for run in Run.objects.filter(pk__in=runs).select_related("workflow"):
        slug = workflow.department.slug
        record("run.contents_erased", actor=SYSTEM, department=slug, thing=run, run_id=run.pk, days=days)
    transaction.on_commit(left.take_away, robust=True)
    return len(runs)


def _erase_tables(workflow_id: UUID, days: int) -> int:
    """When all that came of them is erased. Never counted: nothing is older than what they held."""
    left = emptying.empty_tables([id for (id,) in sql.rows(_OLD_TABLES, [workflow_id, days])])
    transaction.on_commit(left.take_away, robust=True)
    return 0


_KEEPING = "SELECT id, keeps_days FROM workflows_workflow WHERE keeps_days IS NOT NULL ORDER BY id"

_OF_WORKFLOW = """
workflow_id = %s AND parent_id IS NULL AND finished_at >= coalesce(%s, '-infinity'::timestamptz) AND erased_at IS NULL
"""

_PERSON_HELD = """EXISTS (
    SELECT 1 FROM departments_legalhold AS hold WHERE hold.lifted_at IS NULL AND hold.person_id IS NOT NULL AND (
        run.starter_id = hold.person_id::text OR EXISTS (
            SELECT 1 FROM workflows_task AS task JOIN workflows_decision AS decision ON decision.task_id = task.id
            WHERE task.run_id = run.id AND decision.by_id = hold.person_id::text
        )
    )
)"""

# Found by the index of ended runs. What somebody under a legal hold has started or decided stays.
_OLD = f"""
SELECT id FROM workflows_run AS run
WHERE {_OF_WORKFLOW} AND finished_at < (SELECT clock_timestamp()) - make_interval(days => %s)
    AND status IN ('succeeded', 'failed', 'cancelled') AND NOT {_PERSON_HELD}
ORDER BY finished_at LIMIT %s FOR UPDATE
"""

_OLD_TABLES = """
SELECT id FROM workflows_series AS series
WHERE workflow_id = %s AND finished_at < (SELECT clock_timestamp()) - make_interval(days => %s)
    AND file_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM workflows_seriesrow AS line JOIN workflows_run AS run ON run.id = line.run_id
        WHERE line.series_id = series.id AND run.erased_at IS NULL
    )
"""

_HELD = """
SELECT 1 FROM departments_legalhold AS hold WHERE hold.lifted_at IS NULL AND hold.person_id::text = ANY(%s) LIMIT 1
"""

# Up to the first that is not erased: nothing before it is looked at again.
_PASSED = f"""
UPDATE workflows_workflow SET erased_until = coalesce(
    (SELECT min(finished_at) FROM workflows_run WHERE {_OF_WORKFLOW}),
    (SELECT max(finished_at) FROM workflows_run WHERE id = ANY(%s))
) WHERE id = %s
"""
