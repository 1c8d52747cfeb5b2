"""Copies of saved steps in a workflow: where they stand, what they take from outside, and how a newer version comes in.

A copy carries marks: its first step `slug@n`, the steps after it `slug@n#2`, `slug@n#3`. The content is copied in, so
that nothing that runs a workflow knows of the library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workflows.engine import params
from workflows.engine.definition import Definition, Node, dump, walked
from workflows.engine.sending import sends_of, with_sends, without_missing
from workflows.engine.wording import Words, reworded, words_in

EVERYWHERE = frozenset({"run", "department", "workflow"})
"""Roots that every workflow has."""
SETTINGS = ("title", "when", "retry", "timeout_s", "on_error", "helper", "off", "output")


@dataclass(frozen=True, slots=True)
class Mark:
    """ "polite-tone@3#2": the second step of version 3 of the saved sequence `polite-tone`."""

    slug: str
    number: int
    part: int = 1

    def __str__(self) -> str:
        return f"{self.slug}@{self.number}" + (f"#{self.part}" if self.part > 1 else "")


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a saved step or sequence: its steps stand side by side in one sequence of the workflow."""

    slug: str
    number: int
    steps: tuple[Node, ...]

    @property
    def ids(self) -> list[str]:
        return [step.id for step in self.steps]

    def holds(self, step_id: str) -> bool:
        return any(node.id == step_id for node in walked(self.steps))


def read_mark(text: str | None) -> Mark | None:
    if not text:
        return None
    slug, _at, number = text.partition("@")
    number, _hash, part = number.partition("#")
    return Mark(slug, int(number), int(part or 1))


def copies(definition: Definition) -> list[Copy]:
    """Every copy in the workflow, outer before inner, in reading order."""
    return list(_copies(definition.steps))


def copy_around(definition: Definition, step_id: str) -> Copy | None:
    """The innermost copy that the step belongs to."""
    return next((copy for copy in reversed(copies(definition)) if copy.holds(step_id)), None)


def content_of(steps: Sequence[Node]) -> list[dict[str, Any]]:
    """The steps as the library keeps them: without marks, at any depth, and without a sending that stands elsewhere."""
    bare = [node.model_copy(deep=True) for node in without_missing(steps)]
    for node in walked(bare):
        node.saved = None
    return dumped(bare)


def dumped(steps: Sequence[Node]) -> list[dict[str, Any]]:
    return dump(Definition(name="saved", steps=list(steps))).get("steps", [])


def loaded(content: Sequence[Mapping[str, Any]]) -> list[Node]:
    return [Node.model_validate(dict(step)) for step in content]


def marked(content: Sequence[Mapping[str, Any]], slug: str, number: int) -> list[dict[str, Any]]:
    return [{**step, "saved": str(Mark(slug, number, part))} for part, step in enumerate(content, 1)]


def title_of(step: Mapping[str, Any] | Node, kinds: Mapping[str, Any]) -> str:
    given = step if isinstance(step, Node) else Node.model_validate(dict(step))
    kind = kinds.get(given.kind)
    return given.title or (kind.title if kind else given.id)


