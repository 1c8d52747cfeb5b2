"""The department's library: what is kept there, and how it comes into a workflow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Q, QuerySet, TextField
from django.db.models.functions import Cast

from departments.access import Actor, visible
from departments.models import Department
from workflows.engine import saved as copies
from workflows.engine.definition import BadDefinition, Definition, Node, load
from workflows.models import SavedKind, SavedStep, SavedStepVersion, Workflow

MARK = r'"([a-z0-9][a-z0-9_-]{0,59})@[1-9][0-9]{0,5}(?:#[1-9][0-9]{0,2})?"'
"""A mark as it stands in the JSON of a definition."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A saved step or sequence as the "+" menu offers it. `mark` is what its copy will carry: "polite-tone@3"."""

    slug: str
    mark: str
    title: str
    note: str
    kind: str
    steps: tuple[Mapping[str, Any], ...]

    @property
    def first_kind(self) -> str:
        """The step kind of its first step, which gives it icon and colour."""
        return str(self.steps[0]["kind"]) if self.steps else ""


@dataclass(frozen=True, slots=True)
class Use:
    """A workflow that holds copies: which versions of the saved step stand in its draft and in its live version."""

    workflow: Workflow
    draft: tuple[int, ...] = ()
    live: tuple[int, ...] = ()

    def is_behind(self, newest: int) -> bool:
        return any(number < newest for number in self.draft)


@dataclass(frozen=True, slots=True)
class Imported:
    """A definition whose marks the department knows; `removed` names those that it did not."""

    definition: Mapping[str, Any]
    removed: tuple[str, ...] = field(default=())


def saved_steps(actor: Actor) -> QuerySet[SavedStep]:
    """All that the actor may see, archived ones too."""
    return visible(SavedStep.objects.select_related("department"), actor)


def found(actor: Actor, words: str = "", kind: str = "", *, archived: bool = False) -> QuerySet[SavedStep]:
    """The library's list: what is in use, or what is archived, whose title or note holds the words."""
    rows = saved_steps(actor).filter(archived_at__isnull=not archived)
    if words:
        rows = rows.filter(Q(title__icontains=words) | Q(note__icontains=words))
    if kind in SavedKind.values:
        rows = rows.filter(kind=kind)
    return rows.order_by("department__name", "title")


def offered(actor: Actor, department: Department) -> list[Offer]:
    """What can be inserted in a workflow of the department: the newest version of each, by title. One query."""
    return [_offer(row) for row in _newest(actor, department).exclude(saved__kind=SavedKind.PROMPT)]


def prompts(actor: Actor, department: Department) -> list[SavedStepVersion]:
    """The newest version of each prompt of the department, by title."""
    return list(_newest(actor, department).filter(saved__kind=SavedKind.PROMPT))


def insertion(actor: Actor, department: Department, slug: str, place: Mapping[str, Any]) -> dict[str, Any]:
    """The edit that puts a copy of the newest version at the place. Raises SavedStep.DoesNotExist."""
    row = _newest(actor, department).exclude(saved__kind=SavedKind.PROMPT).filter(saved__slug=slug).first()
    if row is None:
        raise SavedStep.DoesNotExist(slug)
    return {"do": "paste", "nodes": marked(row.content["steps"], f"{slug}@{row.number}"), "place": dict(place)}


def marked(steps: Sequence[Mapping[str, Any]], mark: str) -> list[dict[str, Any]]:
    """The steps as a copy: the first carries the mark "slug@n", those after it "slug@n#2", "slug@n#3"."""
    slug, _at, number = mark.partition("@")
    return copies.marked(steps, slug, int(number))


def version_of(department: Department, slug: str, number: int) -> SavedStepVersion | None:
    rows = SavedStepVersion.objects.select_related("saved__department")
    return rows.filter(saved__department=department, saved__slug=slug, number=number).first()


def newest_of(saved: SavedStep) -> SavedStepVersion:
    return saved.versions.get(number=saved.newest)


