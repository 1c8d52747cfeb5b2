"""The record of a run: the evidence that joins what AI wrote, what people made of it, and who decided."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import Field

from audit.models import Entry
from workflows.api import answers
from workflows.api.ledger import Deed
from workflows.models import Attempt, Run, RunStatus, StepRun, Task, TaskStatus
from workflows.runtime.journey import tree_of


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
    """What a person was shown, what they made of it, and when."""

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
    def of(cls, row: Task) -> Decided:
        given = row.answer or {}
        text = given.get("text") or ""
        return cls(
            task=str(row.pk),
            step=row.step.path,
            question=row.question,
            shown=row.shown,
            draft=row.draft,
            decision=given.get("decision", ""),
            text=text,
            reason=given.get("reason") or "",
            edited=bool(text) and text != row.draft,
            decided_by=row.decided_by_label,
            decided_at=row.decided_at,
        )


class Child(answers.Answer):
    id: str
    step: str = Field(description="Path of the step that started it.")
    item: int | None
    status: RunStatus


class Record(answers.Answer):
    """`run` is the run as it is read; `steps` tells each of its steps with all attempts."""

    run: answers.RunLine
    inputs: dict[str, Any]
    output: Any
    version: answers.Version
    steps: list[StepRecord]
    decisions: list[Decided]
    children: list[Child]
    deeds: list[Deed] = Field(description="From the ledger: who did what with this run.")


def record_of(run: Run) -> Record:
    """A fixed number of queries."""
    return Record(
        run=answers.RunLine.of(run),
        inputs=run.inputs,
        output=run.output,
        version=answers.Version.whole(run.version, run.workflow.live_id),
        steps=_steps(run),
        decisions=[Decided.of(task) for task in _decided(run)],
        children=_children(run),
        deeds=[Deed.of(entry) for entry in Entry.objects.filter(run_id=run.pk).order_by("pk")],
    )


def _steps(run: Run) -> list[StepRecord]:
    tree = tree_of(run.version_id)
    rows = StepRun.objects.filter(run=run).order_by("position").prefetch_related("tries")
    return [
        StepRecord.of(
            row, tree, summary=row.summary, made_by=row.made_by, tries=[Try.of(each) for each in row.tries.all()]
        )
        for row in rows
    ]


def _decided(run: Run) -> Iterable[Task]:
    return Task.objects.filter(run=run, status=TaskStatus.DECIDED).select_related("step").order_by("decided_at")


def _children(run: Run) -> list[Child]:
    rows = Run.objects.filter(parent=run).order_by("parent_step", "item_index")
    found = rows.values_list("pk", "parent_step__path", "item_index", "status")
    return [Child(id=str(id), step=path or "", item=item, status=RunStatus(status)) for id, path, item, status in found]
