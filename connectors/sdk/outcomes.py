"""What a step says at its end, and what wakes it again.

An action says `Done` or `Wait`, and one that asks people `SendBack`. A flow (branch, loop, …) may also say `Enter`,
`Spawn`, `Call` or `Stop`: the engine knows these seven words and no step kind.
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
class Whom:
    """Whom a stage asks: the people named (e-mail addresses), else the group, else everybody with the role.

    `needs` of them have to agree; 0 means every one of those named.
    """

    people: Sequence[str] = ()
    group: str = ""
    role: str = "approver"
    needs: int = 1


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long people have, in hours: of the department's working hours, or of the clock.

    `remind`: that long before the end they are reminded. `escalate`: hours after the question → who is asked as well.
    `at_end`: wait (the task counts as overdue), fail, answer (with `answer`) or hand_on (to `hand_on`).
    """

    hours: float
    working: bool = False
    remind: float | None = None
    escalate: Sequence[tuple[float, Whom]] = ()
    at_end: str = "wait"
    answer: Mapping[str, Any] = field(default_factory=dict)
    hand_on: Whom | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to people. `whom` are the stages, asked one after another.

    `shown` is what they see beside the question: label → value. `form` is the JSON Schema of the answer where it has
    fields, `known` what is filled in already; `options` are the drafts of which one is chosen. `sends` names the step
    whose sending is decided: what will leave is shown, and nothing else may leave.
    """

    kind: str
    question: str
    whom: Sequence[Whom] = (Whom(),)
    draft: str = ""
    shown: Mapping[str, Any] = field(default_factory=dict)
    options: Sequence[str] = ()
    form: Mapping[str, Any] | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    not_the_starter: bool = False
    not_the_author: bool = False
    deadline: Deadline | None = None
    sends: str = ""


@dataclass(frozen=True, slots=True)
class Listen:
    """For an event with this reference, of the trigger of the same workflow with this name."""

    name: str
    reference: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Not finished: sleep until a time, a person's answer or an event has come. Costs a row, never a worker.

    `scope`: what the step remembers meanwhile, where it holds other steps; as `Enter` has it.
    """

    until: datetime | None = None
    ask: Ask | None = None
    event: Listen | None = None
    scope: Mapping[str, Any] | None = None


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


@dataclass(frozen=True, slots=True)
class SendBack:
    """The draft is not good enough: the step that wrote it does it again, with these remarks, and then this one."""

    remarks: str
    draft: str
    by: str


Outcome = Done | Wait | Enter | Spawn | Call | Stop | SendBack


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time asked for with `Wait.until` has come."""


@dataclass(frozen=True, slots=True)
class EventCame:
    """What was listened for. `data` is what its trigger gives, `title` what people call it."""

    data: Mapping[str, Any]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """People have answered. `answer` holds `decision`, `reason`, `by`, and what the task's kind adds: `text`, `values`
    (of a form), `option` (from 1).
    """

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


Signal = TimerFired | EventCame | Decided | ArmsEnded | ChildrenEnded
