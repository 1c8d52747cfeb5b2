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
from workflows.services.stages import Asking
from workflows.services.step_titles import title_of
from workflows.services.task_answers import decisions_of


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
    keeps_days: int | None = Field(description="Contents of runs are erased so many days after their end; null: never.")
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
            keeps_days=row.keeps_days,
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
            title=title_of(row.step_id, row.kind, tree),
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
    erased_at: datetime | None = Field(description="When its contents were erased.")
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
            erased_at=row.erased_at,
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


class TaskLine(Answer):
    """A task in a list; reading it alone gives who is asked, who has answered, and what will leave."""

    id: str
    run: str = Field(description="Id.")
    workflow: str = Field(description="Id.")
    workflow_slug: str
    step: str = Field(description="Path of the step that asks.")
    kind: TaskKind
    status: TaskStatus
    question: str
    draft: str
    text: str = Field(description="The draft as those asked before have left it; empty while nobody has changed it.")
    shown: dict[str, Any] = Field(description="The facts beside the question.")
    options: list[str] = Field(description="The drafts of which one is chosen, counted from 1.")
    form: dict[str, Any] | None = Field(description="JSON Schema of `values`, where fields are filled in.")
    known: dict[str, Any] = Field(description="What is filled in already.")
    why: dict[str, Any] | None = Field(description="Of a step that a person carries on: `code` and `message`.")
    decisions_possible: list[str] = Field(description="What may be said to this task.")
    role: str
    person: str | None = Field(description="Name, where the question is for one person.")
    stage: int = Field(description="Which of the stages is asked now, from 1.")
    needs: int = Field(description="How many of those asked have to agree.")
    claimed_by: str | None = Field(description="Name of who has taken it.")
    claimed_at: datetime | None
    due_at: datetime | None
    created_at: datetime
    answer: dict[str, Any] | None
    decided_by: str | None
    decided_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Task, **more: Any) -> Self:
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
            text=row.text,
            shown=row.shown,
            options=row.options,
            form=row.form,
            known=row.known,
            why=row.why,
            decisions_possible=list(decisions_of(row)) if row.status == TaskStatus.OPEN else [],
            role=row.role,
            person=row.person.name if row.person else None,
            stage=row.stage + 1,
            needs=row.needs,
            claimed_by=str(row.claimed_by) if row.claimed_by else None,
            claimed_at=row.claimed_at,
            due_at=row.due_at,
            created_at=row.created_at,
            answer=row.answer,
            decided_by=row.decided_by_label or None,
            decided_at=row.decided_at,
            url=page_address("task", row.pk),
            **more,
        )


class TaskStage(Answer):
    asked: list[str] = Field(description="In words: names of people and groups, or a role.")
    needs: int
    answered: int
    state: str = Field(description="over, now or next.")


class TaskDecision(Answer):
    """One voice."""

    stage: int = Field(description="From 1.")
    decision: str
    by: str
    in_place_of: str | None = Field(description="For whom they stood in.")
    reason: str
    at: datetime
    via: str = Field(description="page, many, mail, api or time.")
    seen_sha256: str


class Task(TaskLine):
    stages: list[TaskStage]
    decisions: list[TaskDecision] = Field(description="What was said so far, the first first.")
    leaving: dict[str, Any] | None = Field(
        description="What will be sent if it is approved as it stands: `by`, `to`, `headings`, `body`, `attachments`."
    )
    leaving_problem: str | None = Field(description="Why that cannot be shown; then it cannot be approved.")
    shown_sha256: str | None = Field(
        description="Digest of the task with what will leave; sent back as `seen_sha256`, it is checked."
    )

    @classmethod
    def whole(cls, row: models.Task, asking: Asking, leaving: Mapping[str, Any]) -> Self:
        """`leaving`: the fields leaving, leaving_problem and shown_sha256."""
        voices = [voice for stage in asking.stages for voice in stage.voices]
        return cls.of(
            row,
            stages=[
                TaskStage(
                    asked=[one.name for one in stage.asked],
                    needs=stage.needs,
                    answered=len(stage.voices),
                    state=stage.state,
                )
                for stage in asking.stages
            ],
            decisions=[
                TaskDecision(
                    stage=voice.stage + 1,
                    decision=voice.decision,
                    by=voice.by_label,
                    in_place_of=voice.in_place_of or None,
                    reason=voice.reason,
                    at=voice.at,
                    via=voice.via,
                    seen_sha256=voice.seen_sha256,
                )
                for voice in voices
            ],
            **leaving,
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


def page_address(name: str, *ids: Any) -> str:
    return f"{settings.PUBLIC_URL}{reverse(name, args=ids)}"
