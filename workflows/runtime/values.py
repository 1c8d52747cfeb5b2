"""What the texts of a step mean in its run: only what they refer to is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workflows.engine import params
from workflows.engine.tree import ROUND, arm_path
from workflows.models import RunMode, StepRun
from workflows.runtime import outputs
from workflows.runtime.journey import UNREAD, Journey, Step
from workflows.runtime.kinds import kinds

EARLIER = "earlier steps"
"""In a run's `scope`: what the steps before a part of a workflow gave. No name of a container has a space in it."""


def scope(journey: Journey, path: str, references: Iterable[params.Reference]) -> dict[str, Any]:
    """Everything a text at `path` may name, holding the outputs of just those steps that it does name."""
    wanted = {str(reference[1]) for reference in references if reference[0] == "steps" and len(reference) > 1}
    around = names(journey, path)
    earlier = around.pop(EARLIER, None)
    found = _outputs(journey, path, wanted)
    return {
        "inputs": journey.inputs,
        "steps": {**earlier, **found} if earlier else found,
        "run": {
            "id": str(journey.run.pk),
            "date": (journey.run.started_at or journey.run.created_at).date().isoformat(),
            "started_by": journey.run.started_by,
            "mode": RunMode(journey.run.mode).said,
        },
        "department": {"name": journey.run.department.name, "slug": journey.run.department.slug},
        "workflow": {"name": journey.run.workflow.name},
        **around,
    }


def names(journey: Journey, path: str) -> dict[str, Any]:
    """What the containers around `path` call things, the innermost last; an item's names come from its run."""
    found = names(journey.parent, _parent_path(journey)) if journey.parent else {}
    found |= journey.run.scope
    for container in _containers_on(path):
        found |= journey.steps[container].inside.get("scope", {})
    return found


def _outputs(journey: Journey, path: str, wanted: set[str]) -> dict[str, Any]:
    known = {step_id for step_id in wanted if step_id in journey.tree.places}
    own = {step_id for step_id in known if journey.tree.is_inside(step_id, journey.run.body)}
    found = _outputs(journey.parent, _parent_path(journey), known - own) if journey.parent and known - own else {}

    at = {step_id: journey.steps.get(_locate(journey, path, step_id)) for step_id in own}
    _read(journey, [step for step in at.values() if step is not None and step.output is UNREAD])
    for step_id, step in at.items():
        has_run = step is not None and step.output is not None and step.output is not UNREAD
        found[step_id] = step.output if step is not None and has_run else _nothing(journey, step_id)
    return found


def _read(journey: Journey, steps: list[Step]) -> None:
    if not steps:
        return
    by_id = {step.id: step for step in steps}
    for step_run_id, output, sha256 in StepRun.objects.filter(pk__in=by_id).values_list(
        "id", "output", "output_sha256"
    ):
        by_id[step_run_id].output = outputs.fetch(sha256) if sha256 else output


def _nothing(journey: Journey, step_id: str) -> Mapping[str, Any]:
    """A step that did not run gives its fields, all empty."""
    node = journey.tree.node(step_id)
    return dict.fromkeys(kinds()[node.kind].output_fields(node.given) or ())


def _locate(journey: Journey, path: str, step_id: str) -> str:
    """Where the step stands as seen from `path`: in the same round of the loops around both, else in the last one."""
    prefix = ""
    for container, arm in journey.tree.around(step_id, journey.run.body):
        at = prefix + container
        shared = _segment_after(path, at)
        if shared.partition(ROUND)[0] == arm:
            prefix = f"{at}/{shared}/"
        else:
            step = journey.steps.get(at)
            prefix = arm_path(at, arm, step.round if step else 0)
    return prefix + step_id


def _segment_after(path: str, container: str) -> str:
    if not path.startswith(container + "/"):
        return ""
    return path[len(container) + 1 :].partition("/")[0]


def _containers_on(path: str) -> Iterable[str]:
    """`a/steps~2/b/arms.0/c` → `a`, `a/steps~2/b`."""
    parts = path.split("/")
    return ["/".join(parts[: index + 1]) for index in range(0, len(parts) - 2, 2)]


def _parent_path(journey: Journey) -> str:
    """The place of the `for_each` step in the run around this item."""
    assert journey.parent is not None
    return next(step.path for step in journey.parent.steps.values() if step.id == journey.run.parent_step_id)
