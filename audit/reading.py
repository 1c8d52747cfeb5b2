"""Searching the ledger, newest first."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.models import Entry
from audit.people import looked_for, spoken_of

PAGE_SIZE = 50
SERVER = "-"  # as a department in a question: what belongs to none
IN_ADMINISTRATION = "in_admin"  # as a verb in a question: everything done in the administration


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody looks for; an empty field asks for everything. Days are whole and in the current time zone."""

    text: str = ""
    department: str = ""
    person: str = ""
    verb: str = ""
    since: date | None = None
    until: date | None = None
    before: UUID | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`older` is what to ask as `before` for the next page, None on the last one."""

    entries: list[Entry]
    older: UUID | None


def find(question: Question, departments: Collection[str] | None, size: int = PAGE_SIZE) -> Page:
    """One page of the entries of these departments (slugs); None stands for everything, the server's own included.

    Pages hang on the last id seen, so that entries written meanwhile neither repeat nor hide a line.
    """
    found = list(_matching(question, departments).order_by("-id")[: size + 1])
    entries = found[:size]
    return Page(entries=entries, older=entries[-1].pk if len(found) > size else None)


def _matching(question: Question, departments: Collection[str] | None) -> QuerySet[Entry]:
    rows: QuerySet[Entry] = Entry.objects.shown()
    if departments is not None:
        rows = rows.filter(department__in=departments)
    if question.before:
        rows = rows.filter(id__lt=question.before)
    if question.department:
        rows = rows.filter(department="" if question.department == SERVER else question.department)
    if question.person:
        rows = rows.filter(looked_for(question.person))
    if question.verb:
        rows = rows.filter(_verb(question.verb))
    if question.text:
        rows = rows.filter(_text(question.text))
    if question.since:
        rows = rows.filter(at__gte=_midnight(question.since))
    if question.until:
        rows = rows.filter(at__lt=_midnight(question.until + timedelta(days=1)))
    return rows


def _verb(verb: str) -> Q:
    return Q(verb__endswith=f"_{IN_ADMINISTRATION}") if verb == IN_ADMINISTRATION else Q(verb=verb)


def _text(text: str) -> Q:
    return spoken_of(text) | looked_for(text) | Q(verb__icontains=text)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
