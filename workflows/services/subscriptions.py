"""What people do with subscriptions: set up, change, switch, remove, renew the secret, test, and have sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from audit.services import record
from connectors import net, vault
from connectors.models import Health
from connectors.net import urls
from departments.access import Actor, Verb, require
from departments.models import Department
from workflows.models import Delivery, DeliveryStatus, Happening, Subscription, Workflow
from workflows.models.subscription import TEST
from workflows.services.refusals import Conflict, ValidationError
from workflows.services.triggers import new_secret, person_of

MOST = 50
"""Subscriptions of one department."""
LONGEST_ADDRESS = 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A subscription as people describe it. `workflow` is an id; none means all of the department."""

    address: str
    events: Sequence[str] = ()
    workflow: UUID | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A subscription with its secret, which is told this once."""

    subscription: Subscription
    secret: str = field(repr=False)


def set_up(department: Department, asked: Asked, *, actor: Actor) -> Made:
    """On at once. Raises PermissionDenied, ValidationError (field → sentences), Conflict."""
    require(actor, Verb.CONNECT, department)
    workflow = _checked(department, asked)
    secret = new_secret()
    with transaction.atomic():
        if Subscription.objects.filter(department=department, removed_at=None).count() >= MOST:
            raise Conflict(f"{department.name} tells {MOST} systems already; more are not allowed.")
        made = Subscription(department=department, owner=person_of(actor), made_by=actor.label)
        _fill(made, asked, workflow)
        made.secret = vault.keep({"secret": secret}, department.pk)
        made.save(force_insert=True)
        _record("subscription.set_up", made, actor, events=list(made.events))
    return Made(made, secret)


def change(subscription: Subscription, asked: Asked, *, actor: Actor) -> Subscription:
    """What is on its way goes to the new address. Raises PermissionDenied, ValidationError."""
    require(actor, Verb.CONNECT, subscription.department)
    workflow = _checked(subscription.department, asked)
    with transaction.atomic():
        held = locked(subscription)
        _fill(held, asked, workflow)
        held.save()
        _record("subscription.changed", held, actor, events=list(held.events))
    return held


def switch(subscription: Subscription, *, on: bool, actor: Actor) -> Subscription:
    """Off: what happens meanwhile is not told, and what was on its way is given up."""
    require(actor, Verb.CONNECT, subscription.department)
    with transaction.atomic():
        held = locked(subscription)
        if on:
            held.enabled = True
            _forget_failures(held)
            held.save()
            _record("subscription.switched_on", held, actor)
        else:
            stop(held, _("Switched off by %(who)s.") % {"who": actor.label})
            _record("subscription.switched_off", held, actor)
    return held


def remove(subscription: Subscription, *, actor: Actor) -> None:
    """Nothing is told any more, and the secret is gone; what was told stays to be seen in the admin."""
    require(actor, Verb.CONNECT, subscription.department)
    with transaction.atomic():
        held = locked(subscription)
        stop(held, _("Removed by %(who)s.") % {"who": actor.label})
        vault.replace(held.secret, {})
        Subscription.objects.filter(pk=held.pk).update(removed_at=Now())
        _record("subscription.removed", held, actor)


def renew_secret(subscription: Subscription, *, actor: Actor) -> Made:
    """Another secret. For a day each message carries a signature by both, so that nothing is lost meanwhile."""
    require(actor, Verb.CONNECT, subscription.department)
    with transaction.atomic():
        held = locked(subscription)
        try:
            before = vault.opened(held.secret).get("secret", "")
        except vault.CannotOpen:
            before = ""  # renewing is the way out
        secret = new_secret()
        vault.replace(held.secret, {"secret": secret, **({"before": before} if before else {})})
        Subscription.objects.filter(pk=held.pk).update(renewed_at=Now())
        _record("subscription.secret_renewed", held, actor)
    held.refresh_from_db()
    return Made(held, secret)


def send_test(subscription: Subscription, *, actor: Actor) -> Delivery:
    """An event that says that it is a test. Sent at once, like any other. Raises Conflict while it is off."""
    require(actor, Verb.CONNECT, subscription.department)
    with transaction.atomic():
        held = _locked_on(subscription)
        made = Delivery.objects.create(subscription=held, type=TEST, data={"subscription": str(held.pk)})
        _at_once(held)
        _record("subscription.tested", held, actor)
    return made


def send_again(delivery: Delivery, *, actor: Actor) -> Delivery:
    """The same event under the same id, tried for a day anew. Raises Conflict while the subscription is off."""
    subscription = delivery.subscription
    require(actor, Verb.CONNECT, subscription.department)
    with transaction.atomic():
        held = _locked_on(subscription)
        Delivery.objects.filter(pk=delivery.pk).update(
            status=DeliveryStatus.WAITING, tries=0, since=Now(), next_at=Now(), said=""
        )
        _at_once(held)
        _record("delivery.sent_again", held, actor, event=delivery.type, delivery=str(delivery.pk))
    delivery.refresh_from_db()
    return delivery


def stop(held: Subscription, said: str) -> None:
    """Off, and nothing is on its way any more. Inside a transaction, of a locked one."""
    held.enabled, held.busy_until = False, None
    Subscription.objects.filter(pk=held.pk).update(enabled=False, busy_until=None, rest_until=None)
    waiting = Delivery.objects.filter(subscription=held, status=DeliveryStatus.WAITING)
    waiting.update(status=DeliveryStatus.GIVEN_UP, next_at=None, said=said[:500])


def locked(subscription: Subscription) -> Subscription:
    """Raises Conflict for one that is gone. Runs may go on writing what is to be told meanwhile."""
    rows = Subscription.objects.select_for_update(of=("self",), no_key=True)
    held = rows.select_related("department", "workflow", "secret", "owner")
    if (found := held.filter(pk=subscription.pk, removed_at=None).first()) is None:
        raise Conflict("This subscription was removed meanwhile.")
    return found


def _locked_on(subscription: Subscription) -> Subscription:
    held = locked(subscription)
    if not held.enabled:
        raise Conflict("It is switched off, so nothing is sent. Switch it on first.")
    return held


def _at_once(held: Subscription) -> None:
    """Who asks for it does not want to wait until the other side has rested."""
    Subscription.objects.filter(pk=held.pk).update(rest_until=None)


# ── checking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _checked(department: Department, asked: Asked) -> Workflow | None:
    """The workflow meant. Raises ValidationError keyed by field."""
    problems = {}
    if why := _address_problem(department, asked.address):
        problems["address"] = [why]
    strange = sorted(set(asked.events) - set(Happening.values))
    if strange:
        problems["events"] = [_("There is no event “%(name)s”.") % {"name": strange[0]}]
    elif not asked.events:
        problems["events"] = [_("Choose at least one event.")]
    workflow = _workflow(department, asked.workflow)
    if asked.workflow is not None and workflow is None:
        problems["workflow"] = [_("There is no such workflow in this department.")]
    if problems:
        raise ValidationError(problems)
    return workflow


def _address_problem(department: Department, address: str) -> str:
    try:
        url = urls.parse(address)
    except urls.BadUrl as error:
        return _("The address cannot be used: %(why)s.") % {"why": error}
    if len(address) > LONGEST_ADDRESS:
        return _("The address is longer than %(most)d characters.") % {"most": LONGEST_ADDRESS}
    if net.for_department(department.egress_hosts).standings(url):
        return ""
    problem = _("“%(origin)s” is not among the hosts that %(department)s may reach. An administrator can allow it.")
    return problem % {"origin": url.origin, "department": department.name}


def _workflow(department: Department, id: UUID | None) -> Workflow | None:
    return Workflow.objects.filter(pk=id, department=department).first() if id is not None else None


def _fill(row: Subscription, asked: Asked, workflow: Workflow | None) -> None:
    row.title = " ".join(asked.title.split())[:120] or urls.parse(asked.address).host[:120]
    row.address, row.workflow = asked.address, workflow
    row.events = [each for each in Happening.values if each in asked.events]
    _forget_failures(row)


def _forget_failures(row: Subscription) -> None:
    row.busy_until = row.rest_until = row.failing_since = row.told_at = None
    row.health, row.health_said, row.failed_times = Health.UNKNOWN, "", 0


def _record(verb: str, subscription: Subscription, actor: Actor, **detail: Any) -> None:
    record(verb, actor=actor, department=subscription.department.slug, thing=subscription, **detail)
