"""The people of a department as its page lists them: with their roles, where they have each from, and who is away."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from connectors.models import GivenRole
from departments.models import Absence, Department, Membership, User
from workflows.pages import week


@dataclass(frozen=True, slots=True)
class Member:
    """A person in the department's list: the roles held there, and the absence that is on or comes next."""

    user: User
    roles: list[str]
    away: Absence | None


def members_of(found: Department) -> list[Member]:
    to_come = Absence.objects.filter(user__memberships__department=found, ends__gte=week.today_in(found))
    away = {absence.user_id: absence for absence in to_come.select_related("stand_in").order_by("-starts")}
    rows = found.memberships.select_related("user", "group", "given_by__provider")
    by_person: dict[User, dict[str, list[str]]] = {}
    for row in rows.order_by("user__name", "user_id", "role", "group__name"):
        by_person.setdefault(row.user, {}).setdefault(row.get_role_display(), []).append(_source(row))
    return [Member(user, _with_sources(roles), away.get(user.pk)) for user, roles in by_person.items()]


def _source(membership: Membership) -> str:
    """Where somebody has a role from; nothing where it was given to them directly."""
    if membership.group is not None:
        return _("group %(group)s") % {"group": membership.group}
    given: GivenRole | None = getattr(membership, "given_by", None)
    return str(given.provider) if given else ""


def _with_sources(roles: dict[str, list[str]]) -> list[str]:
    """ "Viewer", "Builder (group Deals)", "Approver (directly, group Deals)"."""
    said = []
    for role, sources in roles.items():
        named = [source or _("directly") for source in sources]
        said.append(f"{role} ({', '.join(named)})" if any(sources) else role)
    return said
