"""What the scheduler does for series: start the next rows where there is room, and say when all is over.

A series is locked while its rows are started, so that no row starts twice however many schedulers there are (E12).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext as _

from departments import notices
from departments.access import Actor
from departments.models import Role, User
from workflows.models import Priority, RowState, RunStatus, Series, SeriesRow
from workflows.services.firing import in_words
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.runs import retry_run, start_run
from workflows.services.series import Progress, progress_of
from workflows.services.sheets import asked_of, given_by

log = logging.getLogger(__name__)

AT_A_TIME = 20
"""Rows started in one transaction."""
AT_ONE_STRIKE = 20
QUIET = timedelta(seconds=5)
"""How long a series is left alone in which nothing could be done."""

TO_DO = (RowState.WAITING, RowState.AGAIN)
ENDED = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED)


def strike() -> int:
    """Part of the sweep; how many rows were started."""
    due = Series.objects.filter(finished_at=None, look_at__lte=Now()).order_by("look_at")
    return sum(_take_turn(id) for id in due.values_list("pk", flat=True)[:AT_ONE_STRIKE])


def _take_turn(id: UUID) -> int:
    with transaction.atomic():
        free = Series.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=id, finished_at=None)
        series = free.select_related("workflow__department", "workflow__live", "department").first()
        if series is None:
            return 0
        rows = list(series.rows.select_related("run").filter(state__in=TO_DO)[: _room(series)])
        for row in rows:
            _start(series, row)
        if not rows and _is_over(series):
            _finish(series)
        elif not rows:
            Series.objects.filter(pk=id).update(look_at=Now() + QUIET)
    return len(rows)


def _room(series: Series) -> int:
    """Runs that wait for people or for their time leave their place to others."""
    busy = series.rows.filter(run__status__in=[RunStatus.QUEUED, RunStatus.RUNNING]).exclude(state=RowState.AGAIN)
    return max(0, min(series.at_once - busy.count(), AT_A_TIME))


def _start(series: Series, row: SeriesRow) -> None:
    run_before = row.run_id
    try:
        # A savepoint: what is refused in there must not undo what the others have come to.
        with transaction.atomic():
            row.run, row.state, row.said = _run_of(series, row), RowState.STARTED, ""
    except ValidationError as error:
        row.state, row.said = RowState.REFUSED, in_words(error)
    except Conflict as error:
        row.state, row.said = RowState.REFUSED, str(error)
    except (OperationalError, InterfaceError):
        raise
    except Exception as defect:  # a row that is the end of its turn would be the end of all rows behind it
        log.exception("series.defect: row %s of %s", row.number, series.pk)
        row.run_id, row.state = run_before, RowState.REFUSED
        row.said = f"An error in Tandem ({type(defect).__name__}). The log says more."
    row.save(update_fields=["run", "state", "said"])


def _run_of(series: Series, row: SeriesRow) -> Any:
    actor = _actor(series)
    if row.run is not None and row.run.status == RunStatus.FAILED:
        return retry_run(row.run, actor=actor)
    given = given_by(row.values, series.inputs, asked_of(series.workflow))
    return start_run(series.workflow, inputs=given, actor=actor, priority=Priority.BULK)


def _actor(series: Series) -> Actor:
    """Whoever handed the table in has started its runs, and no more than that is done in their name."""
    roles = {series.department_id: frozenset({Role.OPERATOR.value})}
    return Actor(kind=series.starter_kind, id=series.starter_id, label=series.started_by, roles=roles)


def _is_over(series: Series) -> bool:
    under_way = Q(run__isnull=False) & ~Q(run__status__in=ENDED)
    return not series.rows.filter(Q(state__in=TO_DO) | under_way).exists()


def _finish(series: Series) -> None:
    Series.objects.filter(pk=series.pk).update(finished_at=Now())
    person = User.objects.filter(pk=series.starter_id).first() if series.starter_kind == "person" else None
    if person is not None:
        _tell(series, person, progress_of(series))


def _tell(series: Series, person: User, found: Progress) -> None:
    facts = {"title": series.title, "workflow": series.workflow.name, "good": found.succeeded, "all": found.total}
    address = settings.PUBLIC_URL + reverse("series", args=[series.pk])
    notices.notify(
        person,
        key=f"series {series.pk} {series.stopped_at or ''} {found.succeeded} {found.failed}",
        kind="series",
        subject=_("%(good)s of %(all)s rows have succeeded: %(title)s") % facts,
        text=_("All rows of “%(title)s” are through “%(workflow)s”: %(good)s of %(all)s have succeeded.") % facts
        + f"\n\n{address}",
        department=series.department,
    )
