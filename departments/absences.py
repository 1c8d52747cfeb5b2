"""Who is away, and who stands in: permission, change and ledger in one transaction.

An absence is written in days, and a person may belong to departments in several time zones. The rule: somebody is away
from when the first day begins in the first of their departments until the last day has ended in the last of them. Of
somebody in no department, the days are those of the server's own time zone.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from audit.people import named
from audit.services import record
from departments.access import Actor, Verb
from departments.models import Absence, Department, Membership, User


@transaction.atomic
def plan_absence(
    user: User, starts: date, ends: date, *, stand_in: User | None = None, note: str = "", actor: Actor
) -> Absence:
    """A person's own deed, or one of whoever manages a department of theirs.

    Raises ValidationError when the days are over or planned already, and for a stand-in who shares no department with
    the person, may not sign in, or is stood in for by the person on one of the days.
    """
    _require_planner(actor, user)
    _one_plan_at_a_time()
    absence = Absence(user=user, starts=starts, ends=ends, stand_in=stand_in, note=note)
    absence.full_clean()
    if ends < today_of(user):
        raise ValidationError({"ends": _("These days are over. Choose a last day from today on.")})
    _refuse_second_absence(absence)
    if stand_in is not None:
        _refuse_stand_in(absence, stand_in)

    absence.save()
    _record("absence.planned", absence, actor)
    return absence


@transaction.atomic
def end_absence(absence: Absence, *, actor: Actor) -> None:
    """The person is back at once; an absence of which no day has passed is gone.

    Raises ValidationError for one that is over.
    """
    _require_planner(actor, absence.user)
    _one_plan_at_a_time()
    absence.refresh_from_db()
    today = today_of(absence.user)
    if absence.ends < today:
        raise ValidationError(_("This absence is over. There is nothing left to end."))

    _record("absence.ended", absence, actor)
    if absence.starts >= today:
        absence.delete()
    else:
        absence.ends = today - timedelta(days=1)
        absence.save(update_fields=["ends"])


def absence_at(user: User, at: datetime) -> Absence | None:
    """The absence that keeps the person away at that moment."""
    days = _days_at(user, at)
    return user.absences.filter(starts__lte=max(days), ends__gte=min(days)).select_related("stand_in").first()


def stand_in_for(user: User, at: datetime) -> User | None:
    """Who acts for somebody who is away: the first of their stand-in, the stand-in's stand-in … who is present.

    None when the person is present, when the chain ends in nobody, and when it comes to somebody who may not sign in.
    What the stand-in may do in a department is asked there as ever.
    """
    absence, seen = absence_at(user, at), {user.pk}
    while absence is not None:
        stand_in = absence.stand_in
        # Days in other time zones may touch where the dates did not, so a ring is looked for here as well.
        if stand_in is None or not stand_in.is_active or stand_in.pk in seen:
            return None
        seen.add(stand_in.pk)
        absence = absence_at(stand_in, at)
        if absence is None:
            return stand_in
    return None


def may_plan_for(actor: Actor, user: User) -> bool:
    """The person, a manager of one of their departments, or an administrator."""
    if actor.kind == "system" or actor.is_administrator or (actor.kind == "person" and actor.id == str(user.pk)):
        return True
    return user.memberships.filter(department__in=actor.departments(Verb.MANAGE)).exists()


def departments_of(user: User) -> list[Department]:
    """Where the person holds a role, each once."""
    return list(Department.objects.filter(memberships__user=user).distinct())


def colleagues_of(user: User) -> QuerySet[User]:
    """Who may stand in for the person: everybody active in one of their departments."""
    theirs = Membership.objects.filter(department__in=departments_of(user)).values("user")
    return User.objects.filter(pk__in=theirs, is_active=True).exclude(pk=user.pk)


def today_of(user: User) -> date:
    """The day that it is in the last of the person's departments: earlier ones are over everywhere."""
    return min(_days_at(user, timezone.now()))


def _require_planner(actor: Actor, user: User) -> None:
    if not may_plan_for(actor, user):
        raise PermissionDenied(f"{actor.label} may not plan the absence of {user}.")


def _one_plan_at_a_time() -> None:
    """Two plans that each look right may be wrong together: the same day twice, or a ring of stand-ins."""
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {Absence._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _days_at(user: User, moment: datetime) -> set[date]:
    """Which day it is, in each time zone of the person's departments: one day or two."""
    zones = {department.time_zone for department in departments_of(user)} or {settings.TIME_ZONE}
    return {moment.astimezone(ZoneInfo(zone)).date() for zone in zones}


def _refuse_second_absence(absence: Absence) -> None:
    other = absence.user.absences.filter(starts__lte=absence.ends, ends__gte=absence.starts).first()
    if other is not None:
        said = _("%(name)s is away already from %(starts)s to %(ends)s. End that absence first, or choose other days.")
        first, last = date_format(other.starts, "j F Y"), date_format(other.ends, "j F Y")
        raise ValidationError(said % {"name": absence.user, "starts": first, "ends": last})


def _refuse_stand_in(absence: Absence, stand_in: User) -> None:
    if not stand_in.is_active:
        said = _("%(name)s may not sign in. Choose somebody else as the stand-in.")
        raise ValidationError({"stand_in": said % {"name": stand_in}})
    if not set(departments_of(absence.user)) & set(departments_of(stand_in)):
        said = _("%(name)s is in none of the departments of %(person)s. Choose somebody from one of them.")
        raise ValidationError({"stand_in": said % {"name": stand_in, "person": absence.user}})
    if _comes_back(absence.user, stand_in, absence.starts, absence.ends):
        said = _("%(name)s is away on some of these days, and %(person)s is to stand in then. Choose somebody else.")
        raise ValidationError({"stand_in": said % {"name": stand_in, "person": absence.user}})


def _comes_back(user: User, stand_in: User, starts: date, ends: date) -> bool:
    """Whether the chain of stand-ins leads back to `user` on one of the days.

    It ends, because no plan was ever let in that makes a ring.
    """
    if stand_in == user:
        return True
    away = stand_in.absences.filter(starts__lte=ends, ends__gte=starts, stand_in__isnull=False)
    return any(
        _comes_back(user, next_in.stand_in, max(starts, next_in.starts), min(ends, next_in.ends))
        for next_in in away.select_related("stand_in")
        if next_in.stand_in is not None
    )


def _record(verb: str, absence: Absence, actor: Actor) -> None:
    """In each department of the person, whose manager is to know; the note is theirs, and stays out."""
    detail: dict[str, Any] = {"starts": absence.starts.isoformat(), "ends": absence.ends.isoformat()}
    detail["stand_in"] = named(absence.stand_in)
    for slug in [department.slug for department in departments_of(absence.user)] or [""]:
        record(verb, actor=actor, department=slug, thing=absence.user, **detail)
