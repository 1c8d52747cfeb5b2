"""An administrator deactivates somebody who leaves, and what they held goes on with colleagues, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from departments.access import Actor, require_administrator
from departments.models import Department, Role, User
from departments.services import deactivate_user
from workflows.models import Assignee, Share, Task, TaskStatus
from workflows.services.departing import OWNED, end_shares, hand_over_all
from workflows.services.refusals import ValidationError


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What became of one department: nobody is `to` where nobody there could take it, and all stayed as it was."""

    department: Department
    to: User | None
    kept: Sequence[tuple[Task, str]] = ()


@transaction.atomic
def deactivate_and_hand_over(person: User, *, to: User, actor: Actor) -> list[HandedOver]:
    """In each department `to` takes all that `person` held there; where they are no member, one of its managers does.

    The person loses every role, group and share. Raises PermissionDenied, and ValidationError for the last
    administrator and for somebody who cannot take it.
    """
    require_administrator(actor)
    if to == person or not to.is_active:
        raise ValidationError({"to": f"{to} cannot take it over. Choose somebody else who may sign in."})

    outcomes = [_leave(person, department, to, actor) for department in _departments_of(person)]
    end_shares(Share.objects.filter(person=person).select_related("workflow__department"), actor=actor)
    deactivate_user(person, actor=actor)
    return outcomes


def told(outcome: HandedOver) -> str:
    """In a sentence."""
    named = {"department": outcome.department, "to": outcome.to, "count": len(outcome.kept)}
    if outcome.to is None:
        said = _(
            "%(department)s: nobody there could take it over. All stays in their name; make somebody manager first."
        )
    elif outcome.kept:
        said = _(
            "%(department)s: %(to)s has it, but for %(count)d tasks that they must not decide; a manager hands them on."
        )
    else:
        said = _("%(department)s: %(to)s has what they held.")
    return said % named


def _leave(person: User, department: Department, to: User, actor: Actor) -> HandedOver:
    heir = _heir(person, department, to)
    if heir is None:
        return HandedOver(department, None)
    # Only here, where somebody must be let go, an administrator does what managers do, under their own name.
    acting = actor.with_role(Role.MANAGER, department.pk)
    return HandedOver(department, heir, hand_over_all(person, department, to=heir, actor=acting))


def _heir(person: User, department: Department, to: User) -> User | None:
    members = User.objects.filter(is_active=True, memberships__department=department).exclude(pk=person.pk)
    managers = members.filter(memberships__role=Role.MANAGER)
    return members.filter(pk=to.pk).first() or managers.order_by("name", "pk").first()


def _departments_of(person: User) -> list[Department]:
    """Where they have a role, or still hold something."""
    held = Q(pk__in=person.memberships.values("department"))
    for model in OWNED:
        held |= Q(pk__in=model._default_manager.filter(owner=person).values("department"))
    asked = Assignee.objects.filter(person=person, until=None).values("task")
    tasks = Task.objects.filter(Q(pk__in=asked) | Q(claimed_by=person), status=TaskStatus.OPEN)
    return list(Department.objects.filter(held | Q(pk__in=tasks.values("department"))).order_by("name"))
