"""What is wrong with the tools of an AI, above all where it could choose where something goes (rules L11, L12). Pure.

What an AI fills in, and whatever a step makes of it, may be content. A receiver, a host, an account or another workflow
is chosen by a person, or decided by one who sees to the letter what will leave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.sdk.actions import Action
from workflows.engine import params, sending
from workflows.engine.definition import Arm, Node, Tool

Kinds = Mapping[str, type[Action]]
Found = Iterator[tuple[str, str, str]]
"""Step, field and sentence of a problem."""

CALL = "call"
SOURCES = ("connections:", "workflows", "people", "groups")
FIXED_BEGINNING = re.compile(r"(https?://[^/{?#\s]+[/?#]|/(?!/))", re.ASCII)
NOT_ITS_CHOICE = (
    "An AI would choose here where this goes. Write it yourself, or let a person approve this step before it, with "
    "“What will be sent”."
)
NOT_UNSEEN = (
    "This would send what an AI has filled in without anybody having seen it. Switch on “Ask a person first” for the "
    "tool, or let a person approve this step before it."
)


def tool_problems(node: Node, kind: type[Action], kinds: Kinds) -> Found:
    if not kind.arms_are_tools:
        for index, arm in enumerate(node.arms or ()):
            if arm.tool is not None:
                yield node.id, f"arms.{index}.tool", "Only an AI that works with tools can use this."
        return
    if not node.arms:
        yield node.id, "arms", "It has no tool yet. Add one, and put the steps into it that it may do."
    for index, arm in enumerate(node.arms or ()):
        yield from _own(node, index, arm)
        yield from _inside(arm, kinds)


def _own(node: Node, index: int, arm: Arm) -> Found:
    tool, place = arm.tool or Tool(), f"arms.{index}"
    if not arm.title.strip():
        yield node.id, f"{place}.title", "Give the tool a name: the AI and the people read it."
    if not tool.about.strip():
        yield node.id, f"{place}.tool.about", "Say what the tool is good for, so that the AI knows when to use it."
    if not arm.steps:
        yield node.id, f"{place}.steps", f"The tool “{arm.title or index + 1}” does nothing yet. Put a step into it."
    names = [each.name for each in tool.takes]
    if len(set(names)) < len(names):
        yield node.id, f"{place}.tool.takes", "Two of the things that the AI fills in have the same name."
    for each in tool.takes:
        if (each.type == "choice") != bool(each.choices):
            yield node.id, f"{place}.tool.takes", f"“{each.name}”: a choice, and nothing else, has choices."


def _inside(arm: Arm, kinds: Kinds) -> Found:
    tool = arm.tool or Tool()
    known = frozenset(each.name for each in tool.takes)
    yield from _Walk(kinds, known, tool.ask).problems(arm.steps, frozenset({CALL}))


@dataclass
class _Walk:
    """Through the steps of one tool, in reading order. `chosen`: steps whose result an AI has had a hand in."""

    kinds: Kinds
    known: frozenset[str]
    is_asked: bool
    chosen: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)

    def problems(self, sequence: Sequence[Node], roots: frozenset[str]) -> Found:
        before = set(self.decided)
        for node in sequence:
            kind = self.kinds.get(node.kind)
            if kind is None or node.off:
                continue
            yield from self._own(node, kind, roots)
            yield from self._held(node, kind, roots)
        self.decided = before  # whoever was asked on one way was not asked on another

    def _held(self, node: Node, kind: type[Action], roots: frozenset[str]) -> Found:
        """What is inside; a step that gives what came about in there gives what an AI has chosen."""
        names = frozenset(kind.names_inside(node.given))
        inner = roots | names if node.id in self.chosen else roots
        # An agent's own `call` is looked at by itself.
        inner -= names & {CALL}
        held = [each for _, steps in node.sequences() for each in steps]
        for _, steps in node.sequences():
            yield from self.problems(steps, inner)
        if self._touches(node.output, inner) or any(each.id in self.chosen for each in held):
            self.chosen.add(node.id)

    def _own(self, node: Node, kind: type[Action], roots: frozenset[str]) -> Found:
        for name in sorted(self._unknown(node)) if CALL in roots else ():
            takes = ", ".join(sorted(self.known)) or "nothing"
            yield node.id, "with", f"The AI fills in no “{name}” for this tool; it fills in {takes}."
        if (named := sending.sends_of(node)) and _surely_asks(node):
            self.decided.add(named)
        if kind.asks_model:  # whatever it has read, what it says is an AI's choice
            self.chosen.add(node.id)
        if not self._touches(node.given, roots):
            return
        self.chosen.add(node.id)
        if node.id in self.decided:
            return
        wrong = [name for name in _destinations(kind) if self._chooses(node, kind, name, roots)]
        yield from ((node.id, f"with.{name}", NOT_ITS_CHOICE) for name in wrong)
        # What another workflow does with it cannot be seen from here.
        if not wrong and not self.is_asked and (kind.may_leave(node.given) or kind.starts_runs):
            yield node.id, "with", NOT_UNSEEN

    def _unknown(self, node: Node) -> set[str]:
        found = (reference for reference in _references([node.given, node.when]) if reference[0] == CALL)
        return {str(reference[1]) for reference in found if len(reference) > 1} - self.known

    def _touches(self, value: Any, roots: frozenset[str]) -> bool:
        return any(
            reference[0] in roots or (reference[0] == "steps" and len(reference) > 1 and reference[1] in self.chosen)
            for reference in _references(value)
        )

    def _chooses(self, node: Node, kind: type[Action], name: str, roots: frozenset[str]) -> bool:
        value = node.given.get(name)
        if not self._touches(value, roots):
            return False
        beginning = _destinations(kind)[name] == "address" and isinstance(value, str)
        return not (beginning and FIXED_BEGINNING.match(str(value).strip()))


def _surely_asks(node: Node) -> bool:
    """Nothing goes on before a person has said yes."""
    return node.when is None and node.on_error != "continue"


def _destinations(kind: type[Action]) -> dict[str, str]:
    """Parameters that say where something goes, or as whom: name → `whole`, or `address` whose beginning counts."""
    found = {}
    for name, asked in kind.Params.model_fields.items():
        told = asked.json_schema_extra if isinstance(asked.json_schema_extra, dict) else {}
        if where := str(told.get("x-destination", "")):
            found[name] = where
        elif str(told.get("x-source", "")).startswith(SOURCES):
            found[name] = "whole"
    return found


def _references(value: Any) -> set[params.Reference]:
    try:
        return params.references(value)
    except params.BadText:
        return set()
