"""Sample values: what a step would see in a run, for previews, the data picker, and tests of a part of a workflow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from audit.services import record
from connectors.sdk import BadParams
from connectors.sdk.asking import AskedField
from departments.access import Actor, Verb, require
from workflows.engine import params
from workflows.engine.cutting import needs
from workflows.engine.definition import Definition, Input, Node
from workflows.engine.sight import Sight, sight
from workflows.engine.tools import CALL
from workflows.engine.tree import Tree
from workflows.models import Run, Sample, Workflow
from workflows.runtime import outputs
from workflows.runtime.kinds import kinds
from workflows.runtime.values import EARLIER
from workflows.services.refusals import ValidationError

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
EMPTY: tuple[Any, ...] = (None, "", [])


@dataclass(frozen=True, slots=True)
class Known:
    """Input → its sample; step → its sample, or what is made from its type."""

    inputs: Mapping[str, Any]
    steps: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What the run of a part starts with. `missing` are earlier steps that the part needs and nobody has tried yet."""

    scope: Mapping[str, Any]
    missing: tuple[Node, ...]


def scope_for(workflow: Workflow, definition: Definition, step_id: str) -> dict[str, Any]:
    """The names as the step finds them in a run: inputs, steps, run, department, workflow, and those around it.

    An empty `step_id` stands for the workflow's results. What nobody has tried yet is made from its type. Raises
    KeyError for a step that the definition does not have. Two queries, a third where no input was ever tested.
    """
    seen = sight(definition, step_id, kinds())
    return scope_among(known_of(workflow, definition, seen.steps), workflow, definition, step_id)


def known_of(workflow: Workflow, definition: Definition, steps: Iterable[Node]) -> Known:
    """What is known of the inputs and of these steps, for the scopes of many. As many queries as for one of them."""
    steps = list(steps)
    pinned = samples_of(workflow, steps)
    values = {node.id: value_of(pinned[node.id]) if node.id in pinned else _made(node) for node in steps}
    return Known(sample_inputs(workflow, definition), values)


def scope_among(known: Known, workflow: Workflow, definition: Definition, step_id: str) -> dict[str, Any]:
    """Like `scope_for`, without a query; `known` has every step before this one."""
    seen = sight(definition, step_id, kinds())
    scope = _scope(workflow, seen, known.inputs, {node.id: known.steps[node.id] for node in seen.steps})
    own = Tree(definition).places[step_id].node if step_id else None
    # A step without content that gives names uses them itself: the item in a filter's condition.
    return {**scope, **_names(own, scope)} if own is not None and not any(own.sequences()) else scope


def given_to(workflow: Workflow, definition: Definition, step_id: str, steps: list[Node]) -> Given:
    """What a part that begins at this step needs of what comes before it. `steps` are those of the part."""
    seen = sight(definition, step_id, kinds())
    wanted = needs(steps)
    around = [node for node in seen.around if wanted.names & set(_names_inside(node))]
    wanted_steps = wanted.steps.union(*(needs([_without_content(node)]).steps for node in around))
    before = [node for node in seen.steps if node.id in wanted_steps]

    pinned = samples_of(workflow, before)
    values = {node.id: value_of(pinned[node.id]) for node in before if node.id in pinned}
    unknown = [node for node in before if node.id not in pinned]
    missing = tuple(node for node in unknown if _surely_ran(definition, node, seen))
    values |= {node.id: dict.fromkeys(_fields(node)) for node in unknown}
    scope = _scope(workflow, seen, sample_inputs(workflow, definition), values)
    names = {name: scope[name] for container in seen.around for name in _names_inside(container) if name in scope}
    return Given({**names, EARLIER: values}, missing)


def samples_of(workflow: Workflow, steps: Iterable[Node]) -> dict[str, Sample]:
    """Step → its sample; one of another kind of step is none. One query."""
    known = {node.id: node.kind for node in steps}
    rows = Sample.objects.filter(workflow=workflow, step_id__in=known)
    return {row.step_id: row for row in rows if row.kind == known[row.step_id]}


def tested_steps(workflow: Workflow, definition: Definition) -> frozenset[str]:
    """The steps that have a sample. One query, which reads no sample."""
    known = {node.id: node.kind for node in definition.nodes()}
    rows = Sample.objects.filter(workflow=workflow).values_list("step_id", "kind")
    return frozenset(step_id for step_id, kind in rows if known.get(step_id) == kind)


def value_of(sample: Sample) -> Any:
    return outputs.fetch(sample.output_sha256) if sample.output_sha256 else sample.output


