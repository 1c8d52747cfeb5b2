"""A step kind is one class in one file: its parameters, its output and one function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from connectors.sdk.context import StepContext
from connectors.sdk.leaving import Leaving
from connectors.sdk.outcomes import Done, Outcome, Signal
from connectors.sdk.rehearsing import made, would


class Effect(StrEnum):
    """What a lost worker may repeat."""

    PURE = "pure"  # may repeat
    KEYED = "keyed"  # repeats with the same idempotency key
    CHECKABLE = "checkable"  # asks before repeating
    UNSAFE = "unsafe"  # at most once: a crash in its window parks the step for a person


def hint(
    widget: str = "",
    *,
    example: str = "",
    advanced: bool = False,
    source: str = "",
    nothing: str = "",
    labels: Mapping[str, str] | None = None,
    when: Mapping[str, Sequence[str]] | None = None,
    one: str = "",
    adds: str = "",
    destination: str = "",
    fixed: bool = False,
) -> dict[str, Any]:
    """How the form shows a parameter when its type alone does not say it: `json_schema_extra=hint("long_text")`.

    `widget`: text, long_text, json, number, switch, choice, list, key_value, labels, fields, rows, conditions, file;
    among the secrets of a connector also secret.
    `source`: the choices are loaded by the page: models, workflows, people, groups, events (triggers of the workflow
    that runs may wait for), sending_steps (those after this one that others would see), connections:NAME (those of that
    connector). `nothing`: what choosing none means.
    `labels`: choice → its words. `when`: asked for only while the parameter beside it has one of these values.
    `one`: what a row is called. `adds`: the words of the button that adds one.
    `destination`: it says where something goes, so that no AI may choose it (rule L11): `whole`, or `address`, of which
    the beginning up to the host counts. What is chosen among connections, workflows or people is one anyhow.
    `fixed`: no data is offered for it; the `check` of the step kind refuses what is written there all the same.
    """
    told: dict[str, Any] = {
        "x-source": source,
        "x-nothing": nothing,
        "x-labels": labels,
        "x-when": when,
        "x-one": one,
        "x-adds": adds,
    }
    told |= {"x-destination": destination, "x-fixed": fixed}
    return {
        "x-widget": widget,
        "x-example": example,
        "x-advanced": advanced,
        **{name: value for name, value in told.items() if value},
    }


class Model(BaseModel):
    """Base of every Params and Output: unknown names are mistakes, not extras."""

    model_config = ConfigDict(extra="forbid")


class Action:
    """One thing a workflow can do.

    Declare `kind` ("group.verb"), `title`, `reads_as` (the card's sentence, parameters in braces), `effect`, the models
    `Params` and `Output`, and `run`. A class with `local = True` does no I/O at all and takes well under a millisecond
    per kilobyte: the engine performs it inside the transaction that settles the step before it.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    reads_as: ClassVar[str]
    effect: ClassVar[Effect] = Effect.PURE
    local: ClassVar[bool] = False
    icon: ClassVar[str] = ""
    timeout_s: ClassVar[int] = 300
    sequences: ClassVar[tuple[str, ...]] = ()
    unrendered: ClassVar[tuple[str, ...]] = ()
    """Parameters handed over as written: the step renders them itself, once per item (`data.list`'s conditions)."""
    may_lack: ClassVar[tuple[str, ...]] = ()
    """Of `sequences`, those that may be left out."""
    arms_follow_each_other: ClassVar[bool] = False
    """Whether a later sequence sees the steps of the one before it (a rescue sees what was attempted)."""
    spawns: ClassVar[bool] = False
    """Whether the steps inside are runs of their own, whose steps nobody outside sees."""
    arms_are_tools: ClassVar[bool] = False
    """Whether each of its arms is a tool that an AI may use, with what an AI has chosen in it as `call.NAME`."""
    repeats: ClassVar[bool] = False
    """Whether the steps inside may come up more than once in a run."""
    stays_here: ClassVar[bool] = False
    """Whether its effect never leaves Tandem (a file of the run), so that a test run really does it."""
    starts_runs: ClassVar[bool] = False
    """Whether it brings up other runs, perhaps thousands: never done while somebody waits for an answer."""
    asks_model: ClassVar[bool] = False
    """Whether an AI does it, so that in manual mode a person does. Such a kind has a parameter `model`."""
    by_hand: ClassVar[bool] = True
    """Whether a person may give what the step gives, when it cannot."""

    class Params(Model): ...

    class Output(Model): ...

    def run(self, params: Any, ctx: StepContext) -> Outcome:
        """Do it once. Raises a `StepError`; anything else raised is a defect of this class and final."""
        raise NotImplementedError(f"{self.kind} has no run()")

    def resume(self, params: Any, ctx: StepContext, signal: Signal) -> Outcome:
        """Go on after a `Wait`, `Enter`, `Spawn` or `Call`."""
        raise NotImplementedError(f"{self.kind} never waits")

    def rehearse(self, params: Any, ctx: StepContext) -> Done:
        """What a test run has instead of the effect: says what would be sent, gives what might come back.

        Must not reach outside. Raises what `run` would raise for parameters it cannot use.
        """
        return Done(made(self.Output), summary=would(self.reads_as, params), rehearsed=True)

    def leaving(self, params: Any, ctx: StepContext) -> Leaving | None:
        """What others would see if the step were run with these parameters, to the letter; None where nothing leaves.

        Must not reach outside. A person approves just this, and `run` sends just this (rule L12).
        """
        return None

    @classmethod
    def effect_of(cls, params: Any) -> Effect:
        """The effect class of this very call (an HTTP GET is harmless, a POST is not)."""
        return cls.effect

    @classmethod
    def may_leave(cls, given: Mapping[str, Any]) -> bool:
        """Whether others would see what the step does, by its unrendered parameters; a test rehearses such steps."""
        return cls.effect is not Effect.PURE and not cls.stays_here

    @classmethod
    def output_shapes(cls, given: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        """Name → JSON Schema of what the step gives there, as far as it is known: a date, one of these labels."""
        return _shapes_of(cls.Output)

    @classmethod
    def output_fields(cls, given: Mapping[str, Any]) -> dict[str, str] | None:
        """Name → JSON type of what the step gives, by its unrendered parameters; None when anything may come."""
        return dict(_fields_of(cls.Output))

    @classmethod
    def output_form(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """JSON Schema of all that the step gives, by its unrendered parameters: the form of a person who gives it."""
        whole = cls.Output.model_json_schema()
        shapes = dict(cls.output_shapes(given))
        needed = [name for name in whole.get("required", ()) if name in shapes]
        return {"type": "object", "properties": shapes, "required": needed, "$defs": whole.get("$defs", {})}

    @classmethod
    def names_inside(cls, given: Mapping[str, Any]) -> tuple[str, ...]:
        """Names that the steps inside a container may use beside the usual ones."""
        return ()

    @classmethod
    def names_sampled(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """What those names may hold, by the rendered parameters, for who tests a step inside; less where unknown."""
        return {}

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        """Problems between the unrendered parameters that their types cannot tell: parameter → sentence."""
        return {}


class Flow(Action):
    """A container: its `sequences` name the places where it holds steps."""

    local = True
    by_hand = False


@lru_cache(maxsize=1024)
def _shapes_of(output: type[BaseModel]) -> Mapping[str, Mapping[str, Any]]:
    return output.model_json_schema().get("properties", {})


@lru_cache(maxsize=1024)
def _fields_of(output: type[BaseModel]) -> tuple[tuple[str, str], ...]:
    """Kept: pydantic takes milliseconds to make a schema, and a workflow of 300 steps asks for as many of them."""
    schema = output.model_json_schema()
    return tuple((name, _json_type(prop)) for name, prop in schema.get("properties", {}).items())


def _json_type(prop: Mapping[str, Any]) -> str:
    kinds = [prop.get("type")] if "type" in prop else [part.get("type") for part in prop.get("anyOf", [])]
    named = [kind for kind in kinds if kind and kind != "null"]
    return named[0] if len(named) == 1 else "any"


__all__ = ["Action", "Effect", "Field", "Flow", "Model", "hint"]
