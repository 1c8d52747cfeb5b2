"""Named places at which a test build kills, stops, delays or breaks its process (trust-tests.md, the harness).

In the product nobody sets `hook`, and a fault point costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

POINTS: Final = (
    "before_run_commit",  # P1
    "run_committed_before_publish",  # P2
    "msg_received_before_claim",  # P3
    "claim_sent_ack_lost",  # P4
    "claimed_before_effect",  # P5
    "intent_committed_before_send",  # P6
    "response_before_completion_tx",  # P8; P7 lies at the receiver, which holds its answer back
    "in_completion_tx",  # P9
    "commit_sent_ack_lost",  # P10
    "committed_before_publish",  # P11
    "published_before_ack",  # P12
    "heartbeat_dies_step_lives",  # P13
    "step_stuck_heartbeat_lives",  # P14
    "sweeper_read_before_cas",  # P15
    "sweeper_cas_before_publish",  # P16
    "timer_due_before_cas",  # P17
    "event_written_before_look",  # R08
    "answered_before_settled",  # a told event, between the other side's answer and our row
    "approval_committed_before_publish",  # P18
    "fanout_mid_batch",  # P21
    "cancel_between_any",  # P22
)

hook: Callable[[str], None] | None = None


def fault_point(name: str) -> None:
    """Where a fault may strike. `name` is one of POINTS."""
    if hook is not None:
        hook(name)
