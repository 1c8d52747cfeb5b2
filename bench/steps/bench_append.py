"""An effect that can be counted: one line in a file for every time it happened."""

from __future__ import annotations

import os
from pathlib import Path

from connectors.sdk import Action, Done, Effect, Model, StepContext

FILE = "bench-effects.txt"


class Append(Action):
    """Append the idempotency key to the file FILE under TANDEM_HOME."""

    kind, title, reads_as = "bench.append", "Append a line", "Append a line"
    effect = Effect.KEYED

    class Params(Model): ...

    class Output(Model):
        bytes: int

    def run(self, params: Params, ctx: StepContext) -> Done:
        file = os.open(Path(os.environ["TANDEM_HOME"]) / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            return Done(self.Output(bytes=os.write(file, f"{ctx.idempotency_key}\n".encode())))
        finally:
            os.close(file)
