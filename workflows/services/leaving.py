"""What is shown to whoever decides: the question with its facts, and, where a sending is decided, what will leave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.sdk import Decided, Done, Leaving, StepError
from connectors.sdk.leaving import digest
from workflows.engine import params
from workflows.models import Run, Task
from workflows.runtime import journey, performing, store
from workflows.runtime.context import Context
from workflows.services.refusals import Conflict

AGREED = frozenset({"approve"})


@dataclass(frozen=True, slots=True)
class Shown:
    """`sha256` is the digest of all that was on the page; `leaving` what will be sent, if that is decided here."""

    sha256: str
    sends: str = ""
    leaving: Leaving | None = None

    @property
    def answer(self) -> dict[str, Any]:
        """What the run keeps of it: the step that sends compares (rule L12)."""
        if self.leaving is None:
            return {}
        return {"sends": self.sends, "leaving_sha256": self.leaving.sha256, "leaving": self.leaving.data()}


def shown(task: Task, answer: Mapping[str, Any]) -> Shown:
    """What lies before somebody who gives this answer. Raises Conflict when what would be sent cannot be told."""
    sent = leaving(task, answer) if task.sends and answer.get("decision") in AGREED else None
    return Shown(digest(_page(task, sent)), task.sends, sent)


def leaving(task: Task, answer: Mapping[str, Any]) -> Leaving | None:
    """What the sending step will send if this is the answer, exactly as it will. Raises Conflict naming why not."""
    known = journey.load(_run(task))
    asking = known.steps[task.step.path]
    target = known.tree.node(task.sends)
    try:
        if target.id != asking.step_id:  # else its answer would already be the sending
            asking.output = _output(known, asking, answer)
        step = journey.Step(asking.id, _beside(asking.path, task.sends), task.sends, target.kind, "ready")
        prepared = performing.prepared(known, step)
        ctx = Context(known, step, store.clock(), timeout_s=30)
        return prepared.action.leaving(prepared.params, ctx)
    except (StepError, params.BadText) as error:
        raise Conflict(f"What “{target.title or target.kind}” would send cannot be shown: {error}") from None


def _output(known: journey.Journey, asking: journey.Step, answer: Mapping[str, Any]) -> Any:
    """What the asking step gives if this is the answer. Raises StepError when that is a refusal."""
    prepared = performing.prepared(known, asking)
    ctx = Context(known, asking, store.clock(), timeout_s=30)
    outcome = prepared.action.resume(prepared.params, ctx, Decided(dict(answer)))
    assert isinstance(outcome, Done)
    return outcome.output if isinstance(outcome.output, Mapping) else outcome.output.model_dump(mode="json")


def _run(task: Task) -> Run:
    return Run.objects.select_related("department", "workflow").get(pk=task.run_id)


def _beside(path: str, step_id: str) -> str:
    """A place in the sequence of the asking step; only the names around it count."""
    before, slash, _ = path.rpartition("/")
    return f"{before}{slash}{step_id}"


def _page(task: Task, sent: Leaving | None) -> dict[str, Any]:
    page = {"question": task.question, "draft": task.current, "shown": task.shown, "stage": task.stage}
    more = {"options": task.options, "form": task.form, "known": task.known}
    return {
        **page,
        **{name: value for name, value in more.items() if value},
        **({"leaving": sent.data()} if sent is not None else {}),
    }
