"""What other programs read. Each shape is built from its rows by `of` and described by the API's schema."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from pydantic import BaseModel, Field, create_model

from workflows import models
from workflows.engine import problems
from workflows.engine.odd_names import oddities
from workflows.engine.tree import Tree
from workflows.models import RequestStatus, RunMode, RunStatus, StepStatus, TaskKind, TaskStatus
from workflows.runtime import journey, outputs
from workflows.runtime.journey import tree_of
from workflows.runtime.kinds import kinds


class Answer(BaseModel):
    """Ids are UUIDs as text, times ISO 8601 in UTC, money US dollars."""


class Workflow(Answer):
    id: str
    slug: str
    name: str
    name_warnings: list[str] = Field(description="What about the name may deceive its reader, such as mixed alphabets.")
    department: str = Field(description="Slug.")
    description: str
    draft_revision: int
    live_version: int | None = Field(description="Number of the version that new runs take; null before publishing.")
    created_at: datetime
    changed_at: datetime
    archived_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Workflow) -> Self:
        return cls(
            id=str(row.pk),
            slug=row.slug,
            name=row.name,
            name_warnings=oddities(row.name),
            department=row.department.slug,
            description=row.description,
            draft_revision=row.draft_revision,
            live_version=row.live.number if row.live else None,
            created_at=row.created_at,
            changed_at=row.changed_at,
            archived_at=row.archived_at,
            url=page_address("workflow", row.pk),
        )


class Problem(Answer):
    step: str = Field(description="Id of the step; empty for the workflow itself.")
    field: str
    message: str

    @classmethod
    def each(cls, found: Iterable[problems.Problem]) -> list[Self]:
        return [cls(step=one.step, field=one.field, message=one.message) for one in found]


class Draft(Answer):
    revision: int
    definition: dict[str, Any]
    problems: list[Problem] = Field(description="What keeps the draft from being published.")


class VersionLine(Answer):
    number: int
    note: str
    published_by: str
    published_at: datetime
    is_live: bool

    @classmethod
    def of(cls, row: models.Version, live_id: UUID | None, **more: Any) -> Self:
        return cls(
            number=row.number,
            note=row.note,
            published_by=row.published_by,
            published_at=row.published_at,
            is_live=row.pk == live_id,
            **more,
        )


class Version(VersionLine):
    workflow: str = Field(description="Id.")
    definition: dict[str, Any]

    @classmethod
    def whole(cls, row: models.Version, live_id: UUID | None) -> Self:
        return cls.of(row, live_id, workflow=str(row.workflow_id), definition=row.definition)


class PublishRequest(Answer):
    """A question to a second person. An edit of the draft takes it back: `waits` is then false."""

    id: str
    workflow: str = Field(description="Id.")
    revision: int = Field(description="Of the draft that was asked about.")
    status: RequestStatus
    waits: bool = Field(description="Whether somebody may still decide.")
    note: str
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    reason: str
    version: int | None = Field(description="Number of the version that was made of it.")
    url: str = Field(description="The page on which a person decides.")

    @classmethod
    def of(cls, row: models.PublishRequest) -> Self:
        return cls(
            id=str(row.pk),
            workflow=str(row.workflow_id),
            revision=row.revision,
            status=RequestStatus(row.status),
            waits=row.is_waiting,
            note=row.note,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            decided_by=row.decided_by or None,
            decided_at=row.decided_at,
            reason=row.reason,
            version=row.version.number if row.version else None,
            url=page_address("publish", row.workflow_id),
        )


class Step(Answer):
    path: str = Field(description="Place in the tree, such as route/cases.0/draft.")
    kind: str
    title: str
    status: StepStatus
    attempts: int
    output: Any
    error: dict[str, Any] | None
    cost_usd: float
    tokens: int
    started_at: datetime | None
    finished_at: datetime | None
    rehearsed: bool = Field(description="Nothing was done: the journal says what would have been.")

    @classmethod
    def of(cls, row: models.StepRun | journey.Step, tree: Tree, **more: Any) -> Self:
        return cls(
            path=row.path,
            kind=row.kind,
            title=_title(row, tree),
            status=StepStatus(row.status),
            attempts=row.attempts,
            output=outputs.fetch(row.output_sha256) if row.output_sha256 else row.output,
            error=row.error,
            rehearsed=bool(row.inside.get("rehearsed")),
            cost_usd=float(row.cost_usd),
            tokens=row.tokens,
            started_at=row.started_at,
            finished_at=row.finished_at,
            **more,
        )


class RunLine(Answer):
    """A run in a list; reading it alone gives inputs, output and steps."""

    id: str
    workflow: str = Field(description="Id.")
    workflow_slug: str
    department: str = Field(description="Slug.")
    version: int = Field(description="Of a test of the draft: the draft's revision.")
    status: RunStatus
    mode: RunMode
    title: str
    error: dict[str, Any] | None
    cost_usd: float
    tokens: int
    started_by: str
    parent: str | None = Field(description="Id of the run around this one.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Run, **more: Any) -> Self:
        return cls(
            id=str(row.pk),
            workflow=str(row.workflow_id),
            workflow_slug=row.workflow.slug,
            department=row.department.slug,
            version=row.version.number,
            status=RunStatus(row.status),
            mode=RunMode(row.mode),
            title=row.title,
            error=row.error,
            cost_usd=float(row.cost_usd),
            tokens=row.tokens,
            started_by=row.started_by,
            parent=str(row.parent_id) if row.parent_id else None,
            created_at=row.created_at,
            started_at=row.started_at,
            finished_at=row.finished_at,
            url=page_address("run", row.pk),
            **more,
        )


class Run(RunLine):
    inputs: dict[str, Any]
    output: Any
    steps: list[Step]

    @classmethod
    def with_steps(cls, row: models.Run, steps: Iterable[models.StepRun | journey.Step]) -> Self:
        tree = tree_of(row.version_id)
        return cls.of(row, inputs=row.inputs, output=row.output, steps=[Step.of(step, tree) for step in steps])


class Event(Answer):
    seq: int
    at: datetime
    event: str
    path: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, row: models.JournalEntry) -> Self:
        return cls(seq=row.seq, at=row.at, event=row.event, path=row.path, detail=row.detail)


class Task(Answer):
    id: str
    run: str = Field(description="Id.")
    workflow: str = Field(description="Id.")
    workflow_slug: str
    step: str = Field(description="Path of the step that asks.")
    kind: TaskKind
    status: TaskStatus
    question: str
    draft: str
    shown: dict[str, Any]
    role: str
    person: str | None = Field(description="Name, where the question is for one person.")
    due_at: datetime | None
    created_at: datetime
    answer: dict[str, Any] | None
    decided_by: str | None
    decided_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Task) -> Self:
        return cls(
            id=str(row.pk),
            run=str(row.run_id),
            workflow=str(row.run.workflow_id),
            workflow_slug=row.run.workflow.slug,
            step=row.step.path,
            kind=TaskKind(row.kind),
            status=TaskStatus(row.status),
            question=row.question,
            draft=row.draft,
            shown=row.shown,
            role=row.role,
            person=row.person.name if row.person else None,
            due_at=row.due_at,
            created_at=row.created_at,
            answer=row.answer,
            decided_by=row.decided_by_label or None,
            decided_at=row.decided_at,
            url=page_address("task", row.pk),
        )


class File(Answer):
    id: str
    name: str
    type: str
    size: int = Field(description="Bytes.")
    sha256: str
    run: str | None = Field(description="Id of the run that wrote it.")
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, row: models.StoredFile) -> Self:
        return cls(
            id=str(row.pk),
            name=row.name,
            type=row.content_type,
            size=row.size,
            sha256=row.sha256,
            run=str(row.run_id) if row.run_id else None,
            created_by=row.created_by,
            created_at=row.created_at,
        )


class Refused(Answer):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: Mapping[str, str] | None = Field(None, description="Place in the request → what is wrong there.")
    problems: list[str] | None = Field(None, description="What is wrong with the workflow as a whole.")


@cache
def page_of(item: type[Answer]) -> type[BaseModel]:
    """The shape of a list of these."""
    given: dict[str, Any] = {"results": (list[item], ...), "next": (str | None, ...), "previous": (str | None, ...)}  # type: ignore[valid-type]
    return create_model(f"{item.__name__}Page", **given)


def page_address(name: str, id: Any) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=[id])}"


def _title(row: models.StepRun | journey.Step, tree: Tree) -> str:
    """As the workflow calls the step, else as its kind is called."""
    place = tree.places.get(row.step_id)
    if place and place.node.title:
        return place.node.title
    kind = kinds().get(row.kind)
    return kind.title if kind else row.kind
