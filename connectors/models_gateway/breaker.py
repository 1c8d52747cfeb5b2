"""A model that fails again and again is left alone for a while (rule L4).

Per provider, address and model; all processes share the row. Calls write nothing here while all is well: health is
counted from the rows of the calls when one has failed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from audit import sql
from connectors.models_gateway.request import Way
from connectors.sdk.errors import NotNow

log = logging.getLogger(__name__)

LEAST_CALLS = 20
WINDOW = timedelta(seconds=60)
OPEN_FOR = timedelta(seconds=30)
ASK_AGAIN = timedelta(seconds=2)


def is_sick(calls: int, failures: int) -> bool:
    """At least half of at least twenty calls of the last minute have failed."""
    return calls >= LEAST_CALLS and 2 * failures >= calls


def is_proved(lately: Sequence[str]) -> bool:
    """Whether most of its last twenty calls were well; `lately` is how those of the last minute went."""
    return len(lately) >= LEAST_CALLS and not is_sick(len(lately), lately.count("fault"))


def has_proved_itself(way: Way) -> bool:
    """Who has may be asked by as many as like; of anybody else it is not known whether they are there."""
    if way.model_id is None or way.probes:
        return True
    found = sql.rows(_LATELY, [way.model_id, WINDOW.total_seconds(), way.model_id, LEAST_CALLS])
    return is_proved([went for (went,) in found])


def require_place(way: Way, step_id: UUID) -> None:
    """Few at once try a model that has not proved itself: as many as it takes to find out (case M03).

    Inside the transaction that writes the call down. Raises NotNow where so many are unanswered or have failed; one
    after the other may always ask.
    """
    sql.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"breaker {way.model_id}"])
    values = [way.clocks.total_s, way.model_id, step_id, way.model_id, WINDOW.total_seconds(), way.model_id]
    unanswered, failed = sql.row(_UNPROVED, values) or (0, 0)
    if unanswered and unanswered + failed >= LEAST_CALLS:
        raise NotNow(
            f'The model "{way.model}" ({way.provider}) has yet to answer those who asked before. '
            "The step asks by itself as soon as it does.",
            code="unproved",
            after=ASK_AGAIN,
        )


def refused(way_named: str, after_s: float) -> NotNow:
    return NotNow(
        f"{way_named} has failed again and again and is left alone for a moment. The step asks again by itself.",
        code="breaker_open",
        after=timedelta(seconds=max(after_s, 1)),
    )


def require_probe(way: Way) -> None:
    """Become the one probe of a model whose rest is over. Raises NotNow where somebody else is it."""
    try:
        if not sql.changed(_PROBE, [way.clocks.total_s, way.model_id]):
            raise refused(f'The model "{way.model}" ({way.provider})', OPEN_FOR.total_seconds())
    finally:
        sql.release()


def give_up_probe(way: Way) -> None:
    """The probe was not asked after all: the next one may."""
    try:
        sql.execute("UPDATE connectors_breaker SET probe_until = NULL WHERE model_id = %s", [way.model_id])
    finally:
        sql.release()


def learn(way: Way, went: str, said: str) -> None:
    """How a call went: "ok", "fault" or "client"; the last one says that the provider lives."""
    if way.model_id is None or (went != "fault" and not way.probes):
        return
    try:
        if went != "fault":
            if sql.changed(_CLOSE, [way.model_id]):
                log.warning("breaker.closed: %s (%s) answers again", way.model, way.provider)
        elif way.probes:
            sql.execute(_REOPEN, [OPEN_FOR.total_seconds(), said[:300], way.model_id])
        else:
            _count(way, said)
    finally:
        sql.release()


def _count(way: Way, said: str) -> None:
    """Who still waits for an answer counts as a call too: silence is known so late that what failed at once is old."""
    found = sql.row(_HEALTH, [way.clocks.total_s, way.model_id, way.model_id, WINDOW.total_seconds(), way.model_id])
    unanswered, ended, failures = found if found is not None else (0, 0, 0)
    calls = ended if is_sick(ended, failures) else ended + unanswered
    if not is_sick(calls, failures):
        return
    values = [way.model_id, way.provider_url, OPEN_FOR.total_seconds(), failures, calls, said[:300]]
    if sql.changed(_OPEN, values):
        log.warning("breaker.opened: %s (%s), %s of %s calls failed", way.model, way.provider, failures, calls)


_SINCE = "coalesce((SELECT closed_at FROM connectors_breaker WHERE model_id = %s), '-infinity')"
_LATELY = f"""
SELECT went FROM connectors_modelcall
WHERE model_row = %s AND went IN ('ok', 'fault')
    AND ended_at > (SELECT clock_timestamp()) - make_interval(secs => %s) AND ended_at > {_SINCE}
ORDER BY ended_at DESC LIMIT %s
"""
# A call that its worker left behind counts until its step asks again.
_UNANSWERED = """
    SELECT count(*) FROM connectors_modelcall AS call
    WHERE status = 'reserved' AND at > (SELECT clock_timestamp()) - make_interval(secs => %s) AND model_row = %s
        AND NOT EXISTS (
            SELECT FROM connectors_modelcall AS next WHERE next.step_id = call.step_id AND next.id > call.id
        )
"""
_HEALTH = f"""
SELECT ({_UNANSWERED}), count(*), count(*) FILTER (WHERE went = 'fault') FROM connectors_modelcall
WHERE model_row = %s AND went IN ('ok', 'fault')
    AND ended_at > (SELECT clock_timestamp()) - make_interval(secs => %s) AND ended_at > {_SINCE}
"""
# Statements that follow the lock see all that those who had it before have written.
_UNPROVED = f"""
SELECT ({_UNANSWERED} AND step_id <> %s), (
    SELECT count(*) FROM connectors_modelcall
    WHERE model_row = %s AND went = 'fault'
        AND ended_at > (SELECT clock_timestamp()) - make_interval(secs => %s) AND ended_at > {_SINCE}
)
"""

_OPEN = """
INSERT INTO connectors_breaker AS breaker (model_id, base_url, opened_at, open_until, failures, calls, said)
VALUES (%s, %s, clock_timestamp(), clock_timestamp() + make_interval(secs => %s), %s, %s, %s)
ON CONFLICT (model_id) DO UPDATE
SET base_url = excluded.base_url, opened_at = excluded.opened_at, open_until = excluded.open_until,
    probe_until = NULL, failures = excluded.failures, calls = excluded.calls, said = excluded.said
WHERE breaker.open_until IS NULL OR breaker.base_url <> excluded.base_url
"""

_PROBE = """
UPDATE connectors_breaker SET probe_until = clock_timestamp() + make_interval(secs => %s)
WHERE model_id = %s AND open_until <= clock_timestamp()
    AND (probe_until IS NULL OR probe_until < clock_timestamp())
"""

_REOPEN = """
UPDATE connectors_breaker
SET open_until = clock_timestamp() + make_interval(secs => %s), probe_until = NULL, said = %s
WHERE model_id = %s AND open_until IS NOT NULL
"""

_CLOSE = """
UPDATE connectors_breaker SET open_until = NULL, probe_until = NULL, closed_at = clock_timestamp()
WHERE model_id = %s AND open_until IS NOT NULL
"""
