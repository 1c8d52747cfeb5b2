"""What people approved is what leaves: the step that sends compares before it sends (rule L12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.sdk import Leaving, Rejected, StepContext

if TYPE_CHECKING:
    from workflows.runtime.journey import Journey, Step
    from workflows.runtime.performing import Prepared


def remember(step: Step, answer: Mapping[str, Any]) -> None:
    """Of a question about a sending: which step, and the digest of what was shown."""
    if answer.get("sends"):
        step.inside = {**step.inside, "approved": {"step": answer["sends"], "sha256": answer.get("leaving_sha256", "")}}


def require(journey: Journey, prepared: Prepared, ctx: StepContext) -> None:
    """Raises Rejected when something else is about to leave than what was approved."""
    asked = [step.inside.get("approved") for step in journey.steps.values()]
    digests = {each["sha256"] for each in asked if each and each["step"] == prepared.node.id}
    if not digests:
        return
    _require_same(digests, prepared, ctx)


def require_answered(answer: Mapping[str, Any], prepared: Prepared, ctx: StepContext) -> None:
    """Of a step that has asked about its own sending. Raises Rejected like `require`."""
    if answer.get("sends") == prepared.node.id:
        _require_same({answer.get("leaving_sha256", "")}, prepared, ctx)


def _require_same(digests: set[str], prepared: Prepared, ctx: StepContext) -> None:
    now: Leaving | None = prepared.action.leaving(prepared.params, ctx)
    if digests != {now.sha256 if now is not None else ""}:
        raise Rejected(
            "What would be sent now is not what was approved, so nothing was sent. Run the workflow again, so that it "
            "is shown and decided anew.",
            code="not_what_was_approved",
        )
