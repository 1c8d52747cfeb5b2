"""What one click could do about a problem: the nearest name for a reference that leads nowhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from connectors.sdk.actions import Action
from workflows.engine import params
from workflows.engine.definition import Definition, Node
from workflows.engine.problems import FACTS, Problem
from workflows.engine.sight import sight

Kinds = Mapping[str, type[Action]]
Path = tuple[str | int, ...]
Name = tuple[str, ...]

MOST = 3
LEAST_LIKE = 0.6
LEAST_ALIKE = 0.3
SET_BACK: Mapping[str, str] = {
    "on_error": "Stop the workflow there",
    "helper": "Ask whoever started the run",
    "with.sends": "Decide no sending here",
}
"""Field → what taking back what it says means."""
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Fix:
    """`label` says in words what `edit` (see workflows.engine.edits) does."""

    label: str
    edit: Mapping[str, Any]


def fixes(definition: Definition, problem: Problem, kinds: Kinds) -> list[Fix]:
    """At most MOST proposals, the likeliest first; none where nothing near is known."""
    if problem.field == "kind":
        return [Fix("Remove this step", {"do": "remove", "steps": [problem.step]})]
    if (field := problem.field if problem.field in SET_BACK else problem.field.partition(".")[0]) in SET_BACK:
        return [Fix(SET_BACK[field], {"do": "change", "step": problem.step, "field": field})]
    found = _text_at(definition, problem)
    if found is None:
        return []
    owner, path, text = found
    known = _known(definition, problem.step, kinds)
    proposed: list[Fix] = []
    for reference in sorted(_references(text), key=str):
        written = tuple(map(str, reference))
        for name in _nearest(written, known):
            corrected = replaced(text, written, name)
            if corrected != text:
                label = f"Use “{_spoken(name, definition)}” instead of “{'.'.join(written)}”"
                proposed.append(Fix(label, _edit(definition, owner, path, corrected)))
    return proposed[:MOST]


def _references(text: str) -> set[params.Reference]:
    try:
        return params.references(text)
    except params.BadText:
        return set()


# ── where the problem stands ─────────────────────────────────────────────────────────────────────────────────────────


def _text_at(definition: Definition, problem: Problem) -> tuple[Node | None, Path, str] | None:
    """The step (None: the workflow), the path inside it and the text there; None where no text stands there."""
    node = next((each for each in definition.nodes() if each.id == problem.step), None)
    if problem.step and node is None:
        return None
    owner: Any = node if node is not None else definition
    dumped = owner.model_dump(mode="json", by_alias=True)
    path = _path(dumped, problem.field)
    if path is None:
        return None
    value = at(dumped, path)
    return (node, path, value) if isinstance(value, str) and params.is_template(value) else None


def _path(value: Any, dotted: str) -> Path | None:
    """`cases.0.when.all.0.value` as a path into the value; names may have dots of their own."""
    if not dotted:
        return ()
    if isinstance(value, list):
        head, _dot, rest = dotted.partition(".")
        if not head.isdigit() or int(head) >= len(value):
            return None
        inner = _path(value[int(head)], rest)
        return None if inner is None else (int(head), *inner)
    if isinstance(value, Mapping):
        for name in sorted(value, key=len, reverse=True):
            if dotted == name or dotted.startswith(f"{name}."):
                inner = _path(value[name], dotted[len(name) + 1 :])
                if inner is not None:
                    return (name, *inner)
    return None


def at(value: Any, path: Path) -> Any:
    for part in path:
        value = value[part]
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """A copy of the value with `new` at the path."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, list):
        return [put(item, tuple(rest), new) if index == first else item for index, item in enumerate(value)]
    return {name: put(item, tuple(rest), new) if name == first else item for name, item in value.items()}


def _edit(definition: Definition, node: Node | None, path: Path, text: str) -> dict[str, Any]:
    if node is None:
        name = str(path[1])
        return {"do": "set_result", "name": name, "value": put(definition.output[name], path[2:], text)}
    if path[0] == "with":
        return {
            "do": "change",
            "step": node.id,
            "field": f"with.{path[1]}",
            "value": put(node.given[str(path[1])], path[2:], text),
        }
    if path[0] == "cases":
        case = (node.cases or [])[int(path[1])]
        return {"do": "change_way", "step": node.id, "way": f"cases.{path[1]}", "when": put(case.when, path[3:], text)}
    held = node.when if path[0] == "when" else node.output
    return {"do": "change", "step": node.id, "field": str(path[0]), "value": put(held, path[1:], text)}


