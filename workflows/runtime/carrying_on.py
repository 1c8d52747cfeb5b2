"""What a person gave in the place of a step, and when a person is asked at once: manual mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q

from connectors.models_gateway import routing
from connectors.sdk import Done, Rejected, StepError
from workflows.models import ManualMode, Run

if TYPE_CHECKING:
    from workflows.runtime.journey import Step
    from workflows.runtime.performing import Attempted, ByHand

GIVEN = frozenset({"answer", "done"})


def given(step: Step) -> Attempted | None:
    """The step as a person has decided it; None when the machine is to do it, for the first time or again."""
    from workflows.runtime.performing import Attempted, Skip

    signal = step.signal or {}
    if signal.get("kind") != "resolved":
        return None
    answer = signal["answer"]
    decision, by = answer["decision"], answer.get("by", "")
    if decision in GIVEN:
        how = f"given by hand by {by}" if decision == "answer" else f"known by {by} to have happened"
        return Attempted(outcome=Done(answer.get("values") or {}, summary=how), made_by=by)
    if decision == "skip":
        return Attempted(outcome=Skip(), made_by=by)
    if decision == "stop":
        return Attempted(error=_the_end(step, answer), is_decided=True)
    # Once more: as many tries as at first, by the machine whatever the manual mode says.
    step.signal = None
    step.inside = {**step.inside, "tries_before": step.attempts, "by_machine": True}
    return None


def manual_mode(run: Run, step: Step, model: str) -> ByHand | None:
    """Why an AI step is a person's now. One query; a second one where only some provider is meant."""
    from workflows.runtime.performing import ByHand

    if step.inside.get("by_machine"):
        return None
    here = Q(workflow=None) | Q(workflow=run.workflow_id)
    for row in ManualMode.objects.filter(here, department=run.department_id, off_at=None):
        if not row.provider or row.provider == routing.provider_of(model, run.department_id):
            whose = f"the provider {row.provider}" if row.provider else "this workflow" if row.workflow_id else ""
            what = f"Manual mode is on{f' for {whose}' if whose else ''}"
            return ByHand("manual_mode", f"{what} since {row.on_by} switched it on: {row.reason}", str(row.pk))
    return None


def _the_end(step: Step, answer: dict[str, str]) -> StepError:
    known = step.error or {}
    why = f" {answer['by']} ended it here: {answer['reason']}" if answer.get("reason") else ""
    return Rejected(f"{known.get('message', 'The step failed.')}{why}", code=known.get("code", "failed"))
