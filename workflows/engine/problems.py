"""What keeps a definition from being published: each problem names its step and field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from connectors.sdk.actions import Action
from workflows.engine import conditions, params, sending, shortcomings, tools
from workflows.engine.definition import Definition, Node

SEQUENCE_FIELDS = ("steps", "rescue", "cases", "otherwise", "arms")
FACTS: Mapping[str, frozenset[str]] = {
    "run": frozenset({"id", "date", "started_by", "mode"}),
    "department": frozenset({"name", "slug"}),
    "workflow": frozenset({"name"}),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. `step` is empty for the workflow itself; `field` is dotted: `with.labels`."""

    step: str
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.step, self.field, self.message) if part)


@dataclass(frozen=True, slots=True)
class _View:
    """What a step may see: earlier steps with their fields (None: any), and names that containers give."""

    steps: Mapping[str, Mapping[str, str] | None]
    names: frozenset[str]

    def with_step(self, node: Node, fields: Mapping[str, str] | None) -> _View:
        return _View({**self.steps, node.id: fields}, self.names)

    def with_names(self, *names: str) -> _View:
        return _View(self.steps, self.names | set(names))


def problems(definition: Definition, kinds: Mapping[str, type[Action]]) -> list[Problem]:
    """Everything that keeps the definition from running as it is written, in reading order."""
    found = list(_twice(definition))
    view = _View({}, frozenset())
    if not definition.steps:
        found.append(Problem("", "steps", "The workflow has no step yet."))
    found += _input_problems(definition)
    view, inner = _sequence(definition, definition.steps, view, kinds)
    found += inner
    found += _reference_problems(definition, "", "output", definition.output, view)
    return found


def warnings(definition: Definition, kinds: Mapping[str, type[Action]]) -> list[Problem]:
    """What a person should look at but what keeps nothing from being published, in reading order.

    A step that is switched off gives nothing: whoever refers to it reads empty values.
    """
    on = list(running(definition))
    off = frozenset(node.id for node in definition.nodes()) - {node.id for node in on}
    found: list[Problem] = []
    for node in on if off else ():
        cases = [case.when for case in node.cases or ()]
        found += _off_references(node.id, {"with": node.given, "when": node.when, "cases": cases}, off)
    return [*found, *_off_references("", {"output": definition.output}, off)]


def running(definition: Definition) -> Iterator[Node]:
    """The steps that a run comes to, in reading order: none that is switched off, and none inside one."""
    yield from _running(definition.steps)


def _running(sequence: list[Node]) -> Iterator[Node]:
    for node in sequence:
        if not node.off:
            yield node
            for _, held in node.sequences():
                yield from _running(held)


def _off_references(step: str, fields: Mapping[str, Any], off: frozenset[str]) -> Iterator[Problem]:
    for field, value in fields.items():
        for place, text in _templates(value, field):
            for name in sorted({str(r[1]) for r in _references(text) if len(r) > 1 and r[0] == "steps"} & off):
                yield Problem(step, place, f'The step "{name}" is switched off and gives nothing.')


def _references(text: str) -> set[params.Reference]:
    try:
        return params.references(text)
    except params.BadText:
        return set()


def _twice(definition: Definition) -> Iterator[Problem]:
    for step_id, count in Counter(node.id for node in definition.nodes()).items():
        if count > 1:
            yield Problem(step_id, "id", f"{count} steps have this id; each needs its own.")


def _input_problems(definition: Definition) -> Iterator[Problem]:
    for name, asked in definition.inputs.items():
        if asked.type == "choice" and not asked.choices:
            yield Problem("", f"inputs.{name}.choices", "A choice needs at least one value to choose.")
        if asked.choices and asked.default is not None and asked.default not in asked.choices:
            yield Problem("", f"inputs.{name}.default", "The default is not one of the choices.")


def _sequence(
    definition: Definition, sequence: list[Node], view: _View, kinds: Mapping[str, type[Action]]
) -> tuple[_View, list[Problem]]:
    """What is visible after the sequence, and the problems in it."""
    found: list[Problem] = []
    for node in sequence:
        kind = kinds.get(node.kind)
        if kind is None:
            found.append(Problem(node.id, "kind", f"There is no step kind called {node.kind!r}."))
            view = view.with_step(node, None)
            continue
        inside, inner = _inside(definition, node, kind, view, kinds)
        if not node.off:
            found += [*_own_problems(definition, node, kind, view, kinds), *inner]
        view = inside.with_step(node, kind.output_fields(node.given))
    return view, found


def _own_problems(
    definition: Definition, node: Node, kind: type[Action], view: _View, kinds: Mapping[str, type[Action]]
) -> Iterator[Problem]:
    yield from _shape_problems(node, kind)
    yield from _param_problems(node, kind)
    if node.on_error == "ask" and not kind.by_hand:
        yield Problem(node.id, "on_error", "Nobody can give by hand what this step gives. Choose what else happens.")
    if why := sending.sends_problem(definition, node, kinds):
        yield Problem(node.id, "with.sends", why)
    yield from (Problem(*found) for found in tools.tool_problems(node, kind, kinds))
    yield from _reference_problems(definition, node.id, "with", _rendered(node, kind), view)
    if node.when is not None:
        yield from _condition_problems(definition, node.id, "when", node.when, view)
    for index, case in enumerate(node.cases or ()):
        yield from _condition_problems(definition, node.id, f"cases.{index}.when", case.when, view)


