"""What a worker does when it is told to look: claim, perform, settle, and go on with what came next."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

import uuid_utils.compat as uuid
from django.db import Error, InterfaceError, OperationalError, connection, transaction

from audit.sql import release
from connectors.log_context import about
from connectors.sdk import Effect, StepError, Unavailable
from workflows.models import Run, RunStatus
from workflows.runtime import (
    children,
    ending,
    heartbeat,
    journey,
    meters,
    performing,
    queue,
    restored,
    siblings,
    store,
    writing,
)
from workflows.runtime.faults import fault_point
from workflows.runtime.journey import Journey, Step
from workflows.runtime.performing import Attempted
from workflows.runtime.settling import Settlement
from workflows.runtime.store import Claimed

log = logging.getLogger(__name__)

PAUSES_S = (0.1, 0.5, 2.0, 5.0)
"""How long a worker waits for a database that went away, before it leaves the step to its lease."""


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
Given = TypeVar("Given")


def look(kind: queue.Kind, id: UUID) -> None:
    """Do what is to be done at this run or step, and whatever follows from it, until others have to act."""
    work: Next = Look(kind, id)
    try:
        while work is not None:
            work = _go_on(work)
    except (OperationalError, InterfaceError) as error:
        # Nothing is lost: what stands in the database is looked at again when its lease or hand-out is old.
        log.warning("database.away: %s %s is left to the scheduler (%s)", kind, id, type(error).__name__)
        connection.close()
    finally:
        release()


def _go_on(work: Claimed | Look | Join) -> Next:
    try:
        if isinstance(work, Claimed):
            with about(run_id=work.journey.run.pk, step_id=work.step.id):
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
    first = Settlement(journey.load(run), now)
    first.begin()
    first.advance()
    settlements = [first, *siblings.settle(first)] if run.body else [first]
    return write(settlements, may_take_up=store.has_room(run.department_id))


def _end_for_defect(run_id: UUID, what: str) -> Next:
    run = store.lock_run(run_id)
    if run is None:
        return None
    settlement = Settlement(
        Journey(run, journey.tree_of(run.version_id), journey.read_steps(run_id), run.seq), store.clock()
    )
    settlement.end_for("defect", f"The run cannot go on: {what}.")
    return write([settlement])


def take(step_run_id: UUID) -> Next:
    """Claim a step that was handed out."""
    token = uuid.uuid4()
    try:
        return store.claim(step_run_id, token)
    except (OperationalError, InterfaceError):
        connection.close()
        return _patiently(partial(store.claimed_before, step_run_id, token))


def carry_out(work: Claimed) -> Next:
    """Perform the step outside any transaction, then settle it."""
    try:
        prepared = performing.prepare(work.journey, work.step)
    except StepError as error:
        return finish_attempt(work, Attempted(error=error))
    if isinstance(prepared, Attempted):
        return finish_attempt(work, prepared)

    if restored.may_have_happened(work.journey.run, work.step.id, prepared.effect):
        _surely(partial(store.announce_effect, work.step))
        return finish_attempt(work, Attempted(error=Unavailable(restored.WHY, maybe_done=True), effect=Effect.UNSAFE))

    limit_s = prepared.node.timeout_s or prepared.action.timeout_s
    with heartbeat.beating(work.step.id, work.token, limit_s, partial(_give_up, work, limit_s)) as beat:
        release()
        fault_point("claimed_before_effect")
        fault_point("step_stuck_heartbeat_lives")
        fence = partial(_may_reach_out, work.step, beat)
        with meters.timed(prepared.node.kind) as came:
            attempted = performing.perform(work.journey, work.step, prepared, work.now, fence)
            came += [attempted.error.code] if attempted.error else []
        fault_point("response_before_completion_tx")
        if beat.is_lost:
            raise store.LostAuthority(work.step.path)
        return finish_attempt(work, attempted)


def _may_reach_out(step: Step, beat: heartbeat.Beat, effect: Effect) -> None:
    """Before anything leaves this process (rule E3). Raises LostAuthority.

    What the receiver would not recognise as the same once more is asked of the database; the rest of our own memory.
    """
    if not beat.holds():
        raise store.LostAuthority(step.path)
    # Both say the same however often they are said.
    if effect is Effect.UNSAFE:
        _surely(partial(store.announce_effect, step))
    elif effect is Effect.CHECKABLE:
        _surely(partial(store.confirm, step))


def finish_attempt(work: Claimed, attempted: Attempted) -> Next:
    """Settle, and settle again where the database went away; a commit without an answer is looked up (rule E10)."""
    after: Next = None

    def settle_once() -> Next:
        nonlocal after
        with transaction.atomic():
            after = settle(work, attempted)
            fault_point("in_completion_tx")
        fault_point("commit_sent_ack_lost")
        return after

    try:
        return settle_once()
    except (OperationalError, InterfaceError) as error:
        log.warning("database.away: settling %s again (%s)", work.step.path, type(error).__name__)
        connection.close()
    # The memory of a settlement that was rolled back is ahead of the tables.
    work.journey.seq = -1
    try:
        return _patiently(settle_once)
    except store.LostAuthority:
        return _if_ours(after)


def settle(work: Claimed, attempted: Attempted) -> Next:
    """Inside a transaction: fence, result, journal, plan, and the claim on what comes next."""
    known, now = store.hold(work)
    settlement = Settlement(known, now)
    settlement.apply(known.steps[work.step.path], attempted)
    settlement.advance()
    return write([settlement])


def write(settlements: list[Settlement], *, may_take_up: bool = True) -> Next:
    """Write what was settled; says what this worker goes on with. Inside a transaction.

    Of several settlements the last one is that which may go on; those before it have ended. Who goes on after a step
    takes the place of that step among those of the department; who begins a run needs one.
    """
    last = settlements[-1]
    ready = last.ready()
    first, others = (ready[0], ready[1:]) if ready else (None, [])
    token = last.take_up(first) if first is not None and may_take_up else None
    writing.write(settlements)
    if orphaned := last.dropped_while("children"):
        ending.cancel_children(orphaned)
    if last.is_over:
        return _after_the_end(last)

    queue.hand_out("step", [step.id for step in others], last.run.priority)
    if first is not None:
        queue.hand_out("run", last.child_ids, last.run.priority)
        return Claimed(last.journey, first, token, last.now) if token else Look("step", first.id)
    queue.hand_out("run", last.child_ids[1:], last.run.priority)
    return Look("run", last.child_ids[0]) if last.child_ids else None


def _after_the_end(settlement: Settlement) -> Next:
    """A run inside another one lets its next sibling begin, or wakes the step that waits for them all."""
    run = settlement.run
    if run.parent_step_id is None:
        return None
    if run.status == RunStatus.FAILED and not children.keeps_going(run.parent_step_id):
        children.drop_held(run.parent_step_id)
    sibling = children.release_next(run.parent_step_id)
    return Look("run", sibling) if sibling else Join(run.parent_step_id)


def _surely(deed: Callable[[], Given]) -> Given:
    """Do it; where the database has gone away, patiently."""
    try:
        return deed()
    except (OperationalError, InterfaceError):
        connection.close()
        return _patiently(deed)


def _patiently(deed: Callable[[], Given]) -> Given:
    """Do it once the database answers again. Raises what it raised last."""
    for pause in PAUSES_S:
        time.sleep(pause)
        try:
            return deed()
        except (OperationalError, InterfaceError):
            connection.close()
    return deed()


def _if_ours(after: Next) -> Next:
    """The claim is gone: either our own commit was heard, or somebody else took over."""
    return store.claimed_before(after.step.id, after.token) if isinstance(after, Claimed) else after


def _give_up(work: Claimed, limit_s: float) -> None:
    """The step has had its time. Whatever its thread still does, it has lost the right to write."""
    error = Unavailable(f"The step took longer than its {limit_s:g} seconds.", maybe_done=True)
    try:
        after = finish_attempt(work, Attempted(error=error))
        while after is not None:
            after = _go_on(after)
    except store.LostAuthority:
        return
    finally:
        release()
