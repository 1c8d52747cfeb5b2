"""Definitions drawn in a few strokes, and read back the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.sdk.registry import discover
from workflows.engine import definition as definitions
from workflows.engine import edits
from workflows.engine.definition import Definition, Node

KINDS = discover("workflows.steps", "connectors.catalog")


def say(id: str, text: str = "x", **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}, **rest}


def branch(id: str, *ways: list[dict[str, Any]], otherwise: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    cases = [
        {"when": {"value": "1", "is": "equal", "to": "1"}, "title": f"Way {n}", "steps": w} for n, w in enumerate(ways)
    ]
    return {"id": id, "kind": "flow.branch", "cases": cases, **({} if otherwise is None else {"otherwise": otherwise})}


def each(id: str, *steps: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"id": id, "kind": "flow.for_each", "with": {"items": "{{ inputs.list }}", **given}, "steps": list(steps)}


def loaded(*steps: dict[str, Any], **rest: Any) -> Definition:
    return definitions.load({"format": 1, "name": "Any", "steps": list(steps), **rest})


def after(definition: Definition, *made: dict[str, Any]) -> Definition:
    for edit in made:
        definition = edits.apply(definition, edit, KINDS)
    return definition


def drawn(definition: Definition) -> str:
    """`a each[b c] branch[way0(d) way1() otherwise(e)]`: ids, with what containers hold."""
    return _drawn(definition.steps)


def place(at: int | None = None, step: str = "", arm: str = "") -> dict[str, Any]:
    return {"into": {"step": step, "arm": arm}, "at": at}


def _drawn(nodes: Iterable[Node]) -> str:
    return " ".join(_node(node) for node in nodes)


def _node(node: Node) -> str:
    held = list(node.sequences())
    if not held:
        return node.id
    if [name for name, _ in held] == ["steps"]:
        return f"{node.id}[{_drawn(held[0][1])}]"
    return f"{node.id}[{' '.join(f'{name}({_drawn(steps)})' for name, steps in held)}]"
