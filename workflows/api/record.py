"""The record of a run: the evidence that joins what AI wrote, what people made of it, and who decided."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import Field

from workflows.api import answers
from workflows.api.ledger import Deed
from workflows.models import Attempt, Run, RunStatus, TaskStatus
from workflows.runtime.journey import tree_of
from workflows.services import records
from workflows.services.gathering import gather


class Try(answers.Answer):
    """One attempt of a step. `calls`: one entry per call of a model (prompt, answer, tokens, cost) or of a system."""

    number: int
    started_at: datetime
    finished_at: datetime
    given: dict[str, Any] | None = Field(description="The parameters as they were filled in.")
    calls: list[dict[str, Any]]
    error: dict[str, Any] | None
    cost_usd: float
    tokens: int

    @classmethod
    def of(cls, row: Attempt) -> Try:
        return cls(
            number=row.number,
            started_at=row.started_at,
            finished_at=row.finished_at,
            given=row.given,
            calls=row.calls,
            error=row.error,
            cost_usd=float(row.cost_usd),
            tokens=row.tokens,
        )


class StepRecord(answers.Step):
    summary: str
    made_by: str = Field(description="The person who gave the output by hand.")
    tries: list[Try]


class Decided(answers.Answer):
    """What a person was shown, what they made of it, and when. `questions` tells more of each."""

    task: str
    step: str
    question: str
    shown: dict[str, Any]
    draft: str
    decision: str
    text: str
    reason: str
    edited: bool
    decided_by: str
    decided_at: datetime | None

    @classmethod
    def of(cls, asked: records.RecordedQuestion) -> Decided:
        given = asked.answer or {}
        text = given.get("text") or ""
        return cls(
            task=asked.task,
            step=asked.step,
            question=asked.question,
            shown=asked.shown,
            draft=asked.draft,
            decision=given.get("decision", ""),
            text=text,
            reason=given.get("reason") or "",
            edited=bool(text) and text != asked.draft,
            decided_by=asked.decided_by,
            decided_at=asked.decided_at,
        )


class Child(answers.Answer):
    """A run inside. It has a record of its own."""

    id: str
    step: str = Field(description="Path of the step that started it.")
    item: int | None
    status: RunStatus
    title: str
    cost_usd: float
    tokens: int
    finished_at: datetime | None
    decided_by: list[str] = Field(description="Who answered questions in it.")
    by_hand: int = Field(description="Steps whose result a person gave.")


class Record(answers.Answer):
    """`run` is the run as it is read; `steps` tells each of its steps with all attempts."""

    run: answers.RunLine
    gathered_at: datetime
    is_over: bool = Field(description="Whether the run has ended; before, more may come.")
    workflow_name: str
    department_name: str
    inputs: dict[str, Any]
    scope: dict[str, Any] = Field(description="Of an item of a list: what it was given.")
    output: Any
    version: answers.Version
    steps: list[StepRecord]
    questions: list[records.RecordedQuestion] = Field(description="Each question to people, the first first.")
    decisions: list[Decided]
    decided_by: list[str] = Field(description="The people who answered something in this run.")
    models: list[records.ModelUsed] = Field(description="Each model that was asked, here or in a run inside.")
    children: list[Child]
    deeds: list[Deed] = Field(description="From the ledger: who did what with this run.")


def record_of(run: Run) -> Record:
    """A fixed number of queries."""
    found = gather(run)
    decided = [asked for asked in found.questions.rows if asked.status == TaskStatus.DECIDED]
    return Record(
        run=answers.RunLine.of(run),
        gathered_at=found.gathered_at,
        is_over=found.is_over,
        workflow_name=run.workflow.name,
        department_name=run.department.name,
        inputs=run.inputs,
        scope=run.scope,
        output=run.output,
        version=answers.Version.whole(run.version, run.workflow.live_id),
        steps=_steps(run, found.steps),
        questions=list(found.questions.rows),
        decisions=[Decided.of(asked) for asked in sorted(decided, key=_when)],
        decided_by=found.people,
        models=found.models,
        children=[Child.model_validate(asdict(inner)) for inner in found.inner.rows],
        deeds=[Deed.of(entry) for entry in found.deeds.rows],
    )


def _when(asked: records.RecordedQuestion) -> tuple[bool, datetime | None]:
    return asked.decided_at is None, asked.decided_at


def _steps(run: Run, steps: records.Some) -> list[StepRecord]:
    tree = tree_of(run.version_id)
    return [
        StepRecord.of(
            row, tree, summary=row.summary, made_by=row.made_by, tries=[Try.of(each) for each in row.tries.all()]
        )
        for row in steps.rows
    ]