def unmarked(content: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The steps without the marks of this copy; copies inside it keep theirs."""
    return [{name: value for name, value in step.items() if name != "saved"} for step in content]


# ── what a saved step takes from outside ─────────────────────────────────────────────────────────────────────────────


def needs(steps: Sequence[Node], kinds: Mapping[str, Any]) -> list[str]:
    """References of the steps to what stands outside them: "steps.draft.text", "inputs.brief", in reading order."""
    own = {node.id for node in walked(steps)}
    found: dict[str, None] = {}
    for node, names in _with_names(steps, kinds, frozenset()):
        for reference in _references(node):
            root, *rest = (str(part) for part in reference)
            is_own = root in names or root in EVERYWHERE or (root == "steps" and rest and rest[0] in own)
            if not is_own:
                found.setdefault(".".join([root, *rest]))
    return list(found)


def needs_titled(steps: Sequence[Node], definition: Definition, kinds: Mapping[str, Any]) -> list[dict[str, str]]:
    """The needs in the words of the workflow they were saved from: "steps.draft.text" is called "Draft ▸ text"."""
    titles = {f"steps.{node.id}": title_of(node, kinds) for node in definition.nodes()}
    titles |= {f"inputs.{name}": asked.title or name for name, asked in definition.inputs.items()}
    return [{"reference": need, "title": _titled(need, titles)} for need in needs(steps, kinds)]


def _titled(reference: str, titles: Mapping[str, str]) -> str:
    first, *rest = reference.split(".")
    name = f"{first}.{rest[0]}" if rest else first
    words = [titles.get(name, rest[0] if rest else first), *rest[1:]]
    return " ▸ ".join(word.replace("_", " ") if index else word for index, word in enumerate(words))


def _with_names(
    steps: Sequence[Node], kinds: Mapping[str, Any], names: frozenset[str]
) -> Iterator[tuple[Node, frozenset[str]]]:
    """Each step with the names that its containers give it."""
    for node in steps:
        kind = kinds.get(node.kind)
        inside = names | set(kind.names_inside(node.given)) if kind else names
        # A step that renders its own texts per item (`data.list`) uses its own names in them.
        yield node, inside if kind and kind.unrendered else names
        for _, held in node.sequences():
            yield from _with_names(held, kinds, inside)


def _references(node: Node) -> list[tuple[str | int, ...]]:
    try:
        return sorted(params.references(_own_values(node)), key=str)
    except params.BadText:
        return []


def _own_values(node: Node) -> list[Any]:
    return [node.given, node.when, node.output, [case.when for case in node.cases or ()]]


# ── a copy beside the version it was taken from ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Kinship:
    """How a copy relates to its version: saved id → id here, saved reference → what stands here in its place."""

    ids: Mapping[str, str] = field(default_factory=dict)
    fills: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> Words:
        return {**{f"steps.{saved}": f"steps.{here}" for saved, here in self.ids.items()}, **self.fills}


def kinship(saved: Sequence[Node], here: Sequence[Node]) -> Kinship:
    ids = dict(_paired_ids(saved, here))
    renamed = {f"steps.{old}": f"steps.{new}" for old, new in ids.items()}
    fills: dict[str, str] = {}
    for old, new in _paired(saved, here):
        for was, is_now in _paired_words(_own_values(old), _own_values(new)):
            if reworded(was, renamed) != is_now:
                fills.setdefault(was, is_now)
    return Kinship(ids, fills)


def as_here(saved: Sequence[Node], kin: Kinship, taken: frozenset[str] = frozenset()) -> list[Node]:
    """The saved steps in the words of the workflow: its ids, its references. A new id that is taken gets a number."""
    ids = {node.id: kin.ids.get(node.id) or _free(node.id, taken) for node in walked(saved)}
    words = Kinship(ids, kin.fills).words()
    result = [node.model_copy(deep=True) for node in saved]
    for node in walked(result):
        node.id = ids[node.id]
        _in_words(node, words)
        if (named := sends_of(node)) in ids:
            node.given = with_sends(node, ids[named])
    return result


def is_changed(saved: Sequence[Node], here: Sequence[Node]) -> bool:
    """Whether the copy says something else than its version, apart from ids and from what was filled in."""
    return content_of(as_here(saved, kinship(saved, here))) != content_of(here)


def renewed(old: Sequence[Node], new: Sequence[Node], here: Sequence[Node], taken: frozenset[str]) -> list[Node]:
    """The newer version in the place of the copy: ids, fillings and changes made here stay where the library has not
    changed the same field. `taken` are the ids of the workflow outside the copy."""
    kin = kinship(old, here)
    before = {node.id: node for node in walked(as_here(old, kin))}
    ours = {node.id: node for node in walked(here)}
    result = as_here(new, kin, taken)
    for node in walked(result):
        if node.id in before and node.id in ours and node.kind == ours[node.id].kind:
            _keep_what_changed_here(node, before[node.id], ours[node.id])
    return result


def _keep_what_changed_here(node: Node, before: Node, ours: Node) -> None:
    for name in SETTINGS:
        if getattr(node, name) == getattr(before, name):
            setattr(node, name, getattr(ours, name))
    for name in {*before.given, *ours.given, *node.given}:
        if node.given.get(name) == before.given.get(name) and name in ours.given:
            node.given[name] = ours.given[name]


def _copies(sequence: Sequence[Node]) -> Iterator[Copy]:
    index = 0
    while index < len(sequence):
        end = _end_of_copy(sequence, index)
        mark = read_mark(sequence[index].saved)
        if mark is not None:
            yield Copy(mark.slug, mark.number, tuple(sequence[index:end]))
        for node in sequence[index:end]:
            for _, held in node.sequences():
                yield from _copies(held)
        index = end


def _end_of_copy(sequence: Sequence[Node], start: int) -> int:
    """Where the copy ends that begins here: the marks of its steps rise."""
    last = read_mark(sequence[start].saved)
    end = start + 1
    while last is not None and end < len(sequence):
        mark = read_mark(sequence[end].saved)
        if mark is None or (mark.slug, mark.number) != (last.slug, last.number) or mark.part <= last.part:
            break
        last, end = mark, end + 1
    return end


def _paired(saved: Sequence[Node], here: Sequence[Node]) -> Iterator[tuple[Node, Node]]:
    """Steps that stand at the same place of both; where the kinds differ the pairing ends."""
    for old, new in zip(saved, here, strict=False):
        if old.kind != new.kind:
            continue
        yield old, new
        places = dict(new.sequences())
        for place, held in old.sequences():
            yield from _paired(held, places.get(place, []))


def _paired_ids(saved: Sequence[Node], here: Sequence[Node]) -> Iterator[tuple[str, str]]:
    for old, new in _paired(saved, here):
        yield old.id, new.id


def _paired_words(saved: Any, here: Any) -> Iterator[tuple[str, str]]:
    """References at the same places of two values that are otherwise alike."""
    if isinstance(saved, str) and isinstance(here, str):
        was, now = words_in(saved), words_in(here)
        if len(was) == len(now) and reworded(here, dict(zip(now, was, strict=True))) == saved:
            yield from zip(was, now, strict=True)
    elif isinstance(saved, Mapping) and isinstance(here, Mapping):
        for name in saved.keys() & here.keys():
            yield from _paired_words(saved[name], here[name])
    elif isinstance(saved, list) and isinstance(here, list):
        for old, new in zip(saved, here, strict=False):
            yield from _paired_words(old, new)


def _in_words(node: Node, words: Words) -> None:
    node.given = _reworded(node.given, words)
    node.when = _reworded(node.when, words)
    node.output = _reworded(node.output, words)
    for case in node.cases or ():
        case.when = _reworded(case.when, words)


def _reworded(value: Any, words: Words) -> Any:
    if isinstance(value, str):
        return reworded(value, words)
    if isinstance(value, Mapping):
        return {name: _reworded(item, words) for name, item in value.items()}
    return [_reworded(item, words) for item in value] if isinstance(value, list) else value


def _free(step_id: str, taken: frozenset[str]) -> str:
    if step_id not in taken:
        return step_id
    number = 2
    while f"{step_id[:55]}_{number}" in taken:
        number += 1
    return f"{step_id[:55]}_{number}"
