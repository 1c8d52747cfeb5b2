"""Steps as text: what is copied can be read, kept in a mail, and pasted into another workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from workflows.engine import readable, strict
from workflows.engine.definition import Definition, Node


class NoSteps(ValueError):
    """The text holds no steps; the message says what would."""


def write(definition: Definition, chosen: Sequence[str]) -> str:
    """The chosen steps, in the order of the workflow, as YAML. A step inside a chosen one comes with it."""
    nodes = _chosen(definition.steps, frozenset(chosen))
    return readable.dumps(
        {"steps": [node.model_dump(mode="json", by_alias=True, exclude_defaults=True) for node in nodes]}
    )


def _chosen(sequence: Sequence[Node], wanted: frozenset[str]) -> list[Node]:
    found: list[Node] = []
    for node in sequence:
        if node.id in wanted:
            found.append(node)
        else:
            for _place, held in node.sequences():
                found += _chosen(held, wanted)
    return found


def read(text: str) -> list[dict[str, Any]]:
    """YAML or JSON → steps: a list of them, one alone, or anything with `steps`. Raises NoSteps."""
    try:
        raw = strict.loads(text) if text.lstrip()[:1] in ("{", "[") else readable.loads(text)
    except (strict.NotStrict, readable.NotReadable):
        raise NoSteps(_("What you pasted is not a step. Copy a card first, or paste a workflow's text.")) from None
    nodes = raw.get("steps", [raw] if "kind" in raw else None) if isinstance(raw, Mapping) else raw
    if not isinstance(nodes, list) or not nodes or not all(isinstance(node, Mapping) for node in nodes):
        raise NoSteps(_("What you pasted holds no steps. Copy a card first, or paste a workflow's text."))
    return [dict(node) for node in nodes]
