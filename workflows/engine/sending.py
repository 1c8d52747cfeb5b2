"""A question whose answer decides a sending: its parameter `sends` names the step that sends. Pure.

Whoever decides is shown to the letter what that step will send (rule L12), so it must stand after the question, and
refer to nothing that comes about in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from connectors.sdk.actions import Action
from workflows.engine import params
from workflows.engine.definition import Definition, Node, walked
from workflows.engine.sight import sight
from workflows.engine.tree import Tree

Kinds = Mapping[str, type[Action]]
ASKING = "people."


def sends_of(node: Node) -> str:
    """The step whose sending is decided here; nothing where none is."""
    named = node.given.get("sends") if node.kind.startswith(ASKING) else None
    return named if isinstance(named, str) else ""


def with_sends(node: Node, named: str) -> dict[str, object]:
    """The step's parameters with another `sends`; nothing named takes it out."""
    rest = {name: value for name, value in node.given.items() if name != "sends"}
    return {**rest, "sends": named} if named else rest


def sending_steps(definition: Definition, step_id: str, kinds: Kinds) -> list[Node]:
    """What a question at this step may decide: the sending steps after it, in its sequence or one around it.

    Beyond a container whose rounds are runs of their own (for each) nobody sees what was decided inside.
    """
    tree = Tree(definition)
    around = tree.places[step_id].around
    found: list[Node] = []
    here = step_id
    for depth in range(len(around), -1, -1):
        sequence = tree.arm(*around[depth - 1]) if depth else definition.steps
        found += [node for node in _after(sequence, here) if _may_leave(node, kinds)]
        if depth == 0 or _spawns(tree.node(around[depth - 1][0]), kinds):
            break
        here = around[depth - 1][0]
    return found


def sends_problem(definition: Definition, node: Node, kinds: Kinds) -> str:
    """Why the sending that is named cannot be decided here, as a sentence; nothing where it can."""
    named = sends_of(node)
    if not named:
        return ""
    target = next((each for each in definition.nodes() if each.id == named), None)
    if target is None:
        return f'There is no step "{named}" that could send. Choose what will be sent.'
    title = target.title or (kinds[target.kind].title if target.kind in kinds else named)
    if target.id not in {each.id for each in sending_steps(definition, node.id, kinds)}:
        if not _may_leave(target, kinds):
            return f"“{title}” sends nothing that others would see. Choose a step that does."
        return f"“{title}” does not come after this question, so this cannot decide what it sends."
    if unknown := _unknown_yet(definition, node, target, kinds):
        return (
            f"What “{title}” will send cannot be shown here: it refers to {unknown}, which comes about after this "
            "question. Move the question, or choose nothing."
        )
    return ""


def without_missing(steps: Sequence[Node]) -> list[Node]:
    """The steps, as copies where need be, without a `sends` that leads out of them."""
    held = {node.id for node in walked(steps)}
    if not any(sends_of(node) and sends_of(node) not in held for node in walked(steps)):
        return list(steps)
    kept = [node.model_copy(deep=True) for node in steps]
    for node in walked(kept):
        if sends_of(node) and sends_of(node) not in held:
            node.given = with_sends(node, "")
    return kept


def _after(sequence: Sequence[Node], step_id: str) -> Sequence[Node]:
    ids = [node.id for node in sequence]
    return sequence[ids.index(step_id) + 1 :]


def _may_leave(node: Node, kinds: Kinds) -> bool:
    kind = kinds.get(node.kind)
    if kind is None or node.off:
        return False
    # A connector that is only rehearsed sends nothing, but says to the letter what it would.
    is_rehearsed = kind.local and kind.leaving is not Action.leaving
    return is_rehearsed or kind.may_leave(node.given)


def _spawns(node: Node, kinds: Kinds) -> bool:
    kind = kinds.get(node.kind)
    return kind is not None and kind.spawns


def _unknown_yet(definition: Definition, asking: Node, target: Node, kinds: Kinds) -> str:
    """The first reference of the sending step that leads to a step which has not run when the question is asked."""
    known = {each.id for each in sight(definition, asking.id, kinds).steps} | {asking.id}
    kind = kinds[target.kind]
    wanted = [value for name, value in target.given.items() if name not in kind.unrendered]
    return next((name for name, step in sorted(_steps_in(wanted)) if step not in known), "")


def _steps_in(value: Iterable[object]) -> Iterator[tuple[str, str]]:
    """References to steps as they are written, and the step of each."""
    try:
        found = params.references(list(value))
    except params.BadText:
        return
    for reference in found:
        if reference[0] == "steps" and len(reference) > 1:
            yield ".".join(map(str, reference)), str(reference[1])
