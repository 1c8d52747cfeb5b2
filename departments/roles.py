"""Roles given and taken, one row and one line of the ledger each. Whoever calls has asked whether it is allowed."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from audit.services import record
from departments import notices
from departments.access import Actor
from departments.models import Department, Group, Membership, Role, User


@transaction.atomic
def give_role(
    department: Department, user: User, role: Role | str, *, group: Group | None = None, actor: Actor
) -> Membership:
    """Raises ValidationError when the person holds the role already in the same way."""
    membership = Membership(department=department, user=user, role=role, group=group)
    membership.full_clean()

    membership.save()
    record("member.added", actor=actor, department=department.slug, thing=user, role=str(role), **_by(group))
    return membership


@transaction.atomic
def take_role(membership: Membership, *, actor: Actor) -> None:
    """From the person's next request on; the last one takes them out of the department's groups too."""
    department, user, group = membership.department, membership.user, membership.group
    # Locked, so that of two who take the person's last two roles at once the second empties the groups.
    list(Membership.objects.select_for_update().filter(department=department, user=user).order_by("pk"))

    membership.delete()
    if not Membership.objects.filter(department=department, user=user).exists():
        Group.members.through.objects.filter(group__department=department, user=user).delete()
        notices.withdraw_from(user, department)
    record("member.removed", actor=actor, department=department.slug, thing=user, role=membership.role, **_by(group))


def refuse_deactivated(user: User) -> None:
    if not user.is_active:
        raise ValidationError(_("%(name)s is deactivated. Activate the account first.") % {"name": user})


def _by(group: Group | None) -> dict[str, Any]:
    return {"group": group.name} if group else {}
