"""The door to Celery: "look now" at a run or a step. Losing, doubling or reordering these words changes only time."""

from __future__ import annotations

import logging
from typing import Literal
from uuid import UUID

from django.db import transaction
from kombu.exceptions import OperationalError

from workflows.models import Priority
from workflows.runtime.faults import fault_point

log = logging.getLogger(__name__)

Kind = Literal["run", "step"]
QUEUES = {Priority.INTERACTIVE: "interactive", Priority.NORMAL: "normal", Priority.BULK: "bulk"}


def hand_out(kind: Kind, ids: list[UUID], priority: int) -> None:
    """Once the transaction stands, tell a worker to look. A broker that is away costs a sweep, never an error."""
    if ids:
        transaction.on_commit(lambda: _tell(kind, ids, priority))


def _tell(kind: Kind, ids: list[UUID], priority: int) -> None:
    fault_point("committed_before_publish")
    publish(kind, ids, priority)
    fault_point("published_before_ack")


def publish(kind: Kind, ids: list[UUID], priority: int) -> bool:
    """Whether every word went out."""
    # tasks imports the runtime; the runtime reaches Celery only here.
    from workflows.tasks import look

    try:
        for each in ids:
            look.apply_async((kind, str(each)), queue=QUEUES[Priority(priority)], retry=False)
    except (OperationalError, OSError) as error:
        log.warning("broker.away: the broker takes no messages, the scheduler will carry on (%s)", type(error).__name__)
        return False
    except Exception:  # a transport's own error, or a defect of ours: neither may reach a person's request
        log.exception("broker.defect: the message could not be sent, the scheduler will carry on")
        return False
    return True
