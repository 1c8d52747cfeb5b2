"""Groups of a department's members: permission, change and ledger in one transaction."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from audit.services import record
from departments.access import Actor, require_manager
from departments.models import Department, Group, Membership, User


@transaction.atomic
def make_group(
    department: Department, name: str, *, members: Collection[User] = (), slug: str = "", actor: Actor
) -> Group:
    """Its slug never changes afterwards: workflows and the ledger know the group by it.

    Raises ValidationError when the department has such a group, or for somebody who is no member of it.
    """
    require_manager(actor, department)
    group = Group(department=department, name=name)
    group.slug = slug or slugify(name)[:60] or f"group-{group.pk.hex[-8:]}"
    group.full_clean()
    refuse_strangers(department, members)

    group.save()
    group.members.set(members)
    record("group.made", actor=actor, department=department.slug, thing=group, members=_names(members))
    return group


@transaction.atomic
def change_group(
    group: Group, *, name: str | None = None, members: Collection[User] | None = None, actor: Actor
) -> None:
    """What is not given stays. Raises ValidationError for somebody who is no member of the department."""
    require_manager(actor, group.department)
    before = set(group.members.all())
    wanted = before if members is None else set(members)
    refuse_strangers(group.department, wanted - before)
    group.name = group.name if name is None else name
    group.full_clean()

    group.save(update_fields=["name"])
    group.members.set(wanted)
    record(
        "group.changed",
        actor=actor,
        department=group.department.slug,
        thing=group,
        added=_names(wanted - before),
        removed=_names(before - wanted),
    )


@transaction.atomic
def delete_group(group: Group, *, actor: Actor) -> None:
    require_manager(actor, group.department)

    record("group.deleted", actor=actor, department=group.department.slug, thing=group)
    group.delete()


def refuse_strangers(department: Department, people: Collection[User]) -> None:
    """Raises ValidationError naming who is no member of the department."""
    # Locked, so that nobody joins a group while another takes their last role in the department.
    roles = Membership.objects.select_for_update().filter(department=department, user__in=people).order_by("pk")
    known = {role.user_id for role in roles}
    if strangers := [person for person in people if person.pk not in known]:
        raise ValidationError(
            _("%(names)s: not in %(department)s. Give a role there first, under Administration.")
            % {"names": ", ".join(_names(strangers)), "department": department}
        )


def leave_groups(department: Department, user: User) -> None:
    """Whoever holds no role in the department any more is in none of its groups."""
    if not department.memberships.filter(user=user).exists():
        Group.members.through.objects.filter(group__department=department, user=user).delete()


def _names(people: Collection[User]) -> list[str]:
    return sorted(str(person) for person in people)
