"""Steps of each effect class that work on the sink of tests/faults, and steps that take their worker with them."""

from __future__ import annotations

import ctypes
import os
import signal
import smtplib
import time
from email.message import EmailMessage
from typing import Any, ClassVar, Literal

from connectors.sdk import Action, Done, Effect, Field, Model, Outcome, StepContext, Unavailable


class Reach(Action):
    """What the four have in common: a request to the sink through the product's own door."""

    timeout_s = 120

    class Params(Model):
        url: str
        name: str = "effect"
        sleep_s: float = Field(default=0, description="before anything is sent")
        pause_s: float = Field(default=0, description="between asking whether it happened and sending it")

    class Output(Model):
        happened: bool
        value: Any = None

    def run(self, params: Any, ctx: StepContext) -> Outcome:
        time.sleep(params.sleep_s)
        return Done(self.Output(happened=self.reach(params, ctx)))

    def reach(self, params: Any, ctx: StepContext) -> bool:
        return self.post(params, ctx, "X-Effect-Key")

    def post(self, params: Any, ctx: StepContext, key_header: str) -> bool:
        response = ctx.http.send(
            "POST",
            f"{params.url}/effects/{params.name}",
            headers={key_header: ctx.idempotency_key, "X-Effect": str(self.effect)},
            json={"path": ctx.path, "run": ctx.run.id},
        )
        if response.status != 200:
            raise Unavailable(f"The sink answered with {response.status}.", maybe_done=True)
        return bool(response.data["happened"])


class Read(Reach):
    """Reads, which may be repeated."""

    kind, title, reads_as = "effect.pure", "Read from the sink", "Read {name}"
    effect: ClassVar[Effect] = Effect.PURE

    def reach(self, params: Any, ctx: StepContext) -> bool:
        headers = {"X-Effect-Key": ctx.idempotency_key}
        return bool(ctx.http.send("GET", f"{params.url}/read/{params.name}", headers=headers).data["happened"])


class Keyed(Reach):
    """The sink takes an idempotency key."""

    kind, title, reads_as = "effect.keyed", "Write with a key", "Write {name}"
    effect: ClassVar[Effect] = Effect.KEYED

    def reach(self, params: Any, ctx: StepContext) -> bool:
        return self.post(params, ctx, "Idempotency-Key")


class Checkable(Reach):
    """The sink takes no key, but can be asked whether it happened."""

    kind, title, reads_as = "effect.checkable", "Write after asking", "Write {name}"
    effect: ClassVar[Effect] = Effect.CHECKABLE

    def reach(self, params: Any, ctx: StepContext) -> bool:
        asked = ctx.http.send("GET", f"{params.url}/effects/{params.name}", query={"key": ctx.idempotency_key})
        time.sleep(params.pause_s)
        return True if asked.data["happened"] else self.post(params, ctx, "X-Effect-Key")


class Unsafe(Reach):
    """The sink takes what comes: at most once is all that can be promised."""

    kind, title, reads_as = "effect.unsafe", "Write without a key", "Write {name}"
    effect: ClassVar[Effect] = Effect.UNSAFE


class Mail(Action):
    """A plain mail. There is no mail connector yet, so this one announces its effect itself, as the door does."""

    kind, title, reads_as = "effect.mail", "Send a mail", "Mail {to}"
    effect: ClassVar[Effect] = Effect.UNSAFE

    class Params(Model):
        port: int
        to: str = "someone@example.org"

    def run(self, params: Params, ctx: Any) -> Outcome:
        ctx.before_effect()
        mail = EmailMessage()
        mail["X-Effect-Key"], mail["Subject"] = ctx.idempotency_key, ctx.path
        mail.set_content("A letter.")
        with smtplib.SMTP("127.0.0.1", params.port, timeout=30) as post:
            post.send_message(mail, "tandem@example.org", params.to)
        return Done({})


class Crash(Action):
    """Ends its worker process, every time it is performed."""

    kind, title, reads_as = "crash.process", "Crash", "Crash by {way}"
    effect: ClassVar[Effect] = Effect.PURE

    class Params(Model):
        way: Literal["exit", "segfault", "gorge"]
        megabytes: int = Field(default=200, description="what `gorge` takes before the kernel is played")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        if params.way == "exit":
            os._exit(3)
        if params.way == "segfault":
            ctypes.string_at(0)
        taken = [bytearray(1_000_000) for _ in range(params.megabytes)]
        # What the kernel does to a process that takes too much; taking it all would hurt the machine of the tests.
        os.kill(os.getpid(), signal.SIGKILL)
        return Done({"never": len(taken)})


class Hang(Action):
    """Never comes back within its time."""

    kind, title, reads_as = "crash.hang", "Hang", "Hang for {seconds}"
    effect: ClassVar[Effect] = Effect.KEYED

    class Params(Model):
        seconds: float = 60

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        time.sleep(params.seconds)
        return Done({})
