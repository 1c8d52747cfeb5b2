"""Groups of a department's people, and the roles that they give: permission, change and ledger in one transaction."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.people import named
from audit.services import record
from departments.access import Actor, require_manager
from departments.models import Department, Group, Membership, Role, User
from departments.roles import give_role, refuse_deactivated, take_role


@transaction.atomic
def make_group(
    department: Department,
    name: str,
    *,
    members: Collection[User] = (),
    roles: Collection[str] = (),
    slug: str = "",
    actor: Actor,
) -> Group:
    """Its slug never changes afterwards: workflows and the ledger know the group by it.

    Raises ValidationError when the department has such a group, and as `refuse_strangers` does.
    """
    require_manager(actor, department)
    group = Group(department=department, name=name, roles=_in_order(roles))
    group.slug = slug or slugify(name)[:60] or f"group-{group.pk.hex[-8:]}"
    group.full_clean()
    refuse_strangers(department, members, roles)

    group.save()
    group.members.set(members)
    given: dict[str, Any] = {"roles": group.roles} if group.roles else {}
    record("group.made", actor=actor, department=department.slug, thing=group, members=_named(members), **given)
    _settle(group, actor)
    return group


@transaction.atomic
def change_group(
    group: Group,
    *,
    name: str | None = None,
    members: Collection[User] | None = None,
    roles: Collection[str] | None = None,
    actor: Actor,
) -> None:
    """What is not given stays. Whoever comes in or goes out gets or loses its roles with that.

    Raises ValidationError as `refuse_strangers` does.
    """
    require_manager(actor, group.department)
    # Locked, so that whoever comes in and a role that is added at once find each other.
    group.roles = Group.objects.select_for_update().values_list("roles", flat=True).get(pk=group.pk)
    before, gave = set(group.members.all()), group.roles
    wanted = before if members is None else set(members)
    group.name = group.name if name is None else name
    group.roles = gave if roles is None else _in_order(roles)
    group.full_clean()
    refuse_strangers(group.department, wanted - before, group.roles)

    group.save(update_fields=["name", "roles"])
    group.members.set(wanted)
    given: dict[str, Any] = {"roles_before": gave, "roles": group.roles} if group.roles != gave else {}
    record(
        "group.changed",
        actor=actor,
        department=group.department.slug,
        thing=group,
        added=_named(wanted - before),
        removed=_named(before - wanted),
        **given,
    )
    _settle(group, actor)


@transaction.atomic
def delete_group(group: Group, *, actor: Actor) -> None:
    require_manager(actor, group.department)

    if Group.objects.select_for_update().values_list("roles", flat=True).get(pk=group.pk):
        change_group(group, roles=(), actor=actor)
    record("group.deleted", actor=actor, department=group.department.slug, thing=group)
    group.delete()


def take_out(person: User, department: Department, *, actor: Actor) -> None:
    """Of every group there that gives roles, and so of those roles."""
    for group in department.groups.filter(members=person).exclude(roles=[]):
        change_group(group, members=set(group.members.all()) - {person}, actor=actor)


def refuse_strangers(department: Department, people: Collection[User], roles: Collection[str] = ()) -> None:
    """Raises ValidationError naming who is no member of the department. By a group with `roles` anybody becomes one."""
    # Locked, so that nobody joins a group while another takes their last role in the department.
    held = Membership.objects.select_for_update().filter(department=department, user__in=people).order_by("pk")
    known = {role.user_id for role in held}
    strangers = [person for person in people if person.pk not in known]
    if roles:
        for person in strangers:
            refuse_deactivated(person)
    elif strangers:
        raise ValidationError(
            _("%(names)s: not in %(department)s. Give a role there first, under Administration.")
            % {"names": ", ".join(sorted(map(str, strangers))), "department": department}
        )


def _settle(group: Group, actor: Actor) -> None:
    """Gives before it takes, so that nobody is without a role, and so out of every group, in between."""
    held = {(given.user_id, given.role): given for given in group.gives.select_related("user", "department", "group")}
    wanted = {(person.pk, role): person for person in group.members.all() for role in group.roles}
    for (pk, role), person in wanted.items():
        if (pk, role) not in held:
            give_role(group.department, person, role, group=group, actor=actor)
    for key, given in held.items():
        if key not in wanted:
            take_role(given, actor=actor)


def _in_order(roles: Collection[str]) -> list[str]:
    """Raises ValidationError for a role that there is not."""
    if strange := sorted(set(roles) - set(Role.values)):
        raise ValidationError(_("There is no role “%(role)s”.") % {"role": strange[0]})
    return [role for role in Role.values if role in roles]


def _named(people: Collection[User]) -> list[dict[str, str]]:
    return [named(person) for person in sorted(people, key=lambda person: person.pk)]
