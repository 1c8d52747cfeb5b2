"""The data a step may use: what it is called, of which type, what it holds in the last test; and texts with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from connectors.sdk import Action
from workflows.engine import params
from workflows.engine.definition import Definition, Input, Node
from workflows.engine.problems import FACTS
from workflows.engine.sight import at_its_end, sight
from workflows.models import Workflow
from workflows.pages.cards import GROUPS, title_of
from workflows.pages.showing import is_file, named
from workflows.runtime.kinds import kinds
from workflows.services import samples

LONGEST_SAMPLE = 90
LONGEST_PREVIEW = 400
MOST_INSIDE = 20
INSIDE = "inside"
"""In the address of the picker: what a container gives sees more than the container itself."""
DEEPEST = 3

INPUT_TYPES: Mapping[str, str] = {
    "text": "string",
    "long_text": "string",
    "choice": "string",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "list": "array",
    "file": "file",
}


@dataclass(frozen=True, slots=True)
class Around:
    """What an element with `data-forms` tells the scripts; drawn by templates/forms/_around.html."""

    known: str
    picker: str
    preview: str


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to insert: `text` is what is inserted, `sample` what it holds now, `depth` how deep it stands."""

    text: str
    label: str
    type: str
    sample: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Things that come from one place: the start form, a step, a container. `is_tested`: the values are real."""

    title: str
    tone: str
    icon: str
    items: tuple[Item, ...]
    is_tested: bool = False


def around(workflow: Workflow, definition: Definition, step_id: str, *, inside: bool = False) -> Around:
    """For an element that holds fields of this step, or of the workflow's results where the id is empty.

    `inside`: fields of what a container gives, which see what its steps have brought up.
    """
    address = [workflow.pk, step_id] if step_id else [workflow.pk]
    prefix = "build" if step_id else "build_result"
    where = f"?{INSIDE}=1" if inside else ""
    seen = known(*at_its_end(definition, step_id)) if inside else known(definition, step_id)
    return Around(
        known=json.dumps(seen, ensure_ascii=False, separators=(",", ":")),
        picker=reverse(f"{prefix}_data", args=address) + where,
        preview=reverse(f"{prefix}_preview", args=address) + where,
    )


# ── what things are called ───────────────────────────────────────────────────────────────────────────────────────────


def known(definition: Definition, step_id: str) -> dict[str, Any]:
    """Names of all that the place may refer to, with types and choices, for chips and conditions."""
    seen = sight(definition, step_id, kinds())
    return {
        "inputs": {name: _known_input(name, asked) for name, asked in definition.inputs.items()},
        "steps": {node.id: _known_step(node) for node in seen.steps},
        "names": {name: {} for name in [*FACTS, *_names_around(definition, step_id)]} | _fact_titles(),
    }


def _known_input(name: str, asked: Input) -> dict[str, Any]:
    told = {"title": asked.title or named(name), "type": INPUT_TYPES.get(asked.type, "")}
    return {**told, "choices": asked.choices} if asked.choices else told


def _known_step(node: Node) -> dict[str, Any]:
    kind = kinds().get(node.kind)
    fields = kind.output_fields(node.given) if kind else None
    if kind is None or fields is None:
        return {"title": title_of(node)}
    shapes = kind.output_shapes(node.given)
    return {
        "title": title_of(node),
        "fields": {name: _told(type_, shapes.get(name, {})) for name, type_ in fields.items()},
    }


def _told(json_type: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    plain = [part for part in shape.get("anyOf", ()) if part.get("type") != "null"]
    shape = plain[0] if len(plain) == 1 else shape
    type_ = "date" if shape.get("format") == "date" else "number" if json_type == "integer" else json_type
    type_ = "file" if str(shape.get("$ref", "")).endswith("/FileRef") else type_
    choices = [choice for choice in shape.get("enum", ()) if isinstance(choice, str)]
    return {"type": type_, "choices": choices} if choices else {"type": type_}


def _names_around(definition: Definition, step_id: str) -> list[str]:
    """Names that the containers around the step give, and those that the step itself gives to its conditions."""
    seen = sight(definition, step_id, kinds())
    own = [node for node in definition.nodes() if node.id == step_id]
    return [name for node in [*seen.around, *own] for name in _inside(node)]


def _inside(node: Node) -> tuple[str, ...]:
    kind: type[Action] | None = kinds().get(node.kind)
    return kind.names_inside(node.given) if kind else ()


# ── what it holds ────────────────────────────────────────────────────────────────────────────────────────────────────


def offered(
    workflow: Workflow, definition: Definition, step_id: str, wanted: str = "", *, files_first: bool = False
) -> list[Group]:
    """Everything that the step may use, nearest first; with words wanted, what has all of them."""
    scope = samples.scope_for(workflow, definition, step_id)
    groups = [*_groups(workflow, definition, step_id, scope)]
    if files_first:
        groups.insert(0, Group(_("Files"), "data", "file-text", tuple(_files(groups)), is_tested=True))
    return [found for group in groups if (found := _narrowed(group, wanted)).items]


def _files(groups: Iterable[Group]) -> Iterator[Item]:
    """The files among all that is offered, with where they come from."""
    for group in groups:
        for item in group.items:
            if item.type == type_word("file"):
                yield replace(item, label=f"{item.label} · {group.title}", depth=0)


def _groups(workflow: Workflow, definition: Definition, step_id: str, scope: Mapping[str, Any]) -> Iterator[Group]:
    seen = sight(definition, step_id, kinds())
    tested = samples.samples_of(workflow, seen.steps)
    own = next((node for node in definition.nodes() if node.id == step_id), None)
    for container in [*([own] if own else []), *reversed(seen.around)]:
        yield Group(title_of(container), "flow", "repeat", tuple(_named_items(container, scope)))
    for node in reversed(seen.steps):
        yield _step_group(node, scope["steps"].get(node.id), node.id in tested)
    asked = tuple(
        item
        for name, one in definition.inputs.items()
        for item in _items(("inputs", name), one.title or named(name), INPUT_TYPES[one.type], scope["inputs"].get(name))
    )
    yield Group(_("Asked for at the start"), "people", "forms", asked, is_tested=True)
    yield Group(_("Where it runs"), "data", "info-circle", tuple(_facts(scope)), is_tested=True)


def _step_group(node: Node, sample: Any, is_tested: bool) -> Group:
    tone, icon = GROUPS.get(node.kind.partition(".")[0], ("out", "world"))
    kind = kinds().get(node.kind)
    told = _known_step(node).get("fields")
    values = sample if isinstance(sample, Mapping) else {}
    names = told if told is not None else {name: {"type": ""} for name in values}
    items = tuple(
        item
        for name, each in names.items()
        for item in _items(("steps", node.id, name), named(name), each["type"], values.get(name) if is_tested else None)
    )
    whole = Item(_reference("steps", node.id), _("The whole result"), type_word("object"))
    return Group(title_of(node), tone, (kind.icon if kind else "") or icon, items or (whole,), is_tested)


def _named_items(container: Node, scope: Mapping[str, Any]) -> Iterator[Item]:
    for name in _inside(container):
        yield from _items((name,), named(name), _type_of(scope.get(name)), scope.get(name))


def _facts(scope: Mapping[str, Any]) -> Iterator[Item]:
    for root, names in _fact_titles().items():
        for name, told in names.items():
            sample = brief(scope[root].get(name), LONGEST_SAMPLE)
            yield Item(_reference(root, name), told["title"], type_word("string"), sample)


def _fact_titles() -> dict[str, dict[str, dict[str, str]]]:
    """What every step may know of its run, by what it is called."""
    words = {
        "run": {"date": _("Date of the run"), "started_by": _("Who started it"), "id": _("Number of the run")},
        "department": {"name": _("Name of the department")},
        "workflow": {"name": _("Name of the workflow")},
    }
    return {root: {name: {"title": title} for name, title in names.items()} for root, names in words.items()}


def _items(path: tuple[str, ...], label: str, type_: str, sample: Any, depth: int = 0) -> Iterator[Item]:
    """A thing and, where the sample shows them, the things inside it."""
    yield Item(_reference(*path), label, type_word(type_ or _type_of(sample)), brief(sample, LONGEST_SAMPLE), depth)
    if isinstance(sample, Mapping) and depth < DEEPEST and not is_file(sample):
        for name in [one for one in sample if params.whole_reference(_reference(*path, str(one)))][:MOST_INSIDE]:
            yield from _items((*path, name), named(str(name)), "", sample[name], depth + 1)


def _reference(*path: str) -> str:
    return f"{{{{ {'.'.join(path)} }}}}"


def _narrowed(group: Group, wanted: str) -> Group:
    words = wanted.casefold().split()
    if not words or all(word in group.title.casefold() for word in words):
        return group
    found = [
        item
        for item in group.items
        if all(word in f"{group.title} {item.label} {item.text} {item.sample}".casefold() for word in words)
    ]
    return replace(group, items=tuple(found))


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if is_file(value):
        return "file"
    kinds_of = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return next((name for python, name in kinds_of.items() if isinstance(value, python)), "")


def type_word(type_: str) -> str:
    words = {
        "string": _("text"),
        "number": _("number"),
        "integer": _("number"),
        "boolean": _("yes or no"),
        "date": _("date"),
        "array": _("list"),
        "object": _("several values"),
        "file": _("file"),
    }
    return words.get(type_, "")


def brief(value: Any, most: int) -> str:
    """A value on one line."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Mapping):
        text = str(value["name"]) if is_file(value) else _brief_mapping(value)
    elif isinstance(value, list):
        text = "; ".join(brief(item, 40) for item in value[:8])
    else:
        text = str(value)[: most * 4]
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _brief_mapping(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{named(str(name))}: {brief(item, 30)}" for name, item in list(value.items())[:8])


# ── what a text becomes ──────────────────────────────────────────────────────────────────────────────────────────────


def rendered(text: Any, scope: Mapping[str, Any]) -> str:
    """What the text becomes with the sample values, on one line; nothing where it holds no data or cannot be made."""
    if not isinstance(text, str) or not params.is_template(text):
        return ""
    try:
        value = params.render(text, scope)
    except params.BadText:
        return ""
    return brief(value, LONGEST_PREVIEW) or _("nothing")
