"""Settle a step and go on: one transaction fences, writes the result, plans, does local steps, and claims the next.

What a run is to become is decided in memory (`Settlement`) and written by `writing.write` in one statement.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid

from connectors.sdk import BadParams, Call, Done, Enter, Rejected, SendBack, Spawn, StepError, Stop, Unavailable, Wait
from connectors.sdk.errors import NotNow
from workflows.engine import params, plan, strict
from workflows.engine.definition import Retry
from workflows.engine.drill import model_of
from workflows.engine.retry import ask_again, next_attempt
from workflows.models import Run, RunStatus, StepStatus, Task
from workflows.runtime import (
    approved,
    carrying_on,
    children,
    limits,
    listening,
    outputs,
    performing,
    setting_aside,
    stints,
    tasks,
    values,
)
from workflows.runtime.journey import Journey, Step
from workflows.runtime.kinds import kinds
from workflows.runtime.performing import Attempted, Skip
from workflows.runtime.stints import Stint

DICE = random.Random()

MAY_BE_SENT = "It may have been sent or not. Look at the other side, then run the step again or cancel the run."


@dataclass
class Settlement:
    """Everything one transaction will write for one run."""

    journey: Journey
    now: datetime
    new: dict[str, Step] = field(default_factory=dict)
    changed: dict[str, Step] = field(default_factory=dict)
    entries: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    attempts: list[tuple[Step, Attempted]] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    listens: list[tuple[Step, UUID, str]] = field(default_factory=list)
    child_ids: list[UUID] = field(default_factory=list)
    dropped: list[Step] = field(default_factory=list)
    aside: list[Step] = field(default_factory=list)
    first_entry: int = 0
    local_done: int = 0
    cost_usd: float = 0.0
    tokens: int = 0

    @property
    def run(self) -> Run:
        return self.journey.run

    def say(self, event: str, path: str = "", **detail: Any) -> None:
        self.entries.append((event, path, detail))

    def touch(self, step: Step) -> None:
        if step.path not in self.new:
            self.changed[step.path] = step

    # What an attempt made of its step -------------------------------------------------------------------------------

    def apply(self, step: Step, attempted: Attempted) -> None:
        """Write the end of an attempt into the step."""
        if isinstance(attempted.error, NotNow) and self._may_wait(attempted.error):
            self._postpone(step, attempted.error, attempted)
            return
        if step.signal == {"kind": "children"}:
            self._count_children(step)
        step.attempts += 1
        step.claims = 0
        step.claim_token = None
        woken_by, step.signal = step.signal or {}, None
        step.made_by = attempted.made_by
        self.touch(step)
        if attempted.error is None:
            step.intent_at = None
        if not kinds()[step.kind].local:
            self._count(step, attempted)
        for note in attempted.notes:
            self.say("step.note", step.path, note=note)
        try:
            if attempted.error is not None:
                raise attempted.error
            self._take(step, attempted.outcome)
            approved.remember(step, woken_by.get("answer") or {})
        except StepError as error:
            self._fail(step, error, attempted)
            if step.status in (StepStatus.READY, StepStatus.FAILED) and self._still_counts(step, woken_by):
                step.signal = woken_by  # still to be dealt with when it tries again, or is gone on with

    def _take(self, step: Step, outcome: Any) -> None:
        match outcome:
            case Skip():
                step.status = StepStatus.SKIPPED
                step.output = None
                self.say("step.skipped", step.path)
            case Done(output=output, summary=summary, rehearsed=rehearsed):
                step.output = outputs.clean(output, step.kind)
                step.status = StepStatus.SUCCEEDED
                step.error = None
                step.summary = strict.legible(summary, 290)
                if rehearsed:
                    step.inside = {**step.inside, "rehearsed": True}
                    self.say("step.rehearsed", step.path, would=strict.legible(summary, 10_000))
                self.say("step.succeeded", step.path)
            case Wait():
                self._wait(step, outcome)
            case performing.ByHand(code=code, message=message, mode=mode):
                self._ask_instead(step, {**self._described(step, code, message), "mode": mode})
            case SendBack():
                self._send_back(step, outcome)
            case Enter(arms=arms, catches=catches, round=round, scope=scope):
                step.status = StepStatus.INSIDE
                entered = {"arms": list(arms), "catches": catches, "round": round, "scope": dict(scope)}
                step.inside = {**entered, **self._tries_anew(step)}
                self.say("step.entered", step.path, arms=list(arms), round=round)
            case Spawn():
                self._start_children(step, children.spawn(self.journey, step, outcome))
            case Call():
                self._start_children(step, children.call(self.journey, step, outcome))
            case Stop(succeeded=succeeded, message=message):
                step.status = StepStatus.SUCCEEDED if succeeded else StepStatus.FAILED
                step.output = {"message": message}
                step.error = (
                    None if succeeded else self._described(step, "stopped", message or "The workflow stopped here.")
                )
                self.say("step.stopped", step.path, message=message)
                self.finish("" if succeeded else step.path)
            case _:
                raise performing.Defect(
                    f"The step kind {step.kind} ended with {type(outcome).__name__}, which is no outcome."
                )

    def _wait(self, step: Step, wait: Wait) -> None:
        if wait.ask:
            self.tasks.append(tasks.question(self.run, step, wait.ask, self.now))
        if wait.event is not None:
            self.listens.append((step, listening.trigger_for(self.run, wait.event), wait.event.reference))
        if wait.scope is not None:
            step.inside = {**step.inside, "scope": dict(wait.scope), **self._tries_anew(step)}
        step.status = StepStatus.WAITING
        step.wake_at = wait.until
        step.waits_for = "person" if wait.ask else "event" if wait.event else "time"
        self.say("step.waits", step.path, waits_for=step.waits_for)

    @staticmethod
    def _still_counts(step: Step, signal: dict[str, Any]) -> bool:
        """Of a container: what its steps came to, and what a person has said about them."""
        return signal.get("kind") in ("arms", "decided") and bool(kinds()[step.kind].sequences)

    def _tries_anew(self, step: Step) -> dict[str, Any]:
        """A container that reaches outside (an agent) has got on: its next turn has as many tries as its first."""
        if kinds()[step.kind].local:
            return {}
        by_machine = {"by_machine": True} if step.inside.get("by_machine") else {}
        return {"tries_before": step.attempts, **by_machine}

    def _ask_instead(self, step: Step, why: dict[str, Any]) -> None:
        """The machine cannot or must not: a person is asked for what the step gives."""
        node = self.journey.tree.node(step.step_id)
        self.tasks.append(tasks.instead(self.run, step, node, why, self.now))
        step.status = StepStatus.WAITING
        step.wake_at = None
        step.waits_for = "person"
        step.error = why
        self.say("step.asks", step.path, **why)

    def _send_back(self, step: Step, back: SendBack) -> None:
        """The draft's writer does it again: what came up since then is set aside, and planned anew."""
        redone = setting_aside.redone(self.journey, step)
        self.say("step.sent_back", step.path, to=redone.writer, by=back.by)
        step.inside = {**step.inside, "sent_back": {"to": redone.writer, "remarks": back.remarks, "draft": back.draft}}
        step.summary = strict.legible(f"sent back by {back.by}: {back.remarks}", 290)
        step.status = StepStatus.CANCELLED
        for each in redone.steps:
            if each.is_live:
                self._drop(each)
            self.touch(each)
        self.aside += setting_aside.put_aside(self.journey, redone.steps, (self.new, self.changed))
        self.changed |= {each.path: each for each in redone.steps}

    def _start_children(self, step: Step, begin: list[UUID]) -> None:
        step.status = StepStatus.WAITING
        step.waits_for = "children"
        self.child_ids += begin
        self.say("step.waits", step.path, waits_for="children", items=step.inside.get("items", 0))

    def _fail(self, step: Step, error: StepError, attempted: Attempted) -> None:
        is_decided = attempted.is_decided
        node = self.journey.tree.node(step.step_id)
        if step.intent_at is not None and isinstance(error, Unavailable) and error.maybe_done:
            self._park(step, error)
            return
        step.intent_at = None
        if not is_decided and (by_hand := self._by_hand_now(step, error, attempted)) is not None:
            self._take(step, by_hand)
            return
        tries = step.attempts - int(step.inside.get("tries_before", 0))
        again = None if is_decided else next_attempt(node.retry or Retry(), tries, error, self.now, DICE)
        step.error = self._described(step, error.code, error.message)
        if again is not None:
            step.status = StepStatus.READY
            step.run_after = again
            self.say("step.retries", step.path, **step.error, attempt=step.attempts, at=again.isoformat())
            return
        if node.on_error == "ask" and not is_decided and kinds()[step.kind].by_hand:
            self._ask_instead(step, step.error)
            return
        step.status = StepStatus.FAILED
        step.output = dict(error.output) if isinstance(error, Rejected) and error.output else None
        if node.on_error == "continue":
            step.inside = {**step.inside, "tolerated": True}
        self.say("step.failed", step.path, **step.error, tolerated=node.on_error == "continue")

    def _may_wait(self, error: NotNow) -> bool:
        """Who tests a workflow looks on: a budget that is used up is told at once."""
        return error.code != "budget" or not self.run.is_test

    def _postpone(self, step: Step, error: NotNow, attempted: Attempted) -> None:
        """No try of the step: it waits as it is, and asks again by itself or when somebody has made room."""
        node = self.journey.tree.node(step.step_id)
        step.claims, step.claim_token = 0, None
        self.touch(step)
        for note in attempted.notes:
            self.say("step.note", step.path, note=note)
        if attempted.calls:
            step.attempts += 1
            step.inside = {**step.inside, "tries_before": int(step.inside.get("tries_before", 0)) + 1}
            self._count(step, attempted)
        asks = error.code == "budget" and node.on_error == "ask" and kinds()[step.kind].by_hand
        if (by_hand := self._by_hand_now(step, error, attempted)) is not None:
            self._take(step, by_hand)
            return
        if asks:
            self._ask_instead(step, self._described(step, error.code, error.message))
            return
        self._wait_for_room(step, error)

    def _wait_for_room(self, step: Step, error: NotNow) -> None:
        times = int(step.inside.get("postponed", 0)) + 1
        is_news = step.error is None or step.error.get("code") != error.code
        step.inside = {**step.inside, "postponed": times}
        step.status = StepStatus.READY
        step.run_after = self.run.expires_at if error.after is None else self.now + ask_again(error.after, times, DICE)
        step.error = self._described(step, error.code, error.message)
        if is_news:
            self.say("step.postponed", step.path, **step.error, at=step.run_after.isoformat())

    def _by_hand_now(self, step: Step, error: StepError, attempted: Attempted) -> performing.ByHand | None:
        """Manual mode came on while the model was asked: a person need not wait for its next try."""
        if not kinds()[step.kind].asks_model or isinstance(error, BadParams):
            return None
        written = model_of(self.journey.tree.node(step.step_id))
        return carrying_on.manual_mode(self.run, step, str((attempted.given or {}).get("model", written)))

    def _park(self, step: Step, error: Unavailable) -> None:
        """An effect that may happen once only may have happened: a person looks, nothing is repeated."""
        step.status = StepStatus.PARKED
        step.error = self._described(step, "outcome_unknown", f"{error.message} {MAY_BE_SENT}")
        self.tasks.append(tasks.instead(self.run, step, self.journey.tree.node(step.step_id), step.error, self.now))
        self.say("step.parked", step.path, **step.error)

    def _described(self, step: Step, code: str, message: str) -> dict[str, Any]:
        node = self.journey.tree.node(step.step_id)
        return {
            "code": code,
            "message": strict.legible(message),
            "step": step.step_id,
            "title": node.title or node.kind,
        }

    def _count(self, step: Step, attempted: Attempted) -> None:
        self.attempts.append((step, attempted))
        step.cost_usd += attempted.cost_usd
        step.tokens += attempted.tokens
        self.cost_usd += attempted.cost_usd
        self.tokens += attempted.tokens

    def _count_children(self, step: Step) -> None:
        """What the children cost counts for the run around them; only what is new since they were joined before."""
        cost, tokens = children.spent(step.id)
        self.cost_usd += cost - step.cost_usd
        self.tokens += tokens - step.tokens
        step.cost_usd, step.tokens = cost, tokens

    # What follows from it -------------------------------------------------------------------------------------------

    def advance(self, stint: Stint | None = None) -> None:
        """Plan, bring up what is next, and do the local steps here and now, until others have to act."""
        stint = stint or stints.WORKER
        until = time.monotonic() + stint.seconds
        while not self.is_over:
            commands = plan.plan(self.journey.tree, self.journey.steps, self.run.body)
            for command in commands:
                self._obey(command)
            local = [step for step in self.ready() if stint.does(kinds()[step.kind])]
            if not local and not any(isinstance(command, plan.Finish) for command in commands):
                break
            if self.local_done >= stint.steps or time.monotonic() >= until:
                break
            for step in local:
                if not self.is_over:
                    self._perform_here(step)
        if not self.is_over:
            self.run.status = RunStatus.RUNNING if self._is_busy() else RunStatus.WAITING

    @property
    def is_over(self) -> bool:
        return RunStatus(self.run.status).is_over

    def dropped_while(self, waiting_for: str) -> list[UUID]:
        """The steps that were dropped while they waited for this: a person, or children."""
        return [step.id for step in self.dropped if step.waits_for == waiting_for]

    def begin(self) -> None:
        """The run begins, or goes on after it was reopened."""
        self.run.started_at = self.run.started_at or self.now
        self.run.status = RunStatus.RUNNING
        self.say("run.began")

    def take_up(self, step: Step) -> UUID:
        """Claim the step for the worker that writes this settlement; gives the claim token."""
        step.status = StepStatus.RUNNING
        step.claim_token = token = uuid.uuid4()
        step.claims += 1
        step.started_at = step.started_at or self.now
        self.touch(step)
        return token

    def _is_busy(self) -> bool:
        """Whether anything is being done now, by items too: a retry that lies in the future is a wait."""
        return any(
            step.status == StepStatus.RUNNING
            or (step.status == StepStatus.WAITING and step.waits_for == "children")
            or (step.status == StepStatus.READY and (step.run_after is None or step.run_after <= self.now))
            for step in self.journey.steps.values()
        )

    def ready(self) -> list[Step]:
        """What may be done now; nothing once the run is over."""
        return [
            step
            for step in (*self.new.values(), *self.changed.values())
            if step.status == StepStatus.READY and (step.run_after is None or step.run_after <= self.now)
        ]

    def _obey(self, command: plan.Command) -> None:
        match command:
            case plan.Begin(path=path, node=node):
                self._begin(path, node.id, node.kind)
            case plan.Wake(path=path, failed=failed):
                self._wake(self.journey.steps[path], failed)
            case plan.Finish(failed=failed):
                self.finish(failed)

    def _begin(self, path: str, step_id: str, kind: str) -> None:
        if len(self.journey.steps) >= limits.STEPS_PER_RUN:
            self.end_for("too_many_steps", f"The run came to {limits.STEPS_PER_RUN:,} steps, the most a run may have.")
            return
        step = Step(
            id=uuid.uuid7(),
            path=path,
            step_id=step_id,
            kind=kind,
            status=StepStatus.READY,
            position=len(self.journey.steps),
            output=None,
        )
        self.journey.steps[path] = step
        self.new[path] = step

    def _wake(self, step: Step, failed: str) -> None:
        error = None
        if failed:
            error = dict(self.journey.steps[failed].error or {})
            self._drop_inside(step)
        step.signal = {"kind": "arms", "error": error}
        step.status = StepStatus.READY
        step.run_after = None
        self.touch(step)

    def _perform_here(self, step: Step) -> None:
        step.started_at = step.started_at or self.now
        self.local_done += 1
        try:
            prepared = performing.prepare(self.journey, step)
        except StepError as error:
            self.apply(step, Attempted(error=error))
            return
        if isinstance(prepared, Attempted):
            self.apply(step, prepared)
            return
        self.apply(step, performing.perform(self.journey, step, prepared, self.now))

    def _drop_inside(self, container: Step) -> None:
        """A failure was caught: whatever else is under way inside this container is dropped."""
        for step in self.journey.steps.values():
            if step.is_live and step.path.startswith(container.path + "/"):
                self._drop(step)

    def _drop(self, step: Step) -> None:
        if step.status == StepStatus.PARKED:
            step.waits_for = "person"
        step.status = StepStatus.CANCELLED
        step.claim_token = None
        self.dropped.append(step)
        self.touch(step)

    # The end --------------------------------------------------------------------------------------------------------

    def finish(self, failed: str) -> None:
        """End the run. A container on the way to the failure keeps its place, so that a resumed run finds it again."""
        run = self.run
        if not failed:
            try:
                run.output = self._output()
            except StepError as error:
                self.end_for(error.code, error.message)
                return
        run.status = RunStatus.FAILED if failed else RunStatus.SUCCEEDED
        run.error = self.journey.steps[failed].error if failed else None
        self._close()

    def end_for(self, code: str, message: str) -> None:
        self.run.status = RunStatus.FAILED
        self.run.error = {"code": code, "message": message, "step": "", "title": ""}
        self._close()

    def _close(self) -> None:
        self.run.finished_at = self.now
        for step in self.journey.steps.values():
            if step.is_live and step.status != StepStatus.INSIDE:
                self._drop(step)
        self.say(f"run.{self.run.status}", error=self.run.error)

    def _output(self) -> dict[str, Any] | None:
        """The workflow's output, or that of one item. Raises StepError when it cannot be rendered."""
        definition = self.journey.tree.definition
        wanted: Any = self.journey.tree.node(self.run.body).output if self.run.body else definition.output
        if wanted is None:
            return self._last_output()
        try:
            rendered = params.render(wanted, values.scope(self.journey, "", params.references(wanted)))
        except params.BadText as error:
            raise performing.BadParams(f"The output cannot be made: {error}") from None
        strict_output = rendered if isinstance(rendered, dict) else {"value": rendered}
        outputs.clean(strict_output, "output")
        return rendered

    def _last_output(self) -> Any:
        last = self.journey.tree.sequence(self.run.body)[-1].id
        found: dict[str, Any] = values.scope(self.journey, "", [("steps", last)])["steps"]
        return found.get(last)
