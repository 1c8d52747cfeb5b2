"""References follow a name: `{{ steps.draft.text }}` becomes `{{ steps.answer.text }}` wherever it stands in a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from connectors.sdk.actions import Action
from workflows.engine import params
from workflows.engine.definition import Definition, Node
from workflows.engine.sending import sends_of, with_sends

Renames = Mapping[tuple[str, ...], str]
"""The beginning of a reference → the new name of its last part: `{("steps", "draft"): "answer"}`."""


def follow(definition: Definition, renames: Renames) -> None:
    """Rewrite every reference in the definition."""
    follow_in(definition.steps, renames)
    definition.output = rewritten(definition.output, renames)


def follow_in(sequence: Iterable[Node], renames: Renames) -> None:
    """Rewrite every reference in these steps and in all they hold."""
    for node in sequence if renames else ():
        _follow_own(node, renames)
        for _, held in node.sequences():
            follow_in(held, renames)


def follow_name(node: Node, renames: Renames, kinds: Mapping[str, type[Action]]) -> None:
    """Rewrite what the steps inside a container call its item; a container inside that uses the same name is left."""
    names = {name for name, *_ in renames}
    for case in node.cases or ():
        case.when = rewritten(case.when, renames)
    node.output = rewritten(node.output, renames)
    for _, held in node.sequences():
        for inner in held:
            kind = kinds.get(inner.kind)
            if kind is None or not names & set(kind.names_inside(inner.given)):
                _follow_own(inner, renames)
                follow_name(inner, renames, kinds)
            else:
                _follow_rendered(inner, renames, kind)


def rewritten(value: Any, renames: Renames) -> Any:
    """The value with every reference in its texts renamed."""
    if isinstance(value, str):
        return _text(value, renames) if params.is_template(value) else value
    if isinstance(value, Mapping):
        return {name: rewritten(item, renames) for name, item in value.items()}
    if isinstance(value, list):
        return [rewritten(item, renames) for item in value]
    return value


def _follow_own(node: Node, renames: Renames) -> None:
    node.given = rewritten(node.given, renames)
    if new := renames.get(("steps", sends_of(node))):
        node.given = with_sends(node, new)
    node.when = rewritten(node.when, renames)
    node.output = rewritten(node.output, renames)
    for case in node.cases or ():
        case.when = rewritten(case.when, renames)


def _follow_rendered(node: Node, renames: Renames, kind: type[Action]) -> None:
    node.when = rewritten(node.when, renames)
    node.given = {
        name: value if name in kind.unrendered else rewritten(value, renames) for name, value in node.given.items()
    }


def _text(text: str, renames: Renames) -> str:
    wanted = {path: new for path, new in renames.items() if path[-1] in text}
    if not wanted:
        return text
    edges = sorted(_names_in(text, wanted), reverse=True)
    for start, end, new in edges:
        text = text[:start] + new + text[end:]
    return text


def _names_in(text: str, renames: Renames) -> set[tuple[int, int, str]]:
    """Start, end and new name of each name in the text that has another now."""
    try:
        if params.whole_reference(text) is not None:
            return _written_plainly(text, renames)
        found = params.occurrences(text)
    except params.BadText:
        return _written_plainly(text, renames)

    places = set()
    for position, reference in found:
        for path, new in renames.items():
            if reference[: len(path)] == path and (match := _at(path).match(text, position)):
                places.add((*_last_name(match), new))
    return places


def _written_plainly(text: str, renames: Renames) -> set[tuple[int, int, str]]:
    """For one whole reference, and for a text that is broken elsewhere: `steps.draft` as words."""
    return {
        (*_last_name(match), new)
        for path, new in renames.items()
        for match in re.finditer(r"(?<![\w.\-\]\"'])" + _at(path).pattern, text)
    }


def _last_name(match: re.Match[str]) -> tuple[int, int]:
    return match.span("plain") if match["plain"] is not None else match.span("quoted")


@lru_cache(maxsize=1024)
def _at(path: tuple[str, ...]) -> re.Pattern[str]:
    """`steps.draft`, `steps['draft']`, `["steps"]["draft"]`, with space around."""
    *before, last = path
    parts = [_part(name, first=index == 0) for index, name in enumerate(before)]
    return re.compile("".join([*parts, _part(last, first=not before, named=True)]))


def _part(name: str, *, first: bool, named: bool = False) -> str:
    name = re.escape(name)
    plain, quoted = (f"(?P<plain>{name})", f"(?P<quoted>{name})") if named else (name, name)
    dot = "" if first else r"\s*\.\s*"
    return rf"(?:{dot}{plain}(?![\w-])|\s*\[\s*[\"']{quoted}[\"']\s*\])"
