"""Sending what is to be told. A part of the scheduler's sweep; any number of them may do it.

Who sends for a subscription holds its lease, the value of `busy_until`; what came of it is written in one transaction
that first sees that the lease is still the same. Whoever dies between sending and writing sends again, under the same
id: an event arrives at least once, and whoever gets it can tell a repeat.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from audit import sql
from connectors import net, scrubbing, vault
from connectors.sdk import Response, StepError
from connectors.sdk.answers import retry_after, text_of
from workflows.engine import strict
from workflows.models import Delivery, DeliveryStatus, DeliveryTry, Subscription
from workflows.runtime import limits, store
from workflows.runtime.faults import fault_point
from workflows.services import messages, subscription_health
from workflows.services.lanes import Lanes

log = logging.getLogger(__name__)
DICE = random.Random()

PAUSES: Final = tuple(timedelta(seconds=s) for s in (5, 60, 300, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800))
"""About a day in all."""
LONGEST: Final = timedelta(hours=26)
"""What is older, counted from when trying began, is given up even where it was tried less often."""
FIRST_REST: Final = timedelta(seconds=5)
LONGEST_REST: Final = timedelta(minutes=10)
TIMEOUT_S: Final = 15.0
ROUND_S: Final = 30.0
AT_ONCE: Final = 8
"""Of one subscription; while it fails, one."""
GONE: Final = 410
ANSWER_KEPT: Final = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one try. `problem` is empty where it arrived; `code` is None where nobody answered."""

    took_ms: int
    code: int | None = None
    said: str = ""
    problem: str = ""
    retry_after: timedelta | None = None


class Courier(Lanes):
    """The sending of one scheduler."""

    def __init__(self) -> None:
        super().__init__("deliver", _due, take, carry)


def take(subscription_id: UUID) -> datetime | None:
    """The lease, unless somebody else has it."""
    found = sql.row(_TAKE, [limits.DELIVERY_LEASE.total_seconds(), subscription_id])
    return found[0] if found else None


def carry(subscription_id: UUID, lease: datetime) -> None:
    """Send what is due, several at once, until there is nothing, or something fails, or it has taken a while."""
    until = time.monotonic() + ROUND_S
    held: datetime | None = lease
    while held is not None:
        subscription = _held(subscription_id, held).first()
        due = _next(subscription) if subscription and time.monotonic() < until else []
        if subscription is None or not due:
            _put_down(subscription_id, held)
            return
        answers = _send(subscription, due)
        fault_point("answered_before_settled")
        held = _write(subscription_id, held, list(zip(due, answers, strict=True)))


def next_try(tries: int, wish: timedelta | None = None) -> timedelta | None:
    """How long to wait after the failure of this try (1 is the first), or None to give up.

    The pauses grow from 5 s to 8 h, each ±20 %; a server's Retry-After wins when it is later.
    """
    if tries > len(PAUSES):
        return None
    return max(PAUSES[tries - 1] * DICE.uniform(0.8, 1.2), wish or timedelta())


def rest_after(failed_times: int, wish: timedelta | None = None) -> timedelta:
    """How long the other side is left alone: 5 s doubled up to ten minutes, or as it wishes."""
    return max(min(FIRST_REST * 2 ** min(failed_times - 1, 20), LONGEST_REST), wish or timedelta())


# ── sending, outside any transaction ─────────────────────────────────────────────────────────────────────────────────


def _send(subscription: Subscription, due: Sequence[Delivery]) -> list[Answer]:
    try:
        secrets = messages.secrets_of(subscription, store.clock())
    except vault.CannotOpen:
        return [Answer(0, problem="Its secret cannot be read on this server. Renew it.")] * len(due)
    policy = net.for_department(subscription.department.egress_hosts)
    sql.release()
    with ThreadPoolExecutor(len(due), thread_name_prefix="deliver") as pool:
        return list(pool.map(lambda each: _send_one(subscription.address, each, secrets, policy), due))


def _send_one(address: str, delivery: Delivery, secrets: Sequence[str], policy: net.Egress) -> Answer:
    began = time.monotonic()
    now = datetime.now().astimezone()  # compared with the receiver's clock, not with the database's
    body = messages.body_of(delivery)
    headers = messages.headers_of(delivery, body, secrets, now)
    try:
        response = net.fetch(net.Request("POST", address, headers, body=body, timeout_s=TIMEOUT_S), policy=policy)
    except StepError as error:
        return Answer(_ms_since(began), problem=error.message)
    except Exception as defect:
        log.exception("deliver.defect: %s", delivery.pk)
        return Answer(_ms_since(began), problem=f"An error in Tandem ({type(defect).__name__}). The log says more.")
    return _read(response, _ms_since(began), now)


def _read(response: Response, took_ms: int, now: datetime) -> Answer:
    said = strict.legible(scrubbing.known().text(text_of(response)[: 2 * ANSWER_KEPT]), ANSWER_KEPT)
    code = response.status
    if 200 <= code < 300:
        return Answer(took_ms, code, said)
    problem = f"It answered {code}."
    if 300 <= code < 400:
        problem = f"It answered {code}: it sends us on, which is not followed. Give the address where it ends."
    if code == GONE:
        problem = "It answered 410: it wants no more events."
    return Answer(took_ms, code, said, problem, retry_after(response, now))