def where_used(saved: SavedStep) -> list[Use]:
    """Workflows in use whose draft or live version holds a copy, by name. One query."""
    # A mark stands in the definition as "slug@n": a search for its beginning spares reading all the others.
    mark = f'"{saved.slug}@'
    rows = Workflow.objects.filter(department=saved.department_id, archived_at=None).select_related("live")
    rows = rows.annotate(in_draft=Cast("draft", TextField()), in_live=Cast("live__definition", TextField()))
    rows = rows.filter(Q(in_draft__contains=mark) | Q(in_live__contains=mark)).order_by("name")
    uses = [
        Use(row, numbers_in(row.draft, saved), numbers_in(row.live.definition if row.live else None, saved))
        for row in rows
    ]
    return [use for use in uses if use.draft or use.live]


def use_counts(actor: Actor) -> Counter[tuple[Any, str]]:
    """(Department, slug) → how many workflows hold a copy in their draft or live version. One query."""
    rows = visible(Workflow.objects.filter(archived_at=None), actor)
    rows = rows.annotate(in_draft=Cast("draft", TextField()), in_live=Cast("live__definition", TextField()))
    rows = rows.filter(Q(in_draft__regex=MARK) | Q(in_live__regex=MARK))
    counts: Counter[tuple[Any, str]] = Counter()
    for department, draft, live in rows.values_list("department_id", "in_draft", "in_live"):
        counts.update({(department, slug) for slug in re.findall(MARK, f"{draft} {live or ''}")})
    return counts


def numbers_in(raw: Mapping[str, Any] | None, saved: SavedStep) -> tuple[int, ...]:
    """Which versions of the saved step or prompt stand in a definition, ascending."""
    definition = _loaded(raw)
    if definition is None:
        return ()
    if saved.is_prompt:
        marks = [copies.read_mark(mark) for node in definition.nodes() for mark in node.prompts.values()]
    else:
        marks = [copies.read_mark(node.saved) for node in definition.nodes()]
    return tuple(sorted({mark.number for mark in marks if mark and mark.slug == saved.slug}))


def known_marks(department: Department, raw: Mapping[str, Any]) -> Imported:
    """The definition without marks that the department's library does not know: the steps stay, as its own.

    Raises BadDefinition.
    """
    definition = load(raw)
    known = set(
        SavedStepVersion.objects.filter(saved__department=department).values_list("saved__slug", "number").iterator()
    )
    removed: dict[str, None] = {}
    for node in definition.nodes():
        _forget_unknown(node, known, removed)
    return Imported(copies.dump(definition), tuple(removed))


def _forget_unknown(node: Node, known: set[tuple[str, int]], removed: dict[str, None]) -> None:
    mark = copies.read_mark(node.saved)
    if mark and (mark.slug, mark.number) not in known:
        removed.setdefault(f"{mark.slug}@{mark.number}")
        node.saved = None
    for name, text in list(node.prompts.items()):
        prompt = copies.read_mark(text)
        if prompt and (prompt.slug, prompt.number) not in known:
            removed.setdefault(text)
            del node.prompts[name]


def _loaded(raw: Mapping[str, Any] | None) -> Definition | None:
    try:
        return load(raw) if raw else None
    except BadDefinition:
        return None


def _newest(actor: Actor, department: Department) -> QuerySet[SavedStepVersion]:
    rows = visible(SavedStepVersion.objects.all(), actor, path="saved__department")
    rows = rows.filter(saved__department=department, saved__archived_at=None, number=F("saved__newest"))
    return rows.select_related("saved").order_by("saved__title")


def _offer(row: SavedStepVersion) -> Offer:
    saved = row.saved
    steps: Sequence[Mapping[str, Any]] = row.content.get("steps", ())
    return Offer(saved.slug, f"{saved.slug}@{row.number}", saved.title, saved.note, saved.kind, tuple(steps))
