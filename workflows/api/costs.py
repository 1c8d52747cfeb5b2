"""What the AI of the token's department has cost, and what it may cost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Self

from django.http import HttpResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.request import Request

from departments.access import Verb, require
from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import page
from workflows.runtime.paying import month_of
from workflows.services import budget_questions, budgets, costs

LONGEST_MONTHS = 24


class CostLine(answers.Answer):
    """What one workflow spent on one model in one month."""

    month: str = Field(description="Such as 2027-01, in UTC.")
    workflow: str = Field(description="Id.")
    workflow_name: str
    provider: str
    model: str
    calls: int
    estimated_calls: int = Field(description="Those of them whose provider told no tokens: counted by their length.")
    tokens_in: int
    tokens_out: int
    cost_usd: float

    @classmethod
    def of(cls, part: costs.Part) -> Self:
        return cls(
            month=f"{part.month:%Y-%m}",
            workflow=str(part.workflow_id),
            workflow_name=part.workflow,
            provider=part.provider,
            model=part.model,
            calls=part.calls,
            estimated_calls=part.estimated_calls,
            tokens_in=part.tokens_in,
            tokens_out=part.tokens_out,
            cost_usd=float(part.cost_usd),
        )


class CostsAnswer(answers.Answer):
    department: str = Field(description="Slug.")
    since: str = Field(description="The first month, such as 2026-02.")
    total_usd: float
    calls: int
    lines: list[CostLine] = Field(description="By month; what is no line cost nothing.")


class CostsQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    months: int = Field(12, ge=1, le=LONGEST_MONTHS, description="How many months, the present one included.")


class Costs(Endpoint):
    @operation("read_costs", "Read what AI has cost", answer=CostsAnswer, question=CostsQuestion)
    def get(self, request: Request) -> HttpResponse:
        """Of the token's department, by month, workflow and model, in US dollars at the prices of the time."""
        question, department = self.question(CostsQuestion), self.token.department
        require(self.actor, Verb.VIEW, department)
        since = _months(question.months)[0]
        parts = costs.parts_of([department], since)
        return answer(
            CostsAnswer(
                department=department.slug,
                since=f"{since:%Y-%m}",
                total_usd=float(sum(part.cost_usd for part in parts)),
                calls=sum(part.calls for part in parts),
                lines=[CostLine.of(part) for part in parts],
            )
        )


class BudgetLine(answers.Answer):
    """Of the whole department where no workflow is named. What is null is without limit."""

    id: str
    workflow: str | None = Field(description="Id.")
    month_usd: float | None
    soft_usd: float | None = Field(description="From here on the owner is asked.")
    run_usd: float | None
    calls_per_run: int | None
    calls_per_step: int | None
    calls_per_hour: int | None
    spent_usd: float = Field(description="This month, in UTC.")
    reserved_usd: float = Field(description="Put aside for what is being asked now.")
    calls: int = Field(description="This month.")
    stopped_by: str | None = Field(description="Who has stopped it; null while it goes on.")
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Budget) -> Self:
        spent, reserved, calls = budgets.used_of(row)
        return cls(
            id=str(row.pk),
            workflow=str(row.workflow_id) if row.workflow_id else None,
            month_usd=_usd(row.month_usd),
            soft_usd=_usd(row.soft_usd),
            run_usd=_usd(row.run_usd),
            calls_per_run=row.calls_per_run,
            calls_per_step=row.calls_per_step,
            calls_per_hour=row.calls_per_hour,
            spent_usd=float(spent),
            reserved_usd=float(reserved),
            calls=calls,
            stopped_by=row.stopped_by if row.stopped_at else None,
            url=answers.page_address("budget", row.pk),
        )


class Budgets(Endpoint):
    @operation("list_budgets", "List budgets", answer=answers.page_of(BudgetLine), question=asked.Question)
    def get(self, request: Request) -> HttpResponse:
        """What the department and its workflows may spend on AI, and have spent this month."""
        self.question(asked.Question)
        return page(request, budgets.budgets_of(self.actor, _months(1)[0]).order_by("-pk"), BudgetLine, BudgetLine.of)


class QuestionLine(answers.Answer):
    """May the work of a budget that runs low go on? Asked once for a month and a soft limit."""

    id: str
    budget: str = Field(description="Id.")
    month: str = Field(description="Such as 2027-01, in UTC.")
    status: models.QuestionStatus
    asked_of: str = Field(description="The owner of the budget, else the managers, else the administrators.")
    soft_usd: float = Field(description="The limit from which it is asked.")
    month_usd: float | None = Field(description="The most for the month when it was asked.")
    spent_usd: float = Field(description="When it was asked; so are the two that follow.")
    reserved_usd: float
    foreseen_usd: float = Field(description="For the whole month, at its pace until then.")
    asked_at: datetime
    answer: models.BudgetAnswer | None
    raised_to_usd: float | None
    answered_by: str | None = Field(description="Of one that was overtaken: who changed or stopped the budget.")
    answered_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.BudgetQuestion) -> Self:
        return cls(
            id=str(row.pk),
            budget=str(row.budget_id),
            month=f"{row.month:%Y-%m}",
            status=models.QuestionStatus(row.status),
            asked_of=budget_questions.asked_of(row),
            soft_usd=float(row.soft_usd),
            month_usd=_usd(row.month_usd),
            spent_usd=float(row.spent_usd),
            reserved_usd=float(row.reserved_usd),
            foreseen_usd=float(row.foreseen_usd),
            asked_at=row.asked_at,
            answer=models.BudgetAnswer(row.answer) if row.answer else None,
            raised_to_usd=_usd(row.raised_to_usd),
            answered_by=row.answered_by or None,
            answered_at=row.answered_at,
            url=answers.page_address("budget_question", row.pk),
        )


class QuestionsQuestion(asked.Question):
    status: models.QuestionStatus | None = Field(None, strict=False)


class BudgetAnswerBody(asked.Body):
    answer: models.BudgetAnswer = Field(strict=False)
    to_usd: Decimal | None = Field(
        None, strict=False, gt=0, lt=10_000_000_000, description="What the limit is raised to."
    )


class Questions(Endpoint):
    @operation(
        "list_budget_questions",
        "List questions about budgets",
        answer=answers.page_of(QuestionLine),
        question=QuestionsQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        """What the owners of the department's budgets are asked when they run low, beside the tasks of runs."""
        status = self.question(QuestionsQuestion).status
        rows = budget_questions.questions_seen(self.actor)
        return page(request, rows.filter(status=status) if status else rows, QuestionLine, QuestionLine.of)


class Question(Endpoint):
    @operation("read_budget_question", "Read a question about a budget", answer=QuestionLine, tagged=True)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(QuestionLine.of(self.find(budget_questions.questions_seen(self.actor), id)))


class AnswerQuestion(Endpoint):
    @operation(
        "answer_budget_question",
        "Answer a question about a budget",
        answer=QuestionLine,
        body=BudgetAnswerBody,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Raise the limit, leave it, or stop the work for now. For a manager's token; 409 names who was first."""
        body = self.body(BudgetAnswerBody)
        found = self.find(budget_questions.questions_seen(self.actor), id)
        budget_questions.answer_question(found, body.answer, to_usd=body.to_usd, actor=self.actor)
        return answer(QuestionLine.of(found))


def _usd(limit: Decimal | None) -> float | None:
    return None if limit is None else float(limit)


def _months(count: int) -> list[date]:
    return costs.months_until(month_of(timezone.now()), count)
