"""Money is put aside before a call and settled after it (rule L7): no reserve, no call.

The guarded statements lock the run, its workflow and its department, in this order, for the length of one short
transaction; departments have no row in common. READ COMMITTED is enough: each update repeats in its WHERE what it
relies on. No connection is held while the model answers.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection, transaction
from uuid_utils.compat import uuid7

from audit import sql
from connectors.models_gateway import breaker
from connectors.models_gateway.payer import Limit, Payer, Used, step_is_out, stopped, why_not
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import Way
from connectors.sdk.errors import NotNow

log = logging.getLogger(__name__)

EXTRA_SHARE = 10
"""Repeats of a provider in a minute, in percent of the other calls (rule L6)."""
EXTRA_FREE = 10
"""So many are always allowed: ten percent of a few calls would be none."""
TURNS = 5
NOTHING = Used(Decimal(0), Decimal(0), 0, 0)


class _Refused(Exception):
    """The statement did not find room; what it has changed is rolled back."""


@dataclass(frozen=True, slots=True)
class Purse:
    payer: Payer

    def put_aside(self, way: Way, usd: Decimal, *, is_extra: bool = False) -> UUID:
        """The id of the reserve. Raises NotNow, and nothing is changed then."""
        try:
            if is_extra:
                _require_patience(way)
            self._require_steps_turn()
            return self._reserve(way, usd, is_extra)
        finally:
            sql.release()

    def settle(self, reserve: UUID, call: CallRecord, went: str) -> None:
        """Count what the call has cost. A provider that may send a bill and has not said how much keeps its reserve.

        An answer is worth more than its bill: a database that is away now finds the reserve later, and keeps it.
        """
        is_unknown = call["estimated"] and bool(call["error"])
        try:
            settle(reserve, call, went, status="unknown" if is_unknown else "settled")
        except (OperationalError, InterfaceError) as error:
            log.warning("spending.waits: the call %s is settled later (%s)", reserve, type(error).__name__)
            connection.close()
        finally:
            sql.release()

    def _reserve(self, way: Way, usd: Decimal, is_extra: bool) -> UUID:
        is_proved = breaker.has_proved_itself(way)
        for _turn in range(TURNS):
            reserve = uuid7()
            try:
                with transaction.atomic():
                    if not is_proved:
                        breaker.require_place(way, self.payer.step_id)
                    found = sql.row(_RESERVE, self._values(reserve, way, usd, is_extra))
                    if found is None:
                        raise _Refused
            except _Refused:
                self._raise_why(usd)
            else:
                self._tell_of_soft(*found)
                return reserve
        raise NotNow("Too many questions want the same budget at once.", code="budget", after=timedelta(seconds=10))

    def _values(self, reserve: UUID, way: Way, usd: Decimal, is_extra: bool) -> list[object]:
        payer = self.payer
        for limit in payer.limits:
            if limit.stopped_by:
                raise stopped(limit)
        return [
            *(value for limit in payer.limits for value in _room(payer.department.subject, limit, usd)),
            *(reserve, payer.department.subject, payer.workflow.subject, payer.run.subject, payer.step_id),
            *(payer.department.month, way.provider, way.model, way.model_id, is_extra, usd),
        ]

    def _raise_why(self, usd: Decimal) -> None:
        """Say which limit it was. Where none is to be found any more, others have given back: try again."""
        subjects = [limit.subject for limit in self.payer.limits]
        months = [limit.month for limit in self.payer.limits]
        *rows, (_nobody, *_nothing, now) = sql.rows(_USED, [subjects, months])
        found = {subject: Used(*used) for subject, *used, _now in rows}
        for limit in reversed(self.payer.limits):
            if (why := why_not(limit, found.get(limit.subject, NOTHING), usd, now)) is not None:
                self.payer.tell(limit, "hard")
                raise why

    def _tell_of_soft(self, of_workflow: Decimal, of_department: Decimal) -> None:
        for limit, used in ((self.payer.workflow, of_workflow), (self.payer.department, of_department)):
            if limit.soft_usd is not None and used > limit.soft_usd:
                self.payer.tell(limit, "soft")

    def _require_steps_turn(self) -> None:
        most = self.payer.calls_per_step
        if most is None:
            return
        found = sql.row(_OF_STEP, [self.payer.step_id])
        if found is not None and found[0] >= most:
            raise step_is_out(most)


def settle(reserve: UUID, call: CallRecord, went: str, *, status: str) -> bool:
    """False when it was settled already. Also for what is settled late."""
    tokens = call["tokens_in"], call["tokens_out"]
    values = [reserve, status, call["cost_usd"], *tokens, call["estimated"], went, call["error"][:40]]
    return sql.row(_SETTLE, values) is not None


def _room(department_id: UUID, limit: Limit, usd: Decimal) -> list[object]:
    money, calls, hourly = limit.usd, limit.calls, limit.calls_per_hour
    first = [department_id, limit.subject, limit.month, usd, money, usd, money, calls, hourly]
    return [*first, money, money, calls, calls, hourly, hourly]


def _require_patience(way: Way) -> None:
    """Raises NotNow where too many calls of this provider are repeats already: a storm helps nobody."""
    found = sql.row(_EXTRA, [way.provider])
    first, extra = found if found is not None else (0, 0)
    if extra >= max(EXTRA_FREE, first * EXTRA_SHARE // 100):
        raise NotNow(
            f"{way.provider} fails often at the moment, and enough questions are being repeated already. "
            "This one is asked again in a while.",
            code="retry_budget",
            after=timedelta(seconds=30),
        )


_THIS_HOUR = "date_trunc('hour', clock_timestamp())"
_ROOM = f"""
    INSERT INTO connectors_spending AS spending (department_id, subject, month, spent_usd, reserved_usd, calls, hour,
        hour_calls)
    SELECT %s, %s, %s::date, 0, %s::numeric, 1, {_THIS_HOUR}, 1
    WHERE (%s::numeric IS NULL OR %s::numeric <= %s::numeric) AND coalesce(%s::integer, 1) > 0
        AND coalesce(%s::integer, 1) > 0 {{after}}
    ON CONFLICT (subject, month) DO UPDATE
    SET reserved_usd = spending.reserved_usd + excluded.reserved_usd, calls = spending.calls + 1, hour = excluded.hour,
        hour_calls = CASE WHEN spending.hour = excluded.hour THEN spending.hour_calls + 1 ELSE 1 END
    WHERE (%s::numeric IS NULL OR spending.spent_usd + spending.reserved_usd + excluded.reserved_usd <= %s::numeric)
        AND (%s::integer IS NULL OR spending.calls < %s::integer)
        AND (%s::integer IS NULL OR spending.hour IS DISTINCT FROM excluded.hour OR spending.hour_calls < %s::integer)
    RETURNING spent_usd + reserved_usd AS used
