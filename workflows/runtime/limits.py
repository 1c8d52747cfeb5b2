"""Limits with names (house.md, engine, 8)."""

from __future__ import annotations

from datetime import timedelta

LEASE = timedelta(seconds=60)
HEARTBEAT_S = 15.0
MOST_CLAIMS = 5
"""Claims of a step that never came to an end before it is taken for poison."""

SUSPECT_CLAIMS = 3
"""A step whose worker was lost so often is begun only while no other such step is under way: it may be the cause."""

FORGOTTEN = timedelta(seconds=10)
"""After this a hand-out that nobody took up counts as lost."""

SWEEP_BATCH = 200
TICK_S = 1.0

INLINE_BYTES = 1_000_000
STATE_BYTES = 32_000_000
STEPS_PER_RUN = 25_000
LOCAL_STEPS_PER_TRANSACTION = 200
DEEPEST_CALL = 8
RUN_LIFETIME = timedelta(days=90)
DEPARTMENT_SHARE = 384
"""Steps of one department that may be under way at once, of 512 per worker process."""
AT_ONCE = True
"""Whether a run does its first local steps in the transaction that accepts it, before any worker hears of it."""
CLAIMS_AT_ONCE = 40
"""So many claims may be made at the same moment: the database connections of two worker processes."""
EVENTS_KEPT = timedelta(days=90)
DELIVERIES_KEPT = timedelta(days=30)
KEYS_KEPT = timedelta(hours=48)
"""How long a repeated request with an Idempotency-Key gets the same answer (rule S19 asks for 24 hours)."""
LOOK_S = 120.0
"""A trigger that looks asks nothing more of others after this."""
LOOK_LEASE = timedelta(minutes=5)
"""Longer than the last question of a look may take after that."""
DELIVERY_LEASE = timedelta(seconds=60)
"""Longer than one turn: the time that an address has for all that it is sent at once, and writing down its answers."""
LOOKS_AT_ONCE, LOOKS_OF_ONE_DEPARTMENT = 16, 6
"""In one scheduler."""
