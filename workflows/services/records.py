"""The record of a run: the evidence that joins what AI wrote, what people made of it, and who decided.

The page, the PDF and the API's JSON render these same facts; `gathering` finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from django.db.models import QuerySet
from pydantic import Field

from workflows.models import Run, RunStatus, TaskKind, TaskStatus


@dataclass(frozen=True, slots=True)
class WordChange:
    """A stretch of a text. `kind`: same, ins or del."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Redline:
    """The way from a draft to the final text. `kept` of `of`: words of the draft that are still there."""

    parts: list[WordChange]
    kept: int
    of: int


@dataclass(frozen=True, slots=True)
class Source:
    """A passage on which the AI rested its draft."""

    document: str
    passage: str


@dataclass(frozen=True, slots=True)
class AskedOne:
    """A person, group or role that was asked. `why`: asked, delegated, escalated or handed_on; then `by` whom."""

    stage: int
    whom: str
    why: str
    by: str
    reason: str
    since: datetime
    until: Annotated[datetime | None, Field(description="When it was taken from them again.")]


@dataclass(frozen=True, slots=True)
class OpenedBy:
    """When somebody who may decide first opened the question."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Voice:
    """One answer of one person or program to one stage of a question."""

    stage: int
    by: str
    by_kind: str
    in_place_of: Annotated[str, Field(description="For whom they stood in.")]
    decision: str
    reason: str
    answer: Annotated[dict[str, Any], Field(description="All that was said: text, values or option.")]
    via: Annotated[str, Field(description="page, many, mail, api or time.")]
    at: datetime
    open_s: Annotated[float, Field(description="Seconds for which the question had been open.")]
    look_s: Annotated[float | None, Field(description="Seconds for which it was before the person's eyes.")]
    seen_sha256: Annotated[str, Field(description="Digest of what was shown.")]
    verdict: Annotated[str, Field(description="accepted, lightly, heavily, sent_back, rejected, or nothing.")]
    words: Annotated[int, Field(description="Of the draft.")]
    words_changed: int


@dataclass(frozen=True, slots=True)
class RecordedQuestion:
    """One question to people, whatever became of it: the draft, what was shown, who was asked, who said what."""

    task: str
    step: Annotated[str, Field(description="Path of the step that asked.")]
    title: str
    kind: TaskKind
    status: TaskStatus
    question: str
    why: Annotated[
        dict[str, Any] | None,
        Field(description="Of a step that a person carried on: `code` and `message` of what kept it from going on."),
    ]
    asked_at: datetime
    due_at: datetime | None
    shown: Annotated[dict[str, Any], Field(description="The facts beside the question.")]
    options: Annotated[list[str], Field(description="The drafts of which one was chosen, counted from 1.")]
    draft: str
    drafted_by: Annotated[str, Field(description="Path of the AI step whose draft it was; empty where no AI wrote it.")]
    drafted_title: Annotated[str, Field(description="How that step is called.")]
    drafted_by_hand: Annotated[str, Field(description="The person who gave the draft in the place of that step.")]
    model: Annotated[str, Field(description="The model that wrote the draft.")]
    sources: list[Source]
    text: Annotated[str, Field(description="The text as it was decided.")]
    changes: Annotated[Redline | None, Field(description="From the draft to the text, where there are both.")]
    answer: Annotated[dict[str, Any] | None, Field(description="As the run went on with it.")]
    leaving: Annotated[dict[str, Any] | None, Field(description="What was approved to be sent, to the letter.")]
    leaving_sha256: str
    decided_by: str
    decided_at: datetime | None
    positions: Annotated[list[str], Field(description="Where the ledger speaks of it: ids of its entries.")]
    asked: list[AskedOne]
    opened: list[OpenedBy]
    voices: list[Voice]

    @property
    def handed_over(self) -> list[AskedOne]:
        return [one for one in self.asked if one.why != "asked"]

    @property
    def is_by_hand(self) -> bool:
        """Whether a person did what the step could not do."""
        return self.kind == TaskKind.RESOLVE and (self.answer or {}).get("decision") in ("answer", "done")

    @property
    def values(self) -> dict[str, Any]:
        """What was filled in."""
        return (self.answer or {}).get("values") or {}

    @property
    def remarks(self) -> str:
        """What was said when the draft was sent back."""
        answer = self.answer or {}
        return str(answer.get("reason") or "") if answer.get("decision") == "send_back" else ""


@dataclass(frozen=True, slots=True)
class ModelUsed:
    """What one model was asked in this run and the runs inside it."""

    provider: str
    model: str
    calls: int
    failed: int
    tokens_in: int
    tokens_out: int
    cost_usd: float


@dataclass(frozen=True, slots=True)
class InnerRun:
    """An item of a list, or another workflow that was called. It has a record of its own."""

    id: str
    step: Annotated[str, Field(description="Path of the step that started it.")]
    item: int | None
    status: RunStatus
    title: str
    cost_usd: float
    tokens: int
    finished_at: datetime | None
    decided_by: Annotated[list[str], Field(description="Who answered questions in it.")]
    by_hand: Annotated[int, Field(description="Steps whose result a person gave.")]


@dataclass(frozen=True, slots=True)
class Some:
    """A part of a long list: `first` is the place of its first row, counted from 0, `total` the length of the whole."""

    rows: Sequence[Any]
    first: int
    total: int

    @property
    def last(self) -> int:
        return self.first + len(self.rows)

    @property
    def is_whole(self) -> bool:
        return len(self.rows) == self.total


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a long list is wanted: `most` rows from the place `first` on; None for all."""

    first: int = 0
    most: int | None = None

    def of(self, rows: QuerySet[Any]) -> Some:
        if self.most is None:
            found = list(rows)
            return Some(found, 0, len(found))
        found = list(rows[self.first : self.first + self.most])
        is_end = len(found) < self.most and (found or not self.first)
        return Some(found, self.first, self.first + len(found) if is_end else rows.count())


ALL = Window()


@dataclass(frozen=True, slots=True)
class Record:
    """The lists are of RecordedQuestion, StepRun (with its tries), InnerRun and Entry. `people` answered something."""

    run: Run
    gathered_at: datetime
    people: list[str]
    models: list[ModelUsed]
    questions: Some
    steps: Some
    inner: Some
    deeds: Some

    @property
    def is_over(self) -> bool:
        return RunStatus(self.run.status).is_over
