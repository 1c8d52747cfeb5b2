"""What a step is called."""

from __future__ import annotations

from workflows.engine.tree import Tree
from workflows.runtime.kinds import kinds


def title_of(step_id: str, kind: str, tree: Tree) -> str:
    """As the workflow calls the step, else as its kind is called."""
    place = tree.places.get(step_id)
    if place and place.node.title:
        return place.node.title
    known = kinds().get(kind)
    return known.title if known else kind
