"""Steps that do as they are told, and an oracle of what they did."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from connectors.sdk import Action, Ask, Deadline, Done, Effect, Model, Outcome, StepContext, Wait, Whom

Deed = Callable[[StepContext], Any]

SENT: list[tuple[str, str]] = []
"""(idempotency key, path) of every effect, in order: what the outside world saw."""
DEEDS: dict[str, Deed] = {}
"""Step id → what it does when it is performed; what it returns is the output's `value`."""


def reset() -> None:
    SENT.clear()
    DEEDS.clear()


class Probe(Action):
    """An effect whose receiver honours the idempotency key."""

    kind, title, reads_as = "probe.keyed", "Probe", "Probe"
    effect = Effect.KEYED

    class Params(Model):
        value: Any = None

    class Output(Model):
        value: Any = None

    def run(self, params: Any, ctx: StepContext) -> Outcome:
        SENT.append((ctx.idempotency_key, ctx.path))
        deed = DEEDS.get(ctx.path.rpartition("/")[2])
        return Done({"value": deed(ctx) if deed else params.value})


class Unsafe(Probe):
    """An effect that may happen once at most."""

    kind = "probe.unsafe"
    effect: ClassVar[Effect] = Effect.UNSAFE


class Harmless(Probe):
    """No effect at all, only work."""

    kind = "probe.pure"
    effect: ClassVar[Effect] = Effect.PURE


class Plain(Probe):
    """Gives whatever its deed gives, fit to store or not."""

    kind = "probe.plain"
    local = True
    effect: ClassVar[Effect] = Effect.PURE

    def run(self, params: Any, ctx: StepContext) -> Outcome:
        return Done(DEEDS[ctx.path.rpartition("/")[2]](ctx))


class Asks(Action):
    """Asks an approver, with whatever time it is told."""

    kind, title, reads_as = "probe.asks", "Asking probe", "Ask"
    local = True
    by_hand = False

    class Params(Model):
        hours: float
        working: bool = False
        after: float = 0

    class Output(Model):
        pass

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        later = ((params.after, Whom(role="manager")),) if params.after else ()
        deadline = Deadline(params.hours, params.working, escalate=later)
        return Wait(ask=Ask("approve", "May it go?", (Whom(role="approver"),), deadline=deadline))


class Slow(Action):
    """Writes a line before and after it sleeps: what a killed worker leaves behind."""

    kind, title, reads_as = "probe.slow", "Slow probe", "Sleep {sleep_s}"
    effect: ClassVar[Effect] = Effect.KEYED

    class Params(Model):
        file: str
        sleep_s: float = 0

    class Output(Model):
        pid: int

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        pid = os.getpid()
        with Path(params.file).open("a") as file:
            file.write(f"{ctx.path} {ctx.idempotency_key}\n")
        time.sleep(params.sleep_s)
        return Done(self.Output(pid=pid))
