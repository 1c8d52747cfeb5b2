"""What a person needs to know to carry on where a step cannot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sdk import StepError
from workflows.models import Attempt, Run, Task
from workflows.runtime import journey, performing


def given_to(task: Task) -> Mapping[str, Any]:
    """What the step was given, by name: as its last try has written it down, else as it would be given now.

    Nothing where it cannot be told, for instance because an earlier step gave nothing.
    """
    last = Attempt.objects.filter(step=task.step_id).order_by("-pk").first()
    if last is not None and last.given:
        return last.given
    try:
        known = journey.load(Run.objects.select_related("department", "workflow").get(pk=task.run_id))
        return performing.prepared(known, known.steps[task.step.path]).given
    except StepError:
        return {}
