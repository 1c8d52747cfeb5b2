"""The drill: what happens to each AI step of a workflow when its model is away. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from connectors.sdk.actions import Action
from workflows.engine.definition import Definition, Helper, Node
from workflows.engine.problems import running
from workflows.engine.tree import Tree

Kinds = Mapping[str, type[Action]]
IsAway = Callable[[str], bool]
"""Whether a model is away, by its name as a step writes it; an empty one is the usual model."""


class Then(StrEnum):
    """What happens to the run at that step."""

    STOPS = "stops"
    ASKS = "asks"
    GOES_ON = "goes_on"
    RESCUED = "rescued"

    @property
    def is_a_way_out(self) -> bool:
        return self is not Then.STOPS


STARTER = "whoever started the run"
ROLES = {"operator": "an operator", "builder": "a builder", "approver": "an approver", "manager": "a manager"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One step that would ask the model. `by` is the attempt around it that rescues, `who` those who are asked."""

    step: str
    title: str
    model: str
    then: Then
    who: str = ""
    by: str = ""

    @property
    def said(self) -> str:
        match self.then:
            case Then.ASKS:
                return f"{self.who} carries on by hand"
            case Then.GOES_ON:
                return "the run goes on without its result"
            case Then.RESCUED:
                return f"“{self.by}” goes its other way"
            case _:
                return "the run stops here"


def drill(definition: Definition, kinds: Kinds, is_away: IsAway) -> list[Finding]:
    """In reading order: every step that would ask a model that is away, and what then happens.

    Steps that are switched off are left out. A route with other models behind the first one will be one more way out.
    """
    tree = Tree(definition)
    return [
        _finding(tree, node, kinds)
        for node in running(definition)
        if (kind := kinds.get(node.kind)) is not None and kind.asks_model and is_away(model_of(node))
    ]


def model_of(node: Node) -> str:
    """The model as the step names it; a reference is known to the run only and stands for the usual model."""
    named = node.given.get("model")
    return named if isinstance(named, str) and "{{" not in named else ""


def _finding(tree: Tree, node: Node, kinds: Kinds) -> Finding:
    title, model = _title(node, kinds), model_of(node)
    if node.on_error == "ask" and kinds[node.kind].by_hand:
        return Finding(node.id, title, model, Then.ASKS, who=whom(node.helper))
    if node.on_error == "continue":
        return Finding(node.id, title, model, Then.GOES_ON)
    for container, is_rescued in _around(tree, node, kinds):
        if is_rescued:
            return Finding(node.id, title, model, Then.RESCUED, by=_title(container, kinds))
        # A list whose items may fail goes on with the others.
        if container.on_error == "continue" or (
            container.kind == "flow.for_each" and container.given.get("keep_going")
        ):
            return Finding(node.id, title, model, Then.GOES_ON)
    return Finding(node.id, title, model, Then.STOPS)


def _around(tree: Tree, node: Node, kinds: Kinds) -> Iterator[tuple[Node, bool]]:
    """The containers around a step, the nearest first, and whether a failure inside is rescued there."""
    for container_id, arm in reversed(tree.places[node.id].around):
        container = tree.node(container_id)
        yield container, container.kind == "flow.attempt" and arm == "steps"


def whom(helper: Helper | None) -> str:
    if helper is None:
        return STARTER
    return helper.person or helper.group or (ROLES[helper.role] if helper.role else STARTER)


def _title(node: Node, kinds: Kinds) -> str:
    kind = kinds.get(node.kind)
    return node.title or (kind.title if kind else node.id)
