"""Workers that stand still inside their step until they are told how it ends: threads over the real `worker.look`."""

from __future__ import annotations

import queue
import threading
from typing import Any
from uuid import UUID

from connectors.sdk import Rejected, Unavailable
from tests.steps import probes
from workflows.runtime import worker
from workflows.runtime.queue import Kind

PATIENCE_S = 60
VERDICTS = ("done", "unavailable", "cut", "rejected")


class Vanished(BaseException):
    """The worker is gone; nothing below it may write any more."""


class Worker(threading.Thread):
    """One look. It stops twice in each step: `before` it sends its effect, and `after`, before anybody answers."""

    def __init__(self, kind: Kind, id: UUID) -> None:
        super().__init__(daemon=True)
        self.looks_at = (kind, id)
        self.stage = ""
        self.run_id: UUID | None = None
        self.path = ""
        self.token: UUID | None = None
        self.error: BaseException | None = None
        self._orders: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stands = threading.Event()

    def begin(self) -> None:
        self.start()
        self._wait()

    def go(self, order: str) -> None:
        """`order`: send (from `before`), a verdict (from `after`), or vanish. Returns when it stands still again."""
        self._stands.clear()
        self._orders.put(order)
        self._wait()

    def vanish(self) -> None:
        if self.stage:
            self.go("vanish")
        self.join(PATIENCE_S)

    def run(self) -> None:
        try:
            worker.look(*self.looks_at)
        except Vanished:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.stage = ""
            self._stands.set()

    def perform(self, ctx: Any) -> str:
        """What the probe does: stand, send, stand, end as told."""
        self.run_id, self.path, self.token = UUID(ctx.run.id), ctx.path, None
        self._stand("before")
        if ctx.before_effect is not None:
            ctx.before_effect()
        verdict = self._stand("after")
        if verdict == "unavailable":
            raise Unavailable("Nobody there.")
        if verdict == "cut":
            raise Unavailable("The line was cut.", maybe_done=True)
        if verdict == "rejected":
            raise Rejected("No.")
        return "done"

    def _stand(self, stage: str) -> str:
        self.stage = stage
        self._stands.set()
        order = self._orders.get(timeout=PATIENCE_S * 10)
        if order == "vanish":
            raise Vanished
        return order

    def _wait(self) -> None:
        assert self._stands.wait(PATIENCE_S), f"the worker at {self.path or self.looks_at} neither stands nor ends"
        if self.error is not None:
            raise self.error


def deed(ctx: Any) -> str:
    """The deed of every probe: whichever worker performs it decides."""
    me = threading.current_thread()
    assert isinstance(me, Worker), "a probe is performed by a worker of the machine"
    return me.perform(ctx)


class AnyDeed(dict[str, probes.Deed]):
    """A deed for every step id there may be."""

    def get(self, key: str, default: Any = None) -> Any:
        return deed
