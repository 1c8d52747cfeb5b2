"""The administrator's desk: what needs somebody, above the tables of the administration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from audit import sql
from audit.standing import standing
from workflows.services.progress import progress

Index = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure, whether somebody should look, and the list that says more. `shown` is the figure as text."""

    title: str
    shown: str
    needs_somebody: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """`troubles` are sentences for whoever is on call."""

    lines: list[Line]
    troubles: list[str]


def with_desk(index: Index) -> Index:
    """The first page of the administration, with the desk in its context."""

    def shown(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return index(request, {**(extra_context or {}), "desk": desk()})

    return shown


def desk() -> Desk:
    """A dozen short queries, each answered by an index or over rows that are few."""
    now = progress()
    return Desk([*_work(now.overdue_s), *_ways(), *_money()], [*now.troubles, *standing().troubles.values()])


def _work(overdue_s: float) -> Iterator[Line]:
    ready, running, parked = _numbers(_STEPS)
    failed, live = _numbers(_RUNS)
    yield Line(_("Runs under way"), str(live), address=_listed("run"))
    yield Line(_("Steps that are ready"), str(ready), address=_listed("steprun", "status__exact=ready"))
    yield Line(_("Steps that run"), str(running), address=_listed("steprun", "status__exact=running"))
    yield Line(_("Oldest overdue"), _("%(seconds).0f s") % {"seconds": overdue_s}, overdue_s > LATE_S)
    yield Line(
        _("Steps that need a person"), str(parked), parked > 0, address=_listed("steprun", "status__exact=parked")
    )
    yield Line(_("Failed in the last day"), str(failed), failed > 0, address=_listed("run", "status__exact=failed"))


def _ways() -> Iterator[Line]:
    triggers, subscriptions, notices = _numbers(_FAILING)
    yield Line(_("Triggers that fail"), str(triggers), triggers > 0, _listed("trigger", "health__exact=fails"))
    yield Line(
        _("Systems that cannot be told"),
        str(subscriptions),
        subscriptions > 0,
        _listed("subscription", "health__exact=fails"),
    )
    yield Line(
        _("Mails that were not taken"),
        str(notices),
        notices > 0,
        f"{reverse('admin:departments_notice_changelist')}?status__exact=failed",
    )


def _money() -> Iterator[Line]:
    found = sql.row(_SPENT, [])
    spent = number_format(found[0] if found else 0, 2)
    yield Line(_("Spent on models this month"), f"${spent}", address=reverse("admin:connectors_spending_changelist"))


LATE_S = 60.0
"""From here on what is late is nobody's turn any more: a scheduler goes its round every few seconds."""


def _listed(model: str, filtered: str = "") -> str:
    return f"{reverse(f'admin:workflows_{model}_changelist')}{'?' if filtered else ''}{filtered}"


def _numbers(statement: str) -> list[int]:
    found = sql.row(statement, [])
    assert found is not None
    return [int(number) for number in found]


_STEPS = """
SELECT (SELECT count(*) FROM workflows_steprun WHERE status = 'ready'),
    (SELECT count(*) FROM workflows_steprun WHERE status = 'running'),
    (SELECT count(*) FROM workflows_steprun WHERE status = 'parked')
"""
# Ids begin with their time: the primary key finds those of the last day, once the id is known (so a SELECT more).
_RUNS = """
SELECT (SELECT count(*) FROM workflows_run WHERE status = 'failed' AND id >= (SELECT (
        lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 86400000), 12, '0')
        || '00000000000000000000')::uuid)),
    (SELECT count(*) FROM workflows_run WHERE status NOT IN ('succeeded', 'failed', 'cancelled'))
"""
_FAILING = """
SELECT (SELECT count(*) FROM workflows_trigger WHERE health = 'fails' AND enabled AND removed_at IS NULL),
    (SELECT count(*) FROM workflows_subscription WHERE health = 'fails' AND enabled AND removed_at IS NULL),
    (SELECT count(*) FROM departments_notice WHERE status = 'failed')
"""
_SPENT = """
SELECT coalesce(sum(spent_usd), 0) FROM connectors_spending
WHERE month = (SELECT date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC')::date) AND subject = department_id
"""