def _inside(
    definition: Definition, node: Node, kind: type[Action], view: _View, kinds: Mapping[str, type[Action]]
) -> tuple[_View, list[Problem]]:
    """The view after a container: what its arms brought up is visible, unless they are runs of their own."""
    names = kind.names_inside(node.given)
    before = view.with_names(*names)
    after, found = before, []
    for place, held in node.sequences():
        start = after if kind.arms_follow_each_other else before
        end, inner = _sequence(definition, held, start, kinds)
        found += inner
        if (gives := _gives(node, place)) is not None:
            found += _reference_problems(definition, node.id, f"{place}.tool.gives", gives, end)
        after = _View({**after.steps, **end.steps}, before.names)
    if node.output is not None:
        found += _reference_problems(definition, node.id, "output", node.output, after)
    for name in set(kind.unrendered) & set(node.given):
        found += _condition_problems(definition, node.id, f"with.{name}", node.given[name], after)
    return (view if kind.spawns else _View(after.steps, view.names)), found


def _gives(node: Node, place: str) -> Any:
    part, _, number = place.partition(".")
    tool = (node.arms or [])[int(number)].tool if part == "arms" else None
    return tool.gives if tool else None


def _shape_problems(node: Node, kind: type[Action]) -> Iterator[Problem]:
    for field in SEQUENCE_FIELDS:
        held = getattr(node, field)
        if held is not None and field not in kind.sequences:
            yield Problem(node.id, field, f"A step of kind {node.kind} holds no {field}.")
        if held is None and field in kind.sequences and field not in kind.may_lack:
            yield Problem(node.id, field, f"A step of kind {node.kind} needs {field}.")
    if node.output is not None and not kind.spawns:
        yield Problem(node.id, "output", f"A step of kind {node.kind} has a fixed output.")


def _param_problems(node: Node, kind: type[Action]) -> Iterator[Problem]:
    """Types are checked where the value stands already; where a reference stands, the run checks it."""
    try:
        kind.Params.model_validate(node.given)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            if not _is_open(node.given, detail["loc"]):
                message = shortcomings.sentence(kind.Params, node.given, detail)
                yield Problem(node.id, _dotted("with", detail["loc"]), message)
    for field, message in kind.check(node.given).items():
        yield Problem(node.id, f"with.{field}", message)


def _is_open(given: Any, loc: tuple[int | str, ...]) -> bool:
    """Whether the value at this place, or one around it, is a template whose value only the run knows."""
    value = given
    for part in loc:
        if isinstance(value, str):
            return params.is_template(value)
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            # pydantic adds names of its own to the place (the member of a union); they stand nowhere in the value.
            continue
    return _holds_template(value) and not isinstance(value, Mapping | list)


def _holds_template(value: Any) -> bool:
    return isinstance(value, str) and params.is_template(value)


def _rendered(node: Node, kind: type[Action]) -> dict[str, Any]:
    return {name: value for name, value in node.given.items() if name not in kind.unrendered}


def _condition_problems(
    definition: Definition, step: str, field: str, condition: Any, view: _View
) -> Iterator[Problem]:
    if condition in ({"all": []}, {"any": []}):
        yield Problem(step, field, "The condition is still empty.")
    for message in conditions.problems(condition):
        yield Problem(step, field, message)
    yield from _reference_problems(definition, step, field, condition, view)


def _reference_problems(definition: Definition, step: str, field: str, value: Any, view: _View) -> Iterator[Problem]:
    for place, text in _templates(value, field):
        try:
            found = params.references(text)
        except params.BadText as error:
            yield Problem(step, place, str(error))
            continue
        for reference in sorted(found, key=str):
            if message := _unknown(definition, reference, view):
                yield Problem(step, place, message)


def _templates(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _templates(item, f"{place}.{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _templates(item, f"{place}.{index}")


def _unknown(definition: Definition, reference: params.Reference, view: _View) -> str:
    root, *rest = (str(part) for part in reference)
    if root in view.names:
        return ""
    if root == "inputs":
        return "" if not rest or rest[0] in definition.inputs else f'The workflow asks for no input called "{rest[0]}".'
    if root == "steps":
        return _unknown_step(definition, rest, view)
    if root in FACTS:
        return "" if not rest or rest[0] in FACTS[root] else f'{root} has no "{rest[0]}".'
    return f'Nothing is called "{root}" here. Known are inputs, steps, run, department and workflow.'


def _unknown_step(definition: Definition, rest: list[str], view: _View) -> str:
    if not rest:
        return ""
    if rest[0] not in view.steps:
        later = any(node.id == rest[0] for node in definition.nodes())
        why = "does not come before this one" if later else "does not exist"
        return f'The step "{rest[0]}" {why}.'
    fields = view.steps[rest[0]]
    if len(rest) > 1 and fields is not None and rest[1] not in fields:
        return f'The step "{rest[0]}" gives no "{rest[1]}"; it gives {", ".join(fields) or "nothing"}.'
    return ""


def _dotted(first: str, loc: tuple[int | str, ...]) -> str:
    return ".".join([first, *map(str, loc)])
