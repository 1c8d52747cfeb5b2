"""A new run: written with whatever it can do at once, so that a run of local steps costs one commit and no message."""

from __future__ import annotations

import copy
import logging
from functools import partial

from django.db import Error, transaction

from audit.services import Deed
from workflows.models import Run
from workflows.runtime import journey, limits, queue, store, writing
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import Journey
from workflows.runtime.settling import Settlement
from workflows.runtime.stints import AT_THE_START

log = logging.getLogger(__name__)


def accept(run: Run, deed: Deed | None = None) -> Journey:
    """Write the run and hand out what is left to do; gives the run as it now is. Inside a transaction.

    `run` has its department, workflow, inputs, `created_at` and `expires_at`, and is not saved. `deed` is what the
    ledger has to say of it, and is written by the same statement.
    """
    settlement = (_begun(run) if limits.AT_ONCE else None) or _waiting(run)
    ready = settlement.ready()
    may_tell = not ready or store.may_tell(run.department_id)
    for step in ready:
        step.is_told = may_tell
    writing.accept(settlement, deed)
    transaction.on_commit(partial(fault_point, "run_committed_before_publish"))
    if not settlement.journey.steps:
        queue.hand_out("run", [run.pk], run.priority)
    queue.hand_out("step", [step.id for step in ready if step.is_told], run.priority)
    return settlement.journey


def _begun(run: Run) -> Settlement | None:
    settlement = _waiting(copy.copy(run))
    try:
        settlement.begin()
        settlement.advance(AT_THE_START)
    except Error:
        raise
    except Exception:
        # A worker will meet the same defect, and end the run for it where somebody can read why.
        log.exception("run.defect: run %s cannot begin", run.pk)
        return None
    return settlement


def _waiting(run: Run) -> Settlement:
    settlement = Settlement(Journey(run, journey.tree_of(run.version_id), {}, run.seq), run.created_at)
    settlement.say("run.accepted", by=run.started_by, mode=run.mode)
    return settlement
