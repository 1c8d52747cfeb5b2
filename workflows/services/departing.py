"""A person leaves a department, and what they held there goes on: somebody else takes it, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from audit.people import named
from audit.services import record
from departments.access import Actor, Verb, require
from departments.groups import take_out
from departments.models import ApiToken, Department, User
from departments.services import remove_member
from departments.tokens import revoke_token
from workflows.models import Assignee, Budget, Share, Subscription, Task, TaskStatus, Trigger, Workflow
from workflows.services.handing_over import delegate_task, release_task
from workflows.services.refusals import ValidationError
from workflows.services.sharing import end_share

REASON = "Has left the department."
OWNED = (Workflow, Trigger, Subscription, Budget)


@dataclass(frozen=True, slots=True)
class Held:
    """What a person holds in one department."""

    workflows: list[Workflow]
    triggers: list[Trigger]
    subscriptions: list[Subscription]
    budgets: list[Budget]
    tasks: list[Task]
    tokens: list[ApiToken]


def held_by(person: User, department: Department) -> Held:
    """Six queries. Tasks: those that ask them by name, and those that they have taken."""
    workflows = Workflow.objects.filter(owner=person, department=department, archived_at=None)
    triggers = Trigger.objects.filter(owner=person, department=department, removed_at=None).select_related("workflow")
    subscriptions = Subscription.objects.filter(owner=person, department=department)
    budgets = Budget.objects.filter(owner=person, department=department).select_related("workflow")
    tokens = ApiToken.objects.filter(created_by=person, department=department, revoked_at=None)
    return Held(
        list(workflows.order_by("name")),
        list(triggers),
        list(subscriptions),
        list(budgets),
        _tasks(person, department),
        list(tokens),
    )


def leave_department(
    person: User, department: Department, *, to: User, revoke: Collection[ApiToken] = (), actor: Actor
) -> list[tuple[Task, str]]:
    """Hand over all that `person` holds there to `to`, revoke the tokens named, and take away every role.

    Returns the tasks that `to` must not answer, each with the reason; a manager hands them to others.
    Raises PermissionDenied, and ValidationError for somebody who cannot take it.
    """
    require(actor, Verb.MANAGE, department)
    return hand_over_all(person, department, to=to, revoke=revoke, actor=actor)


def hand_over_all(
    person: User, department: Department, *, to: User, revoke: Collection[ApiToken] = (), actor: Actor
) -> list[tuple[Task, str]]:
    """`leave_department` for whoever has asked whether the actor, who is a manager there, may do it."""
    with transaction.atomic():
        # Before the roles, as whoever changes a group does it.
        list(department.groups.filter(members=person).select_for_update(of=("self",)).order_by("pk"))
        # Of two who leave at once, each to the other, the second one sees that the first has gone.
        list(department.memberships.select_for_update().order_by("pk").values_list("pk"))
        _check(person, department, to)
        kept = _hand_over_tasks(person, department, to, actor)
        counts: dict[str, Any] = {
            model._meta.model_name or "": model._default_manager.filter(owner=person, department=department).update(
                owner=to
            )
            for model in OWNED
        }
        for token in revoke:
            revoke_token(token, actor=actor)
        end_shares(Share.objects.filter(person=person, workflow__department=department), actor=actor)
        take_out(person, department, actor=actor)
        for membership in department.memberships.filter(user=person):
            remove_member(membership, actor=actor)
        record(
            "person.left_department",
            actor=actor,
            department=department.slug,
            thing=person,
            to=named(to),
            tasks_kept=len(kept),
            **counts,
        )
    return kept


def end_shares(shares: Iterable[Share], *, actor: Actor) -> None:
    for share in shares:
        end_share(share, actor=actor)


def _hand_over_tasks(person: User, department: Department, to: User, actor: Actor) -> list[tuple[Task, str]]:
    kept = []
    for task in _tasks(person, department):
        if task.claimed_by_id == person.pk:
            release_task(task, actor=actor)
        if not task.assignees.filter(stage=task.stage, until=None, person=person).exists():
            continue  # asked of a role or group: the others stay asked
        try:
            delegate_task(task, to=to, reason=REASON, actor=actor, of=person)
        except ValidationError as refused:
            kept.append((task, " ".join(refused.messages)))
    return kept


def _tasks(person: User, department: Department) -> list[Task]:
    asked = Assignee.objects.filter(person=person, until=None).values("task")
    rows = Task.objects.filter(Q(pk__in=asked) | Q(claimed_by=person), department=department, status=TaskStatus.OPEN)
    return list(rows.select_related("department", "run__version", "run__workflow", "claimed_by").order_by("pk"))


def _check(person: User, department: Department, to: User) -> None:
    if to == person:
        raise ValidationError({"to": f"{person} cannot take over from themselves. Choose somebody else."})
    if not (to.is_active and department.memberships.filter(user=to).exists()):
        raise ValidationError({"to": f"{to} is nobody in {department.name}. Choose a member of the department."})
