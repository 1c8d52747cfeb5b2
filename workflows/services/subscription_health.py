"""How a subscription is, and who is told when what happens here does not arrive any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from connectors.models import Health
from departments import notices
from workflows.models import Subscription
from workflows.services.subscriptions import stop
from workflows.services.trigger_health import responsible

TELL_AGAIN: Final = timedelta(days=1)
SWITCHED_OFF_AFTER: Final = timedelta(days=3)
"""Of failures without one success between them."""


def works(held: Subscription) -> None:
    held.failed_times = 0
    Subscription.objects.filter(pk=held.pk).update(
        health=Health.WORKS, health_said="", failed_times=0, failing_since=None, told_at=None, last_sent_at=Now()
    )


def failed(held: Subscription, said: str, *, given_up: int) -> None:
    """Inside the transaction that writes what failed. Its owner is told of what was given up, once a day at most; after
    three days without a success it is switched off.
    """
    held.failed_times += 1
    Subscription.objects.filter(pk=held.pk).update(
        health=Health.FAILS,
        health_said=said,
        failed_times=F("failed_times") + 1,
        failing_since=Coalesce("failing_since", Now()),
    )
    if Subscription.objects.filter(pk=held.pk, failing_since__lt=Now() - SWITCHED_OFF_AFTER).exists():
        _switch_off(held, _("%(said)s Nothing has arrived for three days.") % {"said": said})
    elif given_up and (held.told_at is None or held.told_at < timezone.now() - TELL_AGAIN):
        Subscription.objects.filter(pk=held.pk).update(told_at=Now())
        text = _("%(said)s Events that were tried for a day were given up. You can have them sent again.")
        _tell(held, _("“%(title)s” does not get the events of Tandem"), text % {"said": said})


def gone(held: Subscription, said: str) -> None:
    """The other side has said that it wants no more (410)."""
    _switch_off(held, said)


def _switch_off(held: Subscription, said: str) -> None:
    stop(held, said)
    said = _("%(said)s It was switched off.") % {"said": said}
    Subscription.objects.filter(pk=held.pk).update(health=Health.FAILS, health_said=said)
    _tell(held, _("“%(title)s” was switched off"), said)


def _tell(held: Subscription, subject: str, said: str) -> None:
    address = settings.PUBLIC_URL + reverse("subscription", args=[held.pk])
    for person in responsible(held):
        notices.notify(
            person,
            key=f"subscription:{held.pk}:{timezone.now():%Y-%m-%dT%H:%M:%S.%f}:{person.pk}",
            kind="subscription",
            subject=subject % {"title": held.title},
            text=f"{held.title}: {said}\n\n{address}",
            department=held.department,
            about=held.pk,
        )
