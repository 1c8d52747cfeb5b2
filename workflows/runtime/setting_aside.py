"""Steps that are done again because their draft was sent back: the old ones stay as evidence, under another path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connectors.sdk import Rejected
from workflows.engine.sending_back import NoWayBack, way_back
from workflows.engine.tree import ASIDE
from workflows.runtime.journey import Journey, Step
from workflows.runtime.kinds import kinds


@dataclass(frozen=True, slots=True)
class Redone:
    """`writer` is the path of the step that does it again; `steps` all that came up since, containers with contents."""

    writer: str
    steps: tuple[Step, ...]


def redone(journey: Journey, review: Step) -> Redone:
    """Raises Rejected where there is no way back."""
    try:
        back = way_back(journey.tree, review.step_id, kinds(), journey.run.body)
    except NoWayBack as error:
        raise Rejected(str(error)) from None

    prefix = _prefix(review.path, back.arm)
    sequence = journey.tree.arm(*back.arm[-1]) if back.arm else journey.tree.sequence(journey.run.body)
    ids = [node.id for node in sequence]
    again = [prefix + id for id in ids[ids.index(back.first) : ids.index(back.last) + 1]]
    held = [step for path, step in journey.steps.items() if any(_is_at(path, each) for each in again)]
    writer = next((step.path for step in held if step.step_id == back.writer and ASIDE not in step.path), None)
    if writer is None:
        raise Rejected(
            "The step that writes the draft was not done in this run, so there is nobody to send it back to."
        )
    return Redone(writer, tuple(step for step in held if ASIDE not in step.path))


def put_aside(journey: Journey, steps: tuple[Step, ...], elsewhere: Iterable[dict[str, Step]]) -> tuple[Step, ...]:
    """From now on the planner does not find them, so that they come up again. `elsewhere` knows them by path, too."""
    number = 1 + sum(1 for path in journey.steps if ASIDE in path)
    for step in steps:
        for known in (journey.steps, *elsewhere):
            known.pop(step.path, None)
        step.path = f"{step.path}{ASIDE}{number}"
        journey.steps[step.path] = step
    return steps


def remarks_for(journey: Journey, path: str) -> list[dict[str, Any]]:
    """What people said of the drafts that this step has written so far, the first first: remarks and draft."""
    sent = [step.inside.get("sent_back") for step in journey.steps.values() if ASIDE in step.path]
    return [each for each in sent if each and each["to"] == path]


def _is_at(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _prefix(path: str, arm: tuple[tuple[str, str], ...]) -> str:
    """The way to the shared sequence, with the rounds in which the review stands."""
    if not arm:
        return ""
    parts = path.split("/")
    return "/".join(parts[: 2 * len(arm)]) + "/"
