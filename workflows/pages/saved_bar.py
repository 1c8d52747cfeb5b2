"""What the panel of a step says of the library: where the step was taken from, and what is newer there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from departments.access import Verb
from workflows.engine import saved as copies
from workflows.engine.definition import Definition, Node
from workflows.models import SavedStep, SavedStepVersion, Workflow
from workflows.pages.page import Request
from workflows.runtime.kinds import kinds
from workflows.services import library


@dataclass(frozen=True, slots=True)
class CopyView:
    """The copy that a step belongs to. `saved` is None where the library does not know it (any more)."""

    slug: str
    number: int
    steps: int
    is_inside: bool
    saved: SavedStep | None = None
    newest: SavedStepVersion | None = None
    is_changed: bool = False

    @property
    def is_behind(self) -> bool:
        return self.newest is not None and self.number < self.newest.number

    @property
    def next_number(self) -> int:
        return self.number + 1


@dataclass(frozen=True, slots=True)
class PromptView:
    """A parameter whose text was taken from a prompt."""

    name: str
    field_title: str
    saved: SavedStep
    number: int
    is_changed: bool

    @property
    def is_behind(self) -> bool:
        return self.number < self.saved.newest


@dataclass(frozen=True, slots=True)
class TextField:
    """A parameter that can take a prompt."""

    name: str
    title: str
    has_text: bool


def step_context(request: Request, workflow: Workflow, definition: Definition, node: Node) -> dict[str, Any]:
    """What `workflows/build/_saved.html` shows for one step. No query for a step that has no marks."""
    return {
        "workflow": workflow,
        "node": node,
        "copy": copy_view(workflow, definition, node),
        "prompts": list(_prompts(workflow, node)),
        "text_fields": list(text_fields(node)),
        "may_edit": request.actor.may(Verb.EDIT, workflow.department_id),
    }


def copy_view(workflow: Workflow, definition: Definition, node: Node) -> CopyView | None:
    copy = copies.copy_around(definition, node.id)
    if copy is None:
        return None
    version = library.version_of(workflow.department, copy.slug, copy.number)
    is_inside = node.id not in copy.ids
    if version is None:
        return CopyView(copy.slug, copy.number, len(copy.steps), is_inside)
    saved = version.saved
    return CopyView(
        slug=copy.slug,
        number=copy.number,
        steps=len(copy.steps),
        is_inside=is_inside,
        saved=saved,
        newest=version if saved.newest == copy.number else library.newest_of(saved),
        is_changed=copies.is_changed(copies.loaded(version.content["steps"]), copy.steps),
    )


def text_fields(node: Node) -> Iterator[TextField]:
    """The long texts among the step's parameters."""
    kind = kinds().get(node.kind)
    for name, declared in kind.Params.model_fields.items() if kind else ():
        extra = declared.json_schema_extra
        if isinstance(extra, Mapping) and extra.get("x-widget") == "long_text":
            written = node.given.get(name)
            yield TextField(name, str(declared.title or name), isinstance(written, str) and bool(written.strip()))


def _prompts(workflow: Workflow, node: Node) -> Iterator[PromptView]:
    titles = {field.name: field.title for field in text_fields(node)}
    for name, text in node.prompts.items():
        mark = copies.read_mark(text)
        version = library.version_of(workflow.department, mark.slug, mark.number) if mark else None
        if mark and version:
            is_changed = node.given.get(name) != version.content.get("text")
            yield PromptView(name, titles.get(name, name), version.saved, mark.number, is_changed)
