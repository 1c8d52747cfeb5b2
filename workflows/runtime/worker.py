"""What a worker does when it is told to look: claim, perform, settle, and go on with what came next."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db import Error, transaction

from connectors.sdk import StepError, Unavailable
from workflows.models import Run, RunStatus, StepRun
from workflows.runtime import children, ending, heartbeat, journey, performing, queue, store
from workflows.runtime.context import release
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import Journey, Step
from workflows.runtime.performing import Attempted, Skip
from workflows.runtime.settling import Settlement

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step this worker may perform: it holds the claim token."""

    journey: Journey
    step: Step


@dataclass(frozen=True, slots=True)
class Look:
    """Something else to look at next, with no claim on it yet."""

    kind: queue.Kind
    id: UUID


@dataclass(frozen=True, slots=True)
class Join:
    """The last child of this step may just have ended."""

    step_run_id: UUID


Next = Claimed | Look | Join | None


def look(kind: queue.Kind, id: UUID) -> None:
    """Do what is to be done at this run or step, and whatever follows from it, until others have to act."""
    work: Next = Look(kind, id)
    try:
        while work is not None:
            work = _go_on(work)
    finally:
        release()


def _go_on(work: Claimed | Look | Join) -> Next:
    try:
        if isinstance(work, Claimed):
            return carry_out(work)
        if isinstance(work, Join):
            return Look("step", work.step_run_id) if children.join(work.step_run_id) else None
        return begin(work.id) if work.kind == "run" else take(work.id)
    except store.LostAuthority as lost:
        log.info("claim.lost: %s belongs to somebody else now, the result is discarded", lost)
        return None


def begin(run_id: UUID) -> Next:
    """Start a queued run, or go on with one that was resumed."""
    try:
        with transaction.atomic():
            run = store.lock_run(run_id)
            return _begin(run) if run is not None and run.status == RunStatus.QUEUED and not run.held else None
    except Error:
        raise
    except Exception as error:
        # Beginning does only what the definition says: it would break the same way at every sweep.
        log.exception("run.defect: run %s cannot begin", run_id)
        with transaction.atomic():
            return _end_for_defect(run_id, performing.describe(error))


def _begin(run: Run) -> Next:
    now = store.clock()
    run.started_at = run.started_at or now
    run.status = RunStatus.RUNNING
    settlement = Settlement(journey.load(run), now)
    settlement.say("run.began")
    return settle(settlement)


def _end_for_defect(run_id: UUID, what: str) -> Next:
    run = store.lock_run(run_id)
    if run is None:
        return None
    settlement = Settlement(
        Journey(run, journey.tree_of(run.version_id), journey.read_steps(run_id), run.seq), store.clock()
    )
    settlement.end_for("defect", f"The run cannot go on: {what}.")
    store.flush(settlement, None)
    return _after_the_end(settlement)


def take(step_run_id: UUID) -> Next:
    """Claim a step that was handed out."""
    token = store.claim(step_run_id)
    if token is None:
        return None
    row = StepRun.objects.select_related("run__department", "run__workflow").get(pk=step_run_id)
    known = journey.load(row.run)
    return Claimed(known, known.steps[row.path])


def carry_out(work: Claimed) -> Next:
    """Perform the step outside any transaction, then settle it."""
    token = work.step.claim_token
    assert token is not None
    try:
        prepared = performing.prepare(work.journey, work.step)
    except StepError as error:
        return finish_attempt(work, token, Attempted(error=error))
    if isinstance(prepared, Skip):
        return finish_attempt(work, token, Attempted(outcome=prepared))

    limit_s = prepared.node.timeout_s or prepared.action.timeout_s
    with heartbeat.beating(work.step.id, token, limit_s, partial(_give_up, work, token, limit_s)) as beat:
        now = store.clock()
        release()
        fault_point("claimed_before_effect")
        fault_point("step_stuck_heartbeat_lives")
        attempted = performing.perform(
            work.journey, work.step, prepared, now, before_effect=partial(store.announce_effect, work.step)
        )
        fault_point("response_before_completion_tx")
        if beat.is_lost:
            raise store.LostAuthority(work.step.path)
        return finish_attempt(work, token, attempted)


def finish_attempt(work: Claimed, token: UUID, attempted: Attempted) -> Next:
    """One transaction: fence, result, journal, plan, and the claim on what comes next."""
    with transaction.atomic():
        run = store.lock_run(work.journey.run.pk)
        if run is None:
            raise store.LostAuthority(work.step.path)
        store.fence(work.step, token)
        settlement = Settlement(_agreeing(work, run), store.clock())
        settlement.apply(settlement.journey.steps[work.step.path], attempted)
        after = settle(settlement)
        fault_point("in_completion_tx")
    fault_point("commit_sent_ack_lost")
    return after


def settle(settlement: Settlement) -> Next:
    """Plan and write; says what this worker goes on with. Inside a transaction."""
    settlement.advance()
    if settlement.is_over:
        store.flush(settlement, None)
        return _after_the_end(settlement)

    ready = settlement.ready()
    store.flush(settlement, ready[0] if ready else None)
    queue.hand_out("step", [step.id for step in ready[1:]], settlement.run.priority)
    if not ready and settlement.child_ids:
        queue.hand_out("run", settlement.child_ids[1:], settlement.run.priority)
        return Look("run", settlement.child_ids[0])
    queue.hand_out("run", settlement.child_ids, settlement.run.priority)
    return Claimed(settlement.journey, ready[0]) if ready else None


def _after_the_end(settlement: Settlement) -> Next:
    """A run inside another one lets its next sibling begin, or wakes the step that waits for them all."""
    run = settlement.run
    if any(step.inside.get("items") is not None for step in settlement.journey.steps.values()):
        ending.cancel_children(run.pk)
    if run.parent_step_id is None:
        return None
    if run.status == RunStatus.FAILED and not _keeps_going(run.parent_step_id):
        children.drop_held(run.parent_step_id)
    sibling = children.release_next(run.parent_step_id)
    return Look("run", sibling) if sibling else Join(run.parent_step_id)


def _keeps_going(step_run_id: UUID) -> bool:
    inside = StepRun.objects.values_list("inside", flat=True).get(pk=step_run_id)
    return bool(inside.get("keep_going"))


def _agreeing(work: Claimed, run: Run) -> Journey:
    """The journey as the locked run has it: the worker's own memory where nobody else has written since."""
    if work.journey.seq == run.seq:
        return Journey(run, work.journey.tree, work.journey.steps, run.seq)
    fresh = journey.load(run)
    for path, step in work.journey.steps.items():
        if path in fresh.steps:
            fresh.steps[path].output = step.output
    return fresh


def _give_up(work: Claimed, token: UUID, limit_s: float) -> None:
    """The step has had its time. Whatever its thread still does, it has lost the right to write."""
    error = Unavailable(f"The step took longer than its {limit_s:g} seconds.")
    try:
        after = finish_attempt(work, token, Attempted(error=error))
        while after is not None:
            after = _go_on(after)
    except store.LostAuthority:
        return
    finally:
        release()
