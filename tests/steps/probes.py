"""Steps that do as they are told, and an oracle of what they did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from connectors.sdk import Action, Done, Effect, Model, Outcome, StepContext

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
