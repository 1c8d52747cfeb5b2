"""What steps and their fields are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from connectors.sdk.actions import Action
from workflows.engine.definition import Node
from workflows.engine.differences.telling import Word, gettext_noop

Kinds = Mapping[str, type[Action]]

FIELDS: Mapping[str, str] = {
    "when": gettext_noop("condition"),
    "retry": gettext_noop("tries"),
    "retry.attempts": gettext_noop("number of tries"),
    "retry.first_delay_s": gettext_noop("first pause between tries (seconds)"),
    "retry.longest_s": gettext_noop("longest pause between tries (seconds)"),
    "timeout_s": gettext_noop("time limit (seconds)"),
    "on_error": gettext_noop("what happens if it fails"),
    "helper": gettext_noop("who carries on by hand"),
    "helper.role": gettext_noop("role that carries on by hand"),
    "helper.person": gettext_noop("person who carries on by hand"),
    "helper.group": gettext_noop("group that carries on by hand"),
    "helper.due_hours": gettext_noop("hours to carry on by hand"),
    "saved": gettext_noop("saved step"),
    "output": gettext_noop("result"),
    "type": gettext_noop("type"),
    "title": gettext_noop("name"),
    "help": gettext_noop("help"),
    "required": gettext_noop("whether it is needed"),
    "default": gettext_noop("preset value"),
    "choices": gettext_noop("choices"),
    "class": gettext_noop("data class"),
    "tool": gettext_noop("how an AI may use it"),
    "tool.about": gettext_noop("what the tool is good for"),
    "tool.takes": gettext_noop("what the AI fills in"),
    "tool.gives": gettext_noop("what the AI gets to read"),
    "tool.ask": gettext_noop("whether a person is asked first"),
}
WAYS: Mapping[str, str] = {
    "steps": gettext_noop("its steps"),
    "rescue": gettext_noop("if something fails"),
    "otherwise": gettext_noop("otherwise"),
}


def title_of(node: Node, kinds: Kinds) -> str:
    kind = kinds.get(node.kind)
    return node.title or (kind.title if kind else spoken(node.id))


def title_of_kind(name: str, kinds: Kinds) -> str:
    return kinds[name].title if name in kinds else name


def way_of(node: Node, place: str) -> str:
    """What a way of a container is called: its title, its number, or our word for it."""
    part, _dot, number = place.partition(".")
    if not number:
        return Word(WAYS.get(part, part))
    return ((node.cases if part == "cases" else node.arms) or [])[int(number)].title or str(int(number) + 1)


def field_title(place: Sequence[str], kind: type[Action] | None) -> str:
    """("with", "labels", "neutral", "description") → labels ▸ neutral ▸ When it applies."""
    if place[0] != "with":
        known = FIELDS.get(".".join(place)) or (FIELDS["tool.takes"] if place[:2] == ("tool", "takes") else "")
        return Word(known or " ▸ ".join(spoken(part) for part in place))
    if kind is None:
        return " ▸ ".join(map(spoken, place[1:]))
    return " ▸ ".join(_titles(_schema(kind), place[1:]))  # type: ignore[arg-type]  # mypy: a class has a hash, too


def spoken(name: str) -> str:
    return name.replace("_", " ").strip() or name


@lru_cache(maxsize=256)
def _schema(kind: type[Action]) -> dict[str, Any]:
    return kind.Params.model_json_schema()


def _titles(whole: Mapping[str, Any], place: Sequence[str]) -> Iterator[str]:
    """Each part by the title that its model gives it; an item of a list by its own name."""
    at: Mapping[str, Any] = whole
    for part in place:
        at = _resolved(whole, at)
        declared = at.get("properties", {}).get(part)
        yield declared.get("title") or spoken(part) if declared is not None else part
        at = declared if declared is not None else at.get("items") or at.get("additionalProperties") or {}


def _resolved(whole: Mapping[str, Any], at: Any) -> Mapping[str, Any]:
    """What a reference points to, and of several shapes the one that has parts."""
    if not isinstance(at, Mapping):
        return {}
    if "$ref" in at:
        return _resolved(whole, whole.get("$defs", {}).get(at["$ref"].rpartition("/")[2]))
    shapes = [_resolved(whole, shape) for shape in at.get("anyOf", ())]
    return next((shape for shape in shapes if "properties" in shape or "items" in shape), at)