"""
# Each part is begun by the one before it, so that all callers lock in the same order.
_RESERVE = f"""
WITH run AS ({_ROOM.format(after="")}),
workflow AS ({_ROOM.format(after="AND EXISTS (SELECT FROM run)")}),
department AS ({_ROOM.format(after="AND EXISTS (SELECT FROM workflow)")})
INSERT INTO connectors_modelcall (id, department_id, workflow_id, run_id, step_id, month, provider, model, model_row,
    is_extra, reserved_usd, at, status, cost_usd, tokens_in, tokens_out, estimated, went, error)
SELECT %s, %s, %s, %s, %s, %s::date, %s, %s, %s, %s, %s, clock_timestamp(), 'reserved', 0, 0, 0, false, '', ''
FROM department
RETURNING (SELECT used FROM workflow), (SELECT used FROM department)
"""

_USED = f"""
SELECT subject, spent_usd, reserved_usd, calls, CASE WHEN hour = {_THIS_HOUR} THEN hour_calls ELSE 0 END,
    clock_timestamp()
FROM connectors_spending
WHERE (subject, month) IN (SELECT * FROM unnest(%s::uuid[], %s::date[]))
UNION ALL SELECT NULL, 0, 0, 0, 0, clock_timestamp()
"""

_OF_STEP = "SELECT count(*) FROM connectors_modelcall WHERE step_id = %s"

_EXTRA = """
SELECT count(*) FILTER (WHERE NOT is_extra), count(*) FILTER (WHERE is_extra) FROM connectors_modelcall
WHERE provider = %s AND at > (SELECT clock_timestamp()) - interval '1 minute'
"""

_PAID = """
    UPDATE connectors_spending AS spending
    SET spent_usd = spent_usd + call.cost_usd, reserved_usd = spending.reserved_usd - call.reserved_usd
    FROM call WHERE call.status = 'settled'
"""
_SETTLE = f"""
WITH before AS (
    SELECT id, status, cost_usd, tokens_in, tokens_out FROM connectors_modelcall
    WHERE id = %s AND status <> 'settled' FOR NO KEY UPDATE
), call AS (
    UPDATE connectors_modelcall AS call
    SET status = %s, cost_usd = %s::numeric, tokens_in = %s, tokens_out = %s, estimated = %s, went = %s, error = %s,
        ended_at = coalesce(ended_at, clock_timestamp())
    FROM before WHERE call.id = before.id
    RETURNING call.*, before.status = 'reserved' AS is_first, before.cost_usd AS cost_before,
        before.tokens_in AS in_before, before.tokens_out AS out_before
), run AS (
    {_PAID} AND spending.subject = call.run_id AND spending.month = '2000-01-01' RETURNING 1
), workflow AS (
    {_PAID} AND spending.subject = call.workflow_id AND spending.month = call.month
        AND EXISTS (SELECT FROM run) RETURNING 1
), department AS (
    {_PAID} AND spending.subject = call.department_id AND spending.month = call.month
        AND EXISTS (SELECT FROM workflow) RETURNING 1
)
INSERT INTO connectors_cost AS cost (department_id, workflow_id, month, provider, model, calls, estimated_calls,
    tokens_in, tokens_out, cost_usd)
SELECT department_id, workflow_id, month, provider, model, is_first::integer, (is_first AND estimated)::integer,
    tokens_in - in_before, tokens_out - out_before, cost_usd - cost_before FROM call
ON CONFLICT (department_id, month, workflow_id, provider, model) DO UPDATE
SET calls = cost.calls + excluded.calls, estimated_calls = cost.estimated_calls + excluded.estimated_calls,
    tokens_in = cost.tokens_in + excluded.tokens_in, tokens_out = cost.tokens_out + excluded.tokens_out,
    cost_usd = cost.cost_usd + excluded.cost_usd
RETURNING 1
"""
