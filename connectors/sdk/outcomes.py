"""What a step says at its end, and what wakes it again.

An action says `Done` or `Wait`. A flow (branch, loop, …) may also say `Enter`, `Spawn`, `Call` or `Stop`: the engine
knows these six words and no step kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Done:
    """Finished. `output` is an instance of the kind's `Output`, or a mapping where the fields are the author's.

    `rehearsed`: nothing was done; the summary says what would have been.
    """

    output: BaseModel | Mapping[str, Any]
    summary: str = ""
    rehearsed: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a person. `shown` is what the person sees beside the question: label → value."""

    kind: str
    question: str
    role: str = "approver"
    person: str = ""
    draft: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)
    due: datetime | None = None
    not_the_starter: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """Not finished: sleep until a time, or until a person has answered. Costs a row, never a worker."""

    until: datetime | None = None
    ask: Ask | None = None


@dataclass(frozen=True, slots=True)
class Enter:
    """Go into these sequences of the step, all at once. `catches` brings a failure inside back to this step.

    An arm is the place of a sequence in the step: `steps`, `rescue`, `otherwise`, `cases.0`, `arms.2`. `scope` are
    names that the steps inside may use; `round` numbers the repetitions of a loop from 1.
    """

    arms: Sequence[str]
    catches: bool = False
    round: int = 0
    scope: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spawn:
    """One child run of the sequence `steps` per item, at most `concurrency` of them alive."""

    items: Sequence[Any]
    name: str = "item"
    concurrency: int = 10
    keep_going: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """Run another workflow of the same department once, with these inputs."""

    workflow: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stop:
    """End the whole run here."""

    succeeded: bool
    message: str = ""


Outcome = Done | Wait | Enter | Spawn | Call | Stop


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time asked for with `Wait.until` has come."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A person has answered. `answer` holds `decision` and what the task's kind adds (`text`, `reason`)."""

    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ArmsEnded:
    """The sequences entered last are at their end.

    `error` (step, code, message) is what failed inside, only for a step that entered with `catches`.
    """

    arms: Sequence[str]
    round: int
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ChildrenEnded:
    """Every child run is at its end: one result per item in the order of the items, None where the item failed."""

    results: Sequence[Any]
    errors: Sequence[Mapping[str, Any]]


Signal = TimerFired | Decided | ArmsEnded | ChildrenEnded
