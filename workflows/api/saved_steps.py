"""The department's library: saved steps, sequences and prompts, with their versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.http import Http404, HttpResponse
from pydantic import Field
from rest_framework.request import Request

from departments.access import visible
from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.api.workflows import is_slug, numbered
from workflows.models import SavedKind
from workflows.services import library


class SavedStepsQuestion(asked.Question):
    words: str = Field("", max_length=100, description="Words of the title or of what it is for.")
    kind: SavedKind | None = None
    archived: bool = False


class SavedUse(answers.Answer):
    workflow: str = Field(description="Id.")
    name: str
    draft_versions: list[int] = Field(description="Which versions stand in the draft.")
    live_versions: list[int] = Field(description="Which versions stand in what is published.")


class SavedStepLine(answers.Answer):
    id: str
    slug: str = Field(description="The name that a copy carries: `polite-tone@3` in `saved` or `prompts` of a step.")
    kind: SavedKind
    title: str
    note: str = Field(description="What it is for.")
    department: str = Field(description="Slug.")
    newest: int = Field(description="Number of the newest version.")
    created_at: datetime
    changed_at: datetime
    archived_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.SavedStep, **more: Any) -> Self:
        return cls(
            id=str(row.pk),
            slug=row.slug,
            kind=SavedKind(row.kind),
            title=row.title,
            note=row.note,
            department=row.department.slug,
            newest=row.newest,
            created_at=row.created_at,
            changed_at=row.changed_at,
            archived_at=row.archived_at,
            url=answers.page_address("saved", row.pk),
            **more,
        )


class SavedVersionLine(answers.Answer):
    number: int
    note: str = Field(description="Why it was made.")
    saved_by: str
    saved_at: datetime

    @classmethod
    def of(cls, row: models.SavedStepVersion, **more: Any) -> Self:
        return cls(number=row.number, note=row.note, saved_by=row.saved_by, saved_at=row.saved_at, **more)


class SavedVersion(SavedVersionLine):
    content: dict[str, Any] = Field(
        description="`text` of a prompt; else `steps` as in a definition, and `needs`: what they take from outside."
    )

    @classmethod
    def whole(cls, row: models.SavedStepVersion) -> Self:
        return cls.of(row, content=row.content)


class SavedStep(SavedStepLine):
    version: SavedVersion = Field(description="The newest one.")
    used_in: list[SavedUse] = Field(description="Workflows of the department that hold a copy.")

    @classmethod
    def whole(cls, row: models.SavedStep) -> Self:
        uses = [
            SavedUse(
                workflow=str(use.workflow.pk),
                name=use.workflow.name,
                draft_versions=list(use.draft),
                live_versions=list(use.live),
            )
            for use in library.where_used(row)
        ]
        return cls.of(row, version=SavedVersion.whole(library.newest_of(row)), used_in=uses)


class OfSavedStep(Endpoint):
    def saved(self, id: str) -> models.SavedStep:
        """By id or by slug."""
        rows = models.SavedStep.objects.select_related("department")
        if identifier(id) is not None:
            return self.find(rows, id)
        named = visible(rows.filter(slug=id), self.actor).first() if is_slug(id) else None
        if named is None:
            raise Http404
        return named


class SavedSteps(Endpoint):
    @operation(
        "list_saved_steps",
        "List what the department's library keeps",
        answer=answers.page_of(SavedStepLine),
        question=SavedStepsQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        question = self.question(SavedStepsQuestion)
        rows = library.found(self.actor, question.words, question.kind or "", archived=question.archived)
        return page(request, rows, SavedStepLine, SavedStepLine.of)


class One(OfSavedStep):
    @operation("read_saved_step", "Read a saved step, sequence or prompt", answer=SavedStep)
    def get(self, request: Request, id: str) -> HttpResponse:
        """`id` may also be the slug. Gives the newest version, and where it is used."""
        return answer(SavedStep.whole(self.saved(id)))


class Versions(OfSavedStep):
    @operation(
        "list_saved_step_versions",
        "List the versions of a saved step",
        answer=answers.page_of(SavedVersionLine),
        question=asked.Question,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        self.question(asked.Question)
        return page(request, self.saved(id).versions.defer("content"), SavedVersionLine, SavedVersionLine.of)


class OneVersion(OfSavedStep):
    @operation("read_saved_step_version", "Read one version of a saved step", answer=SavedVersion)
    def get(self, request: Request, id: str, number: str) -> HttpResponse:
        return answer(SavedVersion.whole(numbered(self.saved(id).versions.all(), number)))
