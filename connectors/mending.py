"""What time and administrators put right: calls whose outcome nobody knows, and models that are left alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models.functions import Now

from audit.services import record
from connectors.models import Breaker, CallStatus, ModelCall
from connectors.models_gateway import purse
from connectors.models_gateway.record import CallRecord
from departments.access import Actor, require_administrator

LOST_AFTER = timedelta(hours=1)
"""Longer than any call of a model may take: whoever made it is gone."""
SETTLED_AFTER = timedelta(hours=24)
"""Then the money of a call with an unknown outcome counts as spent, as much as we estimate."""
BATCH = 200
CALLS_KEPT = timedelta(days=92)
"""Longer than a run may live: caps of a step count its calls. What they cost stays in the sums and in the attempts."""


def mend() -> int:
    """What the scheduler does."""
    return settle_unknown() + forget_calls()


def settle_unknown() -> int:
    """Calls whose maker is gone count as estimated, and in the end as spent."""
    lost = ModelCall.objects.filter(status=CallStatus.RESERVED, at__lt=Now() - LOST_AFTER)
    old = ModelCall.objects.filter(status=CallStatus.UNKNOWN, at__lt=Now() - SETTLED_AFTER)
    counted = sum(_settle(call, call.reserved_usd, CallStatus.UNKNOWN) for call in lost.order_by("at")[:BATCH])
    return counted + sum(_settle(call, call.cost_usd, CallStatus.SETTLED) for call in old.order_by("at")[:BATCH])


def forget_calls() -> int:
    """Settled calls of long ago. Ids rise with time, so that nothing is read where nothing is old."""
    oldest = ModelCall.objects.order_by("id").values("pk")[:BATCH]
    rows = ModelCall.objects.filter(pk__in=oldest, status=CallStatus.SETTLED, at__lt=Now() - CALLS_KEPT)
    return rows.delete()[0]


def settle_by_hand(call: ModelCall, usd: Decimal, *, actor: Actor) -> bool:
    """An administrator has seen the provider's bill. False when it was settled already."""
    require_administrator(actor)
    with transaction.atomic():
        if not _settle(call, usd, CallStatus.SETTLED):
            return False
        slug = call.department.slug
        record("model_call.settled", actor=actor, department=slug, thing=call, run_id=call.run_id, usd=str(usd))
    return True


def close_breaker(breaker: Breaker, *, actor: Actor) -> bool:
    """Ask the model again at once. False when it was closed already."""
    require_administrator(actor)
    with transaction.atomic():
        rows = Breaker.objects.filter(pk=breaker.pk, open_until__isnull=False)
        if not rows.update(open_until=None, probe_until=None, closed_at=Now()):
            return False
        record("breaker.closed", actor=actor, thing=breaker.model)
    return True


def _settle(call: ModelCall, usd: Decimal, status: str) -> bool:
    told = CallRecord(
        cost_usd=str(usd),
        tokens_in=call.tokens_in,
        tokens_out=call.tokens_out,
        estimated=True,
        error=call.error or "lost",
    )
    return purse.settle(call.pk, told, call.went, status=status)