# ── what is near ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Known:
    """What a place may refer to: steps with their fields (None: any), inputs, and everything else by its whole name."""

    steps: Mapping[str, Sequence[str] | None]
    inputs: Sequence[str]
    others: Sequence[Name]


def _known(definition: Definition, step: str, kinds: Kinds) -> _Known:
    seen = sight(definition, step, kinds)
    steps: dict[str, Sequence[str] | None] = {}
    for node in seen.steps:
        kind = kinds.get(node.kind)
        fields = kind.output_fields(node.given) if kind else None
        steps[node.id] = None if fields is None else list(fields)
    others: list[Name] = [(root, name) for root, names in FACTS.items() for name in sorted(names)]
    for container in seen.around:
        kind = kinds.get(container.kind)
        others += [(name,) for name in (kind.names_inside(container.given) if kind else ())]
    return _Known(steps, list(definition.inputs), others)


def _nearest(written: Name, known: _Known) -> list[Name]:
    """Known references that the written one may have meant, the likeliest first; none when it is known itself."""
    found = {name: likeness for name, likeness in _candidates(written, known) if likeness >= LEAST_LIKE}
    if written in found or written[:2] in known.others:
        return []
    return sorted(found, key=found.__getitem__, reverse=True)[:MOST]


def _candidates(written: Name, known: _Known) -> Iterator[tuple[Name, float]]:
    """Reference → how alike it is, from 0 to 1. Only steps with a near name have their fields looked at."""
    if written[0] == "steps" and len(written) > 1:
        near = [written[1]] if written[1] in known.steps else _best(written[1], known.steps)
        for step_id in near:
            yield from _of_step(written, step_id, known.steps[step_id])
    elif written[0] == "inputs" and len(written) > 1:
        for name in [written[1]] if written[1] in known.inputs else _best(written[1], known.inputs):
            yield ("inputs", name, *written[2:]), (1 + _alike(written[1], name)) / 2
    else:
        for whole in (*known.others, *(("inputs", name) for name in known.inputs)):
            yield whole, _alike(".".join(written), ".".join(whole))


def _of_step(written: Name, step_id: str, fields: Sequence[str] | None) -> Iterator[tuple[Name, float]]:
    likeness = _alike(written[1], step_id)
    if len(written) == 2 or fields is None:
        yield ("steps", step_id, *written[2:]), (1 + likeness) / 2
        return
    for name in [written[2]] if written[2] in fields else _best(written[2], fields):
        yield ("steps", step_id, name, *written[3:]), (1 + likeness + _alike(written[2], name)) / 3


def _best(written: str, names: Iterable[str]) -> list[str]:
    """The MOST names that are most like the written one."""
    likeness = {name: _alike(written, name) for name in names}
    return sorted(likeness, key=likeness.__getitem__, reverse=True)[:MOST]


# The same pairs come back with every edit of a draft, and comparing letters is what costs.
@lru_cache(maxsize=65_536)
def _alike(one: str, other: str) -> float:
    """From 0 to 1; 0 where it is surely too little."""
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < LEAST_ALIKE or matcher.quick_ratio() < LEAST_ALIKE:
        return 0.0
    return matcher.ratio()


def replaced(text: str, written: Sequence[str], name: Sequence[str]) -> str:
    """The text with one reference replaced by another inside its tags, and nothing else touched."""
    pattern = re.compile(rf"(?<![\w.\"'-]){re.escape('.'.join(written))}(?![\w-])")
    return _TAG.sub(lambda tag: pattern.sub(".".join(name), tag[0]), text)


def _spoken(name: Sequence[str], definition: Definition) -> str:
    """A reference as a person knows it: `steps.tone.label` is How does it speak about us? ▸ label."""
    if name[0] == "steps":
        title = next((node.title for node in definition.nodes() if node.id == name[1]), "")
        return " ▸ ".join([title or name[1], *(part.replace("_", " ") for part in name[2:])])
    if name[0] == "inputs":
        asked = definition.inputs[name[1]]
        return asked.title or name[1].replace("_", " ")
    return " ▸ ".join(part.replace("_", " ") for part in name)


__all__ = ["Fix", "fixes", "replaced"]
