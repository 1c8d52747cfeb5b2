"""What a step has before it and around it: the same rules as those by which references are checked. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from connectors.sdk.actions import Action
from workflows.engine.definition import Definition, Node
from workflows.engine.tree import Tree

Kinds = Mapping[str, type[Action]]


@dataclass(frozen=True, slots=True)
class Sight:
    """`steps`: those whose result may be referred to, in reading order. `around`: the containers, outermost first, and
    `arms`: in which arm of each one is.
    """

    steps: tuple[Node, ...]
    around: tuple[Node, ...]
    arms: tuple[str, ...] = ()


def sight(definition: Definition, step_id: str, kinds: Kinds) -> Sight:
    """What the step sees; for an empty id, what the workflow's results see. Raises KeyError for an unknown step."""
    if not step_id:
        return Sight(tuple(_brought_up(definition.steps, kinds)), ())
    place = Tree(definition).places[step_id]
    seen: list[Node] = []
    around: list[Node] = []
    sequence = definition.steps
    for container_id, arm in place.around:
        container = _up_to(sequence, container_id, seen, kinds)
        if _follow_each_other(container, kinds):
            for _, held in _before(container, arm):
                seen += _brought_up(held, kinds)
        around.append(container)
        sequence = dict(container.sequences())[arm]
    _up_to(sequence, step_id, seen, kinds)
    return Sight(tuple(seen), tuple(around), tuple(arm for _, arm in place.around))


def at_its_end(definition: Definition, container: str) -> tuple[Definition, str]:
    """The definition with one more step, the last one inside the container, and the id of it: it sees what is there."""
    ids = {node.id for node in definition.nodes()}
    end = next(name for number in count() if (name := f"end_{number}") not in ids)
    longer = definition.model_copy(deep=True)
    held = next(node for node in longer.nodes() if node.id == container)
    held.steps = [*(held.steps or []), Node(id=end, kind="text.compose")]
    return longer, end


def _up_to(sequence: list[Node], step_id: str, seen: list[Node], kinds: Kinds) -> Node:
    """The step itself; those before it are added to `seen`."""
    for node in sequence:
        if node.id == step_id:
            return node
        seen += _brought_up([node], kinds)
    raise KeyError(step_id)


def _brought_up(sequence: list[Node], kinds: Kinds) -> Iterator[Node]:
    """The steps of a sequence and what they hold, unless those are runs of their own."""
    for node in sequence:
        kind = kinds.get(node.kind)
        if kind is None or not kind.spawns:
            for _, held in node.sequences():
                yield from _brought_up(held, kinds)
        yield node


def _follow_each_other(container: Node, kinds: Kinds) -> bool:
    kind = kinds.get(container.kind)
    return kind is not None and kind.arms_follow_each_other


def _before(container: Node, arm: str) -> Iterator[tuple[str, list[Node]]]:
    for place, held in container.sequences():
        if place == arm:
            return
        yield place, held