def _ms_since(began: float) -> int:
    return round(1_000 * (time.monotonic() - began))


# ── writing down what came of it ─────────────────────────────────────────────────────────────────────────────────────


def _write(subscription_id: UUID, lease: datetime, sent: list[tuple[Delivery, Answer]]) -> datetime | None:
    """All of it or nothing; the lease to go on with, None where it was lost or the other side is to rest."""
    with transaction.atomic():
        held = _held(subscription_id, lease).select_for_update(of=("self",), no_key=True).first()
        if held is None:
            return None
        DeliveryTry.objects.bulk_create(_tried(*each) for each in sent)
        given_up = sum([_settle(*each) for each in sent])
        failed = [answer for _, answer in sent if answer.problem]
        if not failed:
            subscription_health.works(held)
            return _go_on(held)
        _note_failure(held, failed, given_up)
        return None


def _note_failure(held: Subscription, failed: list[Answer], given_up: int) -> None:
    if gone := next((answer for answer in failed if answer.code == GONE), None):
        subscription_health.gone(held, gone.problem)
        return
    given_up += _give_up_old(held, failed[0].problem)
    subscription_health.failed(held, failed[0].problem, given_up=given_up)
    wish = max(answer.retry_after or timedelta() for answer in failed)
    rest = Now() + rest_after(held.failed_times, wish)
    Subscription.objects.filter(pk=held.pk).update(busy_until=None, rest_until=rest)


def _tried(delivery: Delivery, answer: Answer) -> DeliveryTry:
    return DeliveryTry(
        delivery=delivery,
        code=answer.code,
        took_ms=answer.took_ms,
        answer=answer.said,
        problem=answer.problem[:500],
    )


def _settle(delivery: Delivery, answer: Answer) -> bool:
    """Whether it was given up."""
    tries = delivery.tries + 1
    row = Delivery.objects.filter(pk=delivery.pk, status=DeliveryStatus.WAITING)
    if not answer.problem:
        row.update(status=DeliveryStatus.SENT, tries=tries, next_at=None, said="")
        return False
    pause = next_try(tries, answer.retry_after)
    if pause is None:
        row.update(status=DeliveryStatus.GIVEN_UP, tries=tries, next_at=None, said=answer.problem[:500])
        return True
    row.update(tries=tries, next_at=Now() + pause, said=answer.problem[:500])
    return False


def _give_up_old(held: Subscription, problem: str) -> int:
    old = Delivery.objects.filter(subscription=held, status=DeliveryStatus.WAITING, since__lt=Now() - LONGEST)
    return old.update(status=DeliveryStatus.GIVEN_UP, next_at=None, said=problem[:500])


def _go_on(held: Subscription) -> datetime | None:
    found = sql.row(_KEEP, [limits.DELIVERY_LEASE.total_seconds(), held.pk])
    return found[0] if found else None


def _next(subscription: Subscription) -> list[Delivery]:
    """The oldest that are due; of one whose address fails a single one, to see whether it is well again."""
    rows = subscription.deliveries.filter(status=DeliveryStatus.WAITING, next_at__lte=store.clock())
    return list(rows.order_by("next_at", "id")[: 1 if subscription.failed_times else AT_ONCE])


def _held(subscription_id: UUID, lease: datetime) -> QuerySet[Subscription]:
    rows = Subscription.objects.select_related("department", "secret", "owner")
    return rows.filter(pk=subscription_id, busy_until=lease, enabled=True, removed_at=None)


def _put_down(subscription_id: UUID, lease: datetime) -> None:
    Subscription.objects.filter(pk=subscription_id, busy_until=lease).update(busy_until=None)


def _due() -> sql.Rows:
    return sql.rows(_DUE, [limits.SWEEP_BATCH])


# The two subselects on the time let it be looked up in an index; as a volatile function it could not.
_DUE = """
SELECT id, department_id FROM workflows_subscription AS each
WHERE enabled AND removed_at IS NULL
    AND (busy_until IS NULL OR busy_until <= (SELECT clock_timestamp()))
    AND (rest_until IS NULL OR rest_until <= (SELECT clock_timestamp()))
    AND EXISTS (
        SELECT FROM workflows_delivery AS delivery
        WHERE delivery.subscription_id = each.id AND delivery.status = 'waiting'
            AND delivery.next_at <= (SELECT clock_timestamp())
    )
ORDER BY row_number() OVER (PARTITION BY department_id ORDER BY failed_times > 0, last_sent_at NULLS FIRST)
LIMIT %s
"""

_TAKE = """
UPDATE workflows_subscription SET busy_until = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND enabled AND removed_at IS NULL
    AND (busy_until IS NULL OR busy_until <= clock_timestamp())
    AND (rest_until IS NULL OR rest_until <= clock_timestamp())
RETURNING busy_until
"""

_KEEP = """
UPDATE workflows_subscription SET busy_until = clock_timestamp() + make_interval(secs => %s) WHERE id = %s
RETURNING busy_until
"""
