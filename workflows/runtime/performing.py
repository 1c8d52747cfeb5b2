"""One attempt of one step: from the words of the definition to an outcome or an error. Writes nothing."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connection
from pydantic import ValidationError

from connectors.sdk import (
    Action,
    ArmsEnded,
    BadParams,
    ChildrenEnded,
    Decided,
    Done,
    Effect,
    EventCame,
    Outcome,
    Rejected,
    Signal,
    StepError,
    TimerFired,
    Unavailable,
)
from workflows.engine import conditions, params, strict
from workflows.engine.definition import Node
from workflows.models import RunMode
from workflows.runtime import approved, carrying_on, children, pinning, unsaid, values
from workflows.runtime.context import Context, Fence, unfenced
from workflows.runtime.journey import Journey, Step
from workflows.runtime.kinds import kinds
from workflows.runtime.store import LostAuthority

log = logging.getLogger(__name__)
NOBODY_ANSWERED = "nobody_answered"


class Defect(StepError):
    """The step kind itself broke; trying again would break it again."""

    code = "defect"


@dataclass(frozen=True, slots=True)
class Skip:
    """The step's `when` is false, or it is switched off."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """Not for the machine: a person is to do it. `code` and `message` say why, `mode` which manual mode it is."""

    code: str
    message: str
    mode: str = ""


@dataclass(slots=True)
class Attempted:
    """What came of one attempt. Exactly one of `outcome` and `error` is set.

    `made_by`: the person who gave the outcome by hand. `is_decided`: a person has said that the error is the end of it.
    """

    outcome: Outcome | Skip | ByHand | None = None
    error: StepError | None = None
    made_by: str = ""
    is_decided: bool = False
    given: dict[str, Any] | None = None
    calls: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    effect: Effect = Effect.PURE

    @property
    def cost_usd(self) -> float:
        return sum(float(call.get("cost_usd") or 0) for call in self.calls)

    @property
    def tokens(self) -> int:
        return sum(int(call.get("tokens_in") or 0) + int(call.get("tokens_out") or 0) for call in self.calls)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step whose words have become values."""

    action: Action
    node: Node
    params: Any
    given: dict[str, Any]
    effect: Effect


def prepare(journey: Journey, step: Step) -> Prepared | Attempted:
    """Render and validate, or what there is without performing anything. Reads the outputs referred to.

    Raises StepError.
    """
    node = journey.tree.node(step.step_id)
    if node.off:
        return Attempted(outcome=Skip())
    if (by_hand := carrying_on.given(step)) is not None:
        return by_hand
    if (typed := _prepared(journey, step, node)) is None:
        return Attempted(outcome=Skip())
    why = carrying_on.manual_mode(journey.run, step, typed.params.model) if typed.action.asks_model else None
    return typed if why is None else Attempted(outcome=why, given=typed.given)


def prepared(journey: Journey, step: Step) -> Prepared:
    """The step as it would be performed, whoever is to do it and whatever its condition says. Raises StepError."""
    node = journey.tree.node(step.step_id)
    known = _prepared(journey, step, node.model_copy(update={"when": None}))
    assert known is not None
    return known


def _prepared(journey: Journey, step: Step, node: Node) -> Prepared | None:
    """None when the step's condition does not hold."""
    kind = kinds()[node.kind]
    try:
        wanted = {name: value for name, value in node.given.items() if name not in kind.unrendered}
        references = params.references([wanted, node.when])
        scope = values.scope(journey, step.path, references)
        if node.when is not None and step.signal is None and not conditions.holds(node.when, scope):
            return None
        given = params.render(wanted, scope) | {
            name: node.given[name] for name in kind.unrendered if name in node.given
        }
    except (params.BadText, conditions.BadCondition) as error:
        raise BadParams(str(error)) from None
    typed = validated(kind, given)
    return Prepared(kind(), node, typed, given, kind.effect_of(typed))


def validated(kind: type[Action], given: dict[str, Any]) -> Any:
    """Raises BadParams naming each parameter."""
    try:
        return kind.Params.model_validate(given)
    except ValidationError as error:
        fields = {".".join(map(str, e["loc"])): e["msg"] for e in error.errors(include_url=False)}
        shown = "; ".join(f"{name}: {why}" for name, why in fields.items())
        raise BadParams(
            f"The step was given something it cannot use: {strict.legible(shown, 1_000)}.", fields=fields
        ) from None


