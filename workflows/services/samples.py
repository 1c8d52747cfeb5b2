"""Sample values: what a step would see in a run, for previews, the data picker, and tests of a part of a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.engine import params
from workflows.engine.definition import Definition, Input, Node
from workflows.engine.sight import sight
from workflows.models import Workflow
from workflows.runtime.kinds import kinds

MADE: Mapping[str, Any] = {
    "string": "a text",
    "integer": 1,
    "number": 1,
    "boolean": True,
    "array": ["a text"],
    "object": {},
    "any": "a value",
}
"""By the JSON type of a field, where nothing better is known."""
MADE_INPUTS: Mapping[str, Any] = {
    "text": "a text",
    "long_text": "a text",
    "number": 1,
    "boolean": True,
    "date": "2027-01-31",
    "list": ["a text"],
    "file": {"file": "", "name": "document.docx"},
}


def scope_for(workflow: Workflow, definition: Definition, step_id: str) -> dict[str, Any]:
    """The names as the step finds them in a run: inputs, steps, run, department, workflow, and those around it.

    An empty `step_id` stands for the workflow's results. What nobody has tried yet is made from its type. Raises
    KeyError for a step that the definition does not have.
    """
    seen = sight(definition, step_id, kinds())
    scope: dict[str, Any] = {
        "inputs": {name: _input(asked, workflow.sample.get(name)) for name, asked in definition.inputs.items()},
        "steps": {node.id: _made(node) for node in seen.steps},
        "run": {"id": "", "date": "2027-01-31", "started_by": "", "mode": "test"},
        "department": {"name": workflow.department.name, "slug": workflow.department.slug},
        "workflow": {"name": workflow.name},
    }
    for container in seen.around:
        scope |= _names(container, scope)
    return scope


def _input(asked: Input, sample: Any) -> Any:
    if sample not in (None, "", []):
        return sample
    if asked.default is not None:
        return asked.default
    return asked.choices[0] if asked.choices else MADE_INPUTS.get(asked.type)


def _made(node: Node) -> Any:
    kind = kinds().get(node.kind)
    fields = kind.output_fields(node.given) if kind else None
    return {name: MADE.get(type_, "a value") for name, type_ in (fields or {}).items()}


def _names(container: Node, scope: Mapping[str, Any]) -> dict[str, Any]:
    """What the container calls things, rendered with what is known outside of it."""
    kind = kinds().get(container.kind)
    if kind is None:
        return {}
    try:
        given = params.render({n: v for n, v in container.given.items() if n not in kind.unrendered}, scope)
    except params.BadText:
        given = {}
    return {**dict.fromkeys(kind.names_inside(container.given), "a value"), **kind.names_sampled(given)}
