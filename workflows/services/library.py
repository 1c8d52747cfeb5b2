"""The department's library: what is kept there, and how it comes into a workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from departments.access import Actor, visible
from departments.models import Department
from workflows.models import SavedKind, SavedStep, SavedStepVersion


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


def offered(actor: Actor, department: Department) -> list[Offer]:
    """What can be inserted in a workflow of the department: the newest version of each, by title. One query."""
    rows = visible(SavedStepVersion.objects.all(), actor, path="saved__department")
    rows = rows.filter(saved__department=department, saved__archived_at=None, number=F("saved__newest"))
    rows = rows.exclude(saved__kind=SavedKind.PROMPT).select_related("saved").order_by("saved__title")
    return [_offer(row) for row in rows]


def insertion(actor: Actor, department: Department, slug: str, place: Mapping[str, Any]) -> dict[str, Any]:
    """The edit that puts a copy of the newest version at the place. Raises SavedStep.DoesNotExist."""
    found = next((offer for offer in offered(actor, department) if offer.slug == slug), None)
    if found is None:
        raise SavedStep.DoesNotExist(slug)
    return {"do": "paste", "nodes": marked(found.steps, found.mark), "place": dict(place)}


def marked(steps: tuple[Mapping[str, Any], ...], mark: str) -> list[dict[str, Any]]:
    """The steps with their marks: the first "slug@n", those after it "slug@n#1", "slug@n#2"."""
    return [{**step, "saved": f"{mark}#{index}" if index else mark} for index, step in enumerate(steps)]


def _offer(row: SavedStepVersion) -> Offer:
    saved = row.saved
    return Offer(
        slug=saved.slug,
        mark=f"{saved.slug}@{row.number}",
        title=saved.title,
        note=saved.note,
        kind=saved.kind,
        steps=tuple(row.content.get("steps", ())),
    )