def sample_inputs(workflow: Workflow, definition: Definition, *, made: bool = True) -> dict[str, Any]:
    """Of the last test, else the workflow's sample, else the last run's; `made`: what is missing by its type."""
    known = _known_inputs(workflow, definition)
    found = {name: _input(asked, known.get(name), made=made) for name, asked in definition.inputs.items()}
    return {name: value for name, value in found.items() if made or value not in EMPTY}


def pin(workflow: Workflow, step: Node, value: Any, *, actor: Actor) -> Sample:
    """Keep this value as the step's result: no test replaces it until it is unpinned. Raises ValidationError."""
    require(actor, Verb.EDIT, workflow.department)
    try:
        output, sha256 = outputs.put_away(outputs.clean(_as_object(value), step.kind))
    except BadParams as error:
        raise ValidationError({"": error.message}) from None
    kept = {
        "kind": step.kind,
        "output": output,
        "output_sha256": sha256,
        "by_hand": True,
        "rehearsed": False,
        "made_by": actor.label,
        "run": None,
        "at": timezone.now(),
    }
    with transaction.atomic():
        sample, _ = Sample.objects.update_or_create(workflow=workflow, step_id=step.id, defaults=kept)
        record("sample.written", actor=actor, department=workflow.department.slug, thing=workflow, step=step.id)
    return sample


def unpin(workflow: Workflow, step_id: str, *, actor: Actor) -> None:
    """Forget the step's sample; the next test makes a new one."""
    require(actor, Verb.EDIT, workflow.department)
    with transaction.atomic():
        Sample.objects.filter(workflow=workflow, step_id=step_id).delete()
        record("sample.removed", actor=actor, department=workflow.department.slug, thing=workflow, step=step_id)


def remember_inputs(workflow: Workflow, inputs: Mapping[str, Any], run: Run) -> None:
    """The next test begins with what this one was given. Inside a transaction."""
    kept = {"kind": "", "output": dict(inputs), "run": run, "at": timezone.now(), "made_by": run.started_by}
    Sample.objects.update_or_create(workflow=workflow, step_id="", defaults=kept)


def _known_inputs(workflow: Workflow, definition: Definition) -> dict[str, Any]:
    if not definition.inputs:
        return {}
    tested = Sample.objects.filter(workflow=workflow, step_id="").first()
    known = {**workflow.sample, **((tested.output or {}) if tested else {})}
    if known:
        return known
    live = Run.objects.live().filter(workflow=workflow).order_by("-pk")
    return live.values_list("inputs", flat=True).first() or {}


def _input(asked: Input, sample: Any, *, made: bool = True) -> Any:
    if sample not in EMPTY:
        return sample
    if asked.default is not None or not made:
        return asked.default
    return asked.choices[0] if asked.choices else MADE_INPUTS.get(asked.type)


def _scope(workflow: Workflow, seen: Sight, inputs: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    scope: dict[str, Any] = {
        "inputs": inputs,
        "steps": values,
        "run": {"id": "", "date": timezone.now().date().isoformat(), "started_by": "", "mode": "test"},
        "department": {"name": workflow.department.name, "slug": workflow.department.slug},
        "workflow": {"name": workflow.name},
    }
    for container, arm in zip(seen.around, seen.arms, strict=True):
        scope |= _names(container, scope) | _filled_in(container, arm)
    return scope


def _filled_in(container: Node, arm: str) -> dict[str, Any]:
    """What an AI fills in for the tool that this arm is."""
    part, _, number = arm.partition(".")
    tool = (container.arms or [])[int(number)].tool if part == "arms" else None
    return {} if tool is None else {CALL: {each.name: _made_up(each) for each in tool.takes}}


def _made_up(asked: AskedField) -> Any:
    return asked.choices[0] if asked.choices else MADE_INPUTS[asked.type]


def _made(node: Node) -> Any:
    return {name: MADE.get(type_, "a value") for name, type_ in _fields(node).items()}


def _fields(node: Node) -> Mapping[str, str]:
    kind = kinds().get(node.kind)
    return (kind.output_fields(node.given) if kind else None) or {}


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


def _names_inside(container: Node) -> tuple[str, ...]:
    kind = kinds().get(container.kind)
    return kind.names_inside(container.given) if kind else ()


def _without_content(container: Node) -> Node:
    empty = {"steps": None, "rescue": None, "cases": None, "otherwise": None, "arms": None, "output": None}
    return container.model_copy(update=empty)


def _surely_ran(definition: Definition, node: Node, seen: Sight) -> bool:
    """Not a step that a run may leave out: it then gives its fields, all empty."""
    passed = {container.id for container in seen.around}
    own = [container for container, _ in Tree(definition).places[node.id].around if container not in passed]
    return not own and node.when is None and not node.off


def _as_object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    raise ValidationError({"": "The result of a step has named fields. Write them between { and }."})
