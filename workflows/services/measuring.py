"""What a decision says about the draft it was about: kept with the decision from the first day on.

A draft counts as lightly edited when at most a fifth of its words were changed: taken out or put in, whichever is more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from workflows.engine.redline import difference
from workflows.engine.sending_back import writer_of
from workflows.models import Attempt, Look, Task, TaskKind, Verdict
from workflows.runtime.journey import tree_of
from workflows.runtime.kinds import kinds

LIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Measured:
    """`words` of the draft, and how many of them were changed."""

    verdict: str
    words: int = 0
    words_changed: int = 0


def measured(task: Task, answer: dict[str, Any]) -> Measured:
    """Of an answer to this task."""
    decision = answer["decision"]
    if decision == "send_back":
        return Measured(Verdict.SENT_BACK, *_counted(task.draft, answer.get("text") or task.draft))
    if decision == "reject":
        return Measured(Verdict.REJECTED)
    draft = _draft(task, answer)
    if decision not in ("approve", "choose") or not draft:
        return Measured(Verdict.ACCEPTED if decision == "approve" else "")
    words, changed = _counted(draft, answer.get("text") or draft)
    return Measured(verdict_of(words, changed), words, changed)


def verdict_of(words: int, changed: int) -> Verdict:
    if not changed:
        return Verdict.ACCEPTED
    return Verdict.LIGHTLY if changed <= LIGHT * words else Verdict.HEAVILY


def drafter(task: Task) -> tuple[str, str]:
    """The step whose draft it is, and the model that wrote it; empty where no AI did."""
    if task.kind != TaskKind.REVIEW:
        return "", ""
    writer = writer_of(tree_of(task.run.version_id), task.step.step_id, kinds())
    if writer is None:
        return "", ""
    last = Attempt.objects.filter(step__run=task.run_id, step__step_id=writer).order_by("-pk").first()
    call = last.calls[-1] if last and last.calls else {}
    return writer, str(call.get("model_answered") or call.get("model_asked") or "")


def looked_s(task: Task, person_id: str | None, visible_s: float | None, now: datetime) -> float | None:
    """Seconds for which the task was before the person's eyes: never longer than since they opened it."""
    look = Look.objects.filter(task=task, person_id=UUID(person_id)).first() if person_id else None
    if look is None:
        return None
    most = max(0.0, (now - look.at).total_seconds())
    return most if visible_s is None or visible_s < 0 else min(visible_s, most)


def _draft(task: Task, answer: dict[str, Any]) -> str:
    return task.options[answer["option"] - 1] if answer["decision"] == "choose" else task.draft


def _counted(draft: str, text: str) -> tuple[int, int]:
    changed = difference(draft, text)
    taken_out = changed.of - changed.kept
    put_in = sum(len(part.text.split()) for part in changed.parts if part.kind == "ins")
    return changed.of, max(taken_out, put_in)
