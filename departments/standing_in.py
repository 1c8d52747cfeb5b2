"""For whom somebody acts today: themselves, and those who are away and have them as their stand-in."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from departments.absences import stand_in_for
from departments.models import Absence, User

ONE_DAY = timedelta(days=1)


def acts_for(user_id: UUID, at: datetime, own: User | None = None) -> list[User]:
    """The person first, then those whose chain of stand-ins ends in them at that moment. `own` is the row of one who is
    signed in.

    Two queries where nobody has named them, one where their row is known; some more for each person who may have.
    """
    own = own or User.objects.filter(pk=user_id, is_active=True).first()
    return [own, *(user for user in _may_have_named(user_id, at) if stand_in_for(user, at) == own)] if own else []


def _may_have_named(user_id: UUID, at: datetime) -> list[User]:
    """Everybody who is away about now and names the person, or somebody away who names the person, and so on."""
    found: dict[UUID, User] = {}
    names = {user_id}
    while names:
        # A day on each side: which date it is, depends on the time zones of the departments.
        about_now = Absence.objects.filter(starts__lte=at.date() + ONE_DAY, ends__gte=at.date() - ONE_DAY)
        rows = [row.user for row in about_now.filter(stand_in__in=names).select_related("user")]
        names = {user.pk for user in rows} - found.keys() - {user_id}
        found |= {user.pk: user for user in rows if user.pk in names}
    return list(found.values())
