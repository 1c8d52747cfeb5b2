"""Series by another program: a table handed in, its progress, and each row with what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.http import HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request

from departments.access import Verb, require, visible
from workflows import models
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import ByNumber, page
from workflows.api.workflows import OfWorkflow
from workflows.services import series as services
from workflows.services.sheets import asked_of, matched, read_sheet


class OneSeries(answers.Answer):
    """One run for each row of a table."""

    id: str
    department: str = Field(description="Slug.")
    workflow: str = Field(description="Id.")
    title: str
    inputs: dict[str, str] = Field(description="Input → column.")
    at_once: int
    total: int = Field(description="Rows.")
    waiting: int = Field(description="Still to start.")
    under_way: int
    with_people: int = Field(description="Wait for a person or a time.")
    succeeded: int
    failed: int
    refused: int = Field(description="Could not start.")
    left: int = Field(description="Not started, because it was stopped.")
    started_by: str
    created_at: datetime
    stopped_at: datetime | None
    finished_at: datetime | None
    url: str = Field(description="The page for people.")

    @classmethod
    def of(cls, row: models.Series) -> Self:
        progress = services.progress_of(row)
        counts = ("total", "waiting", "under_way", "with_people", "succeeded", "failed", "refused", "left")
        same = ("title", "inputs", "at_once", "started_by", "created_at", "stopped_at", "finished_at")
        return cls(
            id=str(row.pk),
            department=row.department.slug,
            workflow=str(row.workflow_id),
            url=answers.page_address("series", row.pk),
            **{name: getattr(progress, name) for name in counts},
            **{name: getattr(row, name) for name in same},
        )


class SeriesLine(answers.Answer):
    """A row of the table and what came of it."""

    number: int
    values: dict[str, Any] = Field(description="Column → value, as it was handed in.")
    state: str = Field(description="`waiting`, `started`, `again`, `refused` or `left`.")
    problem: str = Field(description="Why it could not start, or why its run failed.")
    run: str | None = Field(description="Id.")
    status: str | None = Field(description="Of its run.")
    output: dict[str, Any] | None = Field(description="Of its run.")

    @classmethod
    def of(cls, row: models.SeriesRow) -> Self:
        run = row.run
        return cls(
            number=row.number,
            values=row.values,
            state=row.state,
            problem=services.problem_of(row),
            run=str(run.pk) if run else None,
            status=run.status if run else None,
            output=run.output if run else None,
        )


class NewSeries(asked.Body):
    file: str = Field(max_length=60, description="Id of an Excel or CSV file that was uploaded before.")
    inputs: dict[str, str] | None = Field(None, description="Input → column; those called alike when left out.")
    at_once: int = Field(10, ge=1, le=services.MOST_AT_ONCE, description="How many of its runs may be under way.")


class SeriesOfWorkflow(OfWorkflow):
    @operation(
        "list_series_of_workflow",
        "List the series of a workflow",
        answer=answers.page_of(OneSeries),
        question=asked.Question,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        self.question(asked.Question)
        return page(request, _there().filter(workflow=self.workflow(id)), OneSeries, OneSeries.of)

    @operation(
        "start_series",
        "Start a run for each row of a table",
        answer=OneSeries,
        status=201,
        body=NewSeries,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Its runs start some at a time; `GET …/series/{id}` tells how far it is."""
        body, workflow = self.body(NewSeries), self.workflow(id)
        require(self.actor, Verb.RUN, workflow.department)
        stored = self.find(models.StoredFile.objects.filter(department=workflow.department_id), body.file)
        made = services.start_series(
            workflow,
            stored,
            chosen=_chosen(workflow, stored) if body.inputs is None else body.inputs,
            at_once=body.at_once,
            key=request.headers.get("Idempotency-Key", "")[:100] or str(stored.pk),
            actor=self.actor,
        )
        return answer(OneSeries.of(made), 201, {"Location": reverse("api_series", args=[made.pk])})


class OfSeries(Endpoint):
    def series(self, id: str) -> models.Series:
        return self.find(_there(), id)


class One(OfSeries):
    @operation("read_series", "Read a series and how far it is", answer=OneSeries)
    def get(self, request: Request, id: str) -> HttpResponse:
        return answer(OneSeries.of(self.series(id)))


class Rows(OfSeries):
    @operation("list_series_rows", "The rows of a series", answer=answers.page_of(SeriesLine), question=asked.Question)
    def get(self, request: Request, id: str) -> HttpResponse:
        """In their order, with the results of their runs."""
        self.question(asked.Question)
        return page(request, self.series(id).rows.select_related("run"), SeriesLine, SeriesLine.of, ByNumber)


class Stop(OfSeries):
    @operation("stop_series", "Start no further row", answer=OneSeries, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """What is under way goes on."""
        self.body(asked.Nothing)
        services.stop_series(self.series(id), actor=self.actor)
        return answer(OneSeries.of(self.series(id)))


class GoOn(OfSeries):
    @operation(
        "go_on_with_series",
        "Do again what failed or was not started",
        answer=OneSeries,
        body=asked.Nothing,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """A run that failed goes on at its failed step; no second one is started for its row."""
        self.body(asked.Nothing)
        services.go_on(self.series(id), actor=self.actor)
        return answer(OneSeries.of(self.series(id)))


class All(Endpoint):
    @operation("list_series", "List series", answer=answers.page_of(OneSeries), question=asked.Question)
    def get(self, request: Request) -> HttpResponse:
        self.question(asked.Question)
        return page(request, visible(_there(), self.actor), OneSeries, OneSeries.of)


def _chosen(workflow: models.Workflow, stored: models.StoredFile) -> dict[str, str]:
    return matched(asked_of(workflow), read_sheet(stored).columns)


def _there() -> Any:
    return models.Series.objects.select_related("department", "workflow")
