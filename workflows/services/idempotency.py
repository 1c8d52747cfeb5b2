"""Doing a thing once, however often it is asked for (rule S19)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.db import OperationalError, transaction
from django.db.models import QuerySet
from psycopg.errors import LockNotAvailable

from audit import sql
from workflows.models import IdempotencyKey
from workflows.services.refusals import Conflict


class KeyReused(Exception):
    """The key belongs to another request; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for what, under which key. `fingerprint`: an HMAC of what was asked, as hex."""

    key: str
    actor: str
    route: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it is sent. `is_replay`: it was given before."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    is_replay: bool = False


def once(request: Request, work: Callable[[], Given]) -> Given:
    """Do the work and keep its answer in one transaction, or give the answer that was kept.

    Of several at the same time one works and the others wait for it on the unique index. What `work` raises undoes
    everything, the key too: a refused request may be put right and sent again with its key. Raises KeyReused when the
    key belongs to another request, Conflict when the first one takes longer than a request may wait.
    """
    with transaction.atomic():
        if _reserve(request):
            given = work()
            _keep(request, given)
            return given
    return _kept(request)


def _reserve(request: Request) -> bool:
    """Whether this request is the first with its key. A statement that finds it taken has waited for its end."""
    try:
        return sql.changed(_RESERVE, [request.key, request.actor, request.route, request.fingerprint]) == 1
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise Conflict("The first request with this Idempotency-Key is still under way. Send it again.") from None
        raise


def _keep(request: Request, given: Given) -> None:
    kept = [given.status, given.body, sql.document(dict(given.headers))]
    sql.execute(_KEEP, [*kept, request.key, request.actor, request.route])


def _kept(request: Request) -> Given:
    kept = _rows(request).first()
    if kept is None:
        raise Conflict("The answer to this Idempotency-Key is no longer kept. Send the request with a new key.")
    if kept.fingerprint != request.fingerprint:
        raise KeyReused("This Idempotency-Key was sent before with another body. Take a new key for a new request.")
    return Given(kept.status, kept.body, kept.headers, is_replay=True)


def _rows(request: Request) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(key=request.key, actor=request.actor, route=request.route)


_RESERVE = """
INSERT INTO workflows_idempotencykey (key, actor, route, fingerprint, status, body, headers)
VALUES (%s, %s, %s, %s, 0, '', '{}') ON CONFLICT (key, actor, route) DO NOTHING
"""
_KEEP = """
UPDATE workflows_idempotencykey SET status = %s, body = %s, headers = %s::jsonb
WHERE key = %s AND actor = %s AND route = %s
"""
