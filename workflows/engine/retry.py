"""When to try again: a pure decision."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from connectors.sdk.errors import RateLimited, StepError
from workflows.engine.definition import Retry

LONGEST_RETRY_AFTER = timedelta(days=1)


def next_attempt(policy: Retry, attempt: int, error: StepError, now: datetime, dice: random.Random) -> datetime | None:
    """When to try again after the attempt of this number (from 1) failed, or None to give up.

    Delays double from `first_delay_s` to `longest_s`, each ±20 %; a server's Retry-After wins when it is later, and one
    of more than a day means giving up. Source: RFC 9110 §10.2.3.
    """
    if not error.retryable or attempt >= policy.attempts:
        return None

    asked = error.retry_after if isinstance(error, RateLimited) else None
    if asked is not None and asked > LONGEST_RETRY_AFTER:
        return None
    delay_s = min(policy.first_delay_s * 2 ** (attempt - 1), policy.longest_s) * dice.uniform(0.8, 1.2)
    return now + max(timedelta(seconds=delay_s), asked or timedelta())


LONGEST_PATIENCE = timedelta(minutes=4)


def ask_again(after: timedelta, times: int, dice: random.Random) -> timedelta:
    """How long to wait once a step was put off for this time (1 is the first), so that many do not come at once.

    Up to half as long again, and longer each time up to four minutes; what is longer by itself stays as long.
    """
    longer = after * (1 + min(times - 1, 20) / 4)
    return max(after, min(longer, LONGEST_PATIENCE)) + min(after, LONGEST_PATIENCE) * dice.uniform(0, 0.5)
