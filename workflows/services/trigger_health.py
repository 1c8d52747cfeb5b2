"""How a trigger is, and who is told when it cannot work: a dead one that nobody notices is worse than none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors import scrubbing
from connectors.models import Health
from departments import notices
from departments.models import Membership, Role, User
from workflows.models import Subscription, Trigger

TELL_AFTER: Final = 3
"""Looks that fail one after another: a server that is away for a minute wakes nobody."""
TELL_AGAIN: Final = timedelta(days=1)


def works(trigger: Trigger, said: str = "") -> None:
    trigger.health, trigger.health_said, trigger.failed_times = Health.WORKS, said, 0
    Trigger.objects.filter(pk=trigger.pk).update(health=Health.WORKS, health_said=said, failed_times=0, told_at=None)


def failed(trigger: Trigger, said: str, *, tell_at_once: bool = False) -> None:
    """Inside the transaction that writes what failed. Its owner is told, once a day as long as it lasts."""
    said = scrubbing.known().text(said)
    trigger.health, trigger.health_said = Health.FAILS, said
    trigger.failed_times += 1
    Trigger.objects.filter(pk=trigger.pk).update(
        health=Health.FAILS, health_said=said, failed_times=F("failed_times") + 1
    )
    if tell_at_once or trigger.failed_times >= TELL_AFTER:
        _tell(trigger, said)


def _tell(trigger: Trigger, said: str) -> None:
    now = timezone.now()
    if trigger.told_at is not None and trigger.told_at > now - TELL_AGAIN:
        return
    Trigger.objects.filter(pk=trigger.pk).update(told_at=Now())
    trigger.told_at = now
    workflow = trigger.workflow
    subject = _("“%(workflow)s” does not start by itself") % {"workflow": workflow.name}
    address = settings.PUBLIC_URL + reverse("trigger", args=[workflow.pk, trigger.pk])
    text = f"{trigger.title}: {said}\n\n{address}"
    for person in responsible(trigger):
        key = f"trigger:{trigger.pk}:{now:%Y-%m-%d}:{person.pk}"
        notices.notify(
            person, key=key, kind="trigger", subject=subject, text=text, department=trigger.department, about=trigger.pk
        )


def responsible(thing: Trigger | Subscription) -> Iterable[User]:
    """Its owner; when they have left the department, its managers."""
    owner = thing.owner
    if owner is not None and owner.is_active and owner.memberships.filter(department=thing.department_id).exists():
        return [owner]
    managers = Membership.objects.filter(department=thing.department_id, role=Role.MANAGER)
    return User.objects.filter(is_active=True, pk__in=managers.values("user"))