def perform(journey: Journey, step: Step, prepared: Prepared, now: datetime, fence: Fence = unfenced) -> Attempted:
    """Run the action once, or wake it with its signal. Raises LostAuthority, as `fence` does, and nothing else."""
    node = prepared.node
    ctx = Context(
        journey,
        step,
        now,
        timeout_s=node.timeout_s or prepared.action.timeout_s,
        effect=prepared.effect,
        fence=fence,
    )
    attempted = Attempted(given=prepared.given, calls=ctx.calls, notes=ctx.notes, effect=prepared.effect)
    try:
        attempted.outcome = _run(prepared, ctx, journey, step)
    except LostAuthority:
        raise
    except StepError as error:
        attempted.error = error
        ctx.note_failure(error)
    except (params.BadText, conditions.BadCondition) as error:
        attempted.error = BadParams(str(error))
    except (OperationalError, InterfaceError):
        connection.close()
        attempted.error = Unavailable(
            "Tandem's database went away for a moment.", maybe_done=step.intent_at is not None
        )
    except (Exception, SystemExit) as error:  # a defect of one step kind must not stop the worker
        what, where = describe(error), "".join(traceback.format_tb(error.__traceback__))
        # Never the exception itself: its words may be megabytes, or nothing that a log can hold.
        log.error("step.defect: %s failed in a way it does not know: %s\n%s", node.kind, what, where)
        attempted.error = Defect(f"The step kind {node.kind} broke: {what}.")
    unsaid.take_out_secrets(attempted)
    return attempted


def _run(prepared: Prepared, ctx: Context, journey: Journey, step: Step) -> Outcome:
    if step.signal is None:
        if journey.run.mode == RunMode.TEST and _leaves(prepared):
            return _rehearsed(prepared, ctx, journey)
        approved.require(journey, prepared, ctx)
        return prepared.action.run(prepared.params, ctx)
    signal = signal_of(journey, step)
    if step.signal["kind"] == "unanswered":
        raise _nobody_answered(prepared, ctx, signal, step.signal["message"])
    approved.require_answered(step.signal.get("answer") or {}, prepared, ctx)
    return prepared.action.resume(prepared.params, ctx, signal)


def _nobody_answered(prepared: Prepared, ctx: Context, signal: Signal, message: str) -> Rejected:
    """Not the same as a person's refusal; a workflow that goes on after it gets what the step gives after one."""
    output = None
    try:
        prepared.action.resume(prepared.params, ctx, signal)
    except Rejected as refusal:
        output = refusal.output
    return Rejected(message, code=NOBODY_ANSWERED, output=output)


def _leaves(prepared: Prepared) -> bool:
    """Whether others would see what the step does."""
    return prepared.effect is not Effect.PURE and not prepared.action.stays_here


def _rehearsed(prepared: Prepared, ctx: Context, journey: Journey) -> Done:
    """What would have been done; the steps after it go on with what came back before, where that is known."""
    done = prepared.action.rehearse(prepared.params, ctx)
    kept = pinning.kept(journey.run, prepared.node)
    return replace(done, output=kept, rehearsed=True) if kept is not None else replace(done, rehearsed=True)


def signal_of(journey: Journey, step: Step) -> Signal:
    """The stored signal as the step kind knows it. Raises StepError when children failed and the step wants all."""
    stored = step.signal or {}
    match stored.get("kind"):
        case "timer":
            return TimerFired()
        case "event":
            return EventCame(stored["data"], stored["title"])
        case "decided" | "unanswered":
            return Decided(stored["answer"])
        case "arms":
            return ArmsEnded(step.arms, step.round, stored.get("error"))
        case "children":
            return _children_ended(journey, step)
    raise Defect(f"The step was woken by {stored.get('kind')!r}, which it does not know.")


def _children_ended(journey: Journey, step: Step) -> ChildrenEnded:
    ended = children.results(step.id)
    if ended.errors and not step.inside.get("keep_going"):
        first = ended.errors[0]
        item = (
            f"Item {first['item'] + 1} of {len(ended.results)} failed"
            if step.inside.get("items")
            else "The workflow failed"
        )
        raise Rejected(f"{item}: {first.get('message', '')}", code=first.get("code", "failed"))
    return ended


def describe(error: BaseException) -> str:
    """An exception as text fit to store, whatever its own text does (case P02)."""
    try:
        text = str(error)
    except Exception:  # an exception may break while it describes itself
        text = "(no description)"
    return strict.legible(f"{type(error).__name__}: {text}", 2_000)
