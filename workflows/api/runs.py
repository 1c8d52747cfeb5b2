"""Runs: list, read, wait for, cancel, go on, and what is known of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from departments.access import visible
from workflows.api import answers, asked, record, streams, waiting
from workflows.api.endpoint import Endpoint, answer, identifier
from workflows.api.ledger import Bundle
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.paging import InOrder, page
from workflows.models import Run, RunMode, RunStatus, StepRun
from workflows.services.looking_in import looked_into
from workflows.services.retention import erase_contents
from workflows.services.runs import cancel_run, resume_run, retry_run, take_ledger

UNREAD = ("workflow__draft", "workflow__sample", "version__definition", "scope")
UNREAD_STEP = ("signal", "summary", "made_by")


class OfRun(Endpoint):
    def run(self, id: str) -> Run:
        return self.find(Run.objects.select_related("workflow", "department", "version").defer(*UNREAD), id)


class Runs(Endpoint):
    @operation("list_runs", "List runs", answer=answers.page_of(answers.RunLine), question=asked.RunsQuestion)
    def get(self, request: Request) -> HttpResponse:
        """Newest first, without inputs, output and steps. Runs inside others are listed by `parent`."""
        rows = visible(Run.objects.all(), self.actor).select_related("workflow", "department", "version")
        rows = _filtered(rows, self.question(asked.RunsQuestion)).defer(*UNREAD, "inputs", "output")
        return page(request, rows, answers.RunLine, answers.RunLine.of)


class One(OfRun):
    @operation("read_run", "Read a run with its steps", answer=answers.Run, question=asked.RunQuestion, tagged=True)
    def get(self, request: Request, id: str) -> HttpResponse:
        """With `wait_s` a run that is under way answers when it is over or waits for a person."""
        question = self.question(asked.RunQuestion)
        run = self.run(id)
        looked_into(run, self.actor)
        if not question.wait_s:
            return _read(run)
        had_place = waiting.wait_for(run, question.wait_s)
        return _read(self.run(id), {} if had_place else {"Retry-After": "1"})


class Deed(OfRun):
    """One thing to do with a run; the answer is the run as it is afterwards."""

    service: Callable[..., Run]

    def do(self, id: str) -> HttpResponse:
        run = self.run(id)
        self.body(asked.Nothing)
        return _read(type(self).service(run, actor=self.actor))


class Cancel(Deed):
    service = cancel_run

    @operation("cancel_run", "End a run and everything inside it", answer=answers.Run, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        return self.do(id)


class Retry(Deed):
    service = retry_run

    @operation("retry_run", "Go on at the failed step", answer=answers.Run, body=asked.Nothing, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """With the version that the run has. Finished steps are not repeated."""
        return self.do(id)


class Resume(Deed):
    service = resume_run

    @operation(
        "resume_run",
        "Go on at the failed step with the newest version",
        answer=answers.Run,
        body=asked.Nothing,
        repeats=True,
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """Finished steps are not repeated."""
        return self.do(id)


class Erase(OfRun):
    @operation("erase_run", "Erase the contents of a run", answer=answers.Run, body=asked.Reason, repeats=True)
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """What it was given, asked, answered and made, for good. By managers, of a run that is over; 409 under a legal
        hold. That it ran, when, at what cost and who decided stays."""
        run = self.run(id)
        erase_contents(run, self.body(asked.Reason).reason, actor=self.actor)
        return _read(run)


class Journal(OfRun):
    @operation(
        "read_journal",
        "What the machine did, in order",
        answer=answers.page_of(answers.Event),
        question=asked.Question,
    )
    def get(self, request: Request, id: str) -> HttpResponse:
        self.question(asked.Question)
        return page(request, self.run(id).journal.all(), answers.Event, answers.Event.of, InOrder)


class Events(OfRun):
    @operation(
        "hear_run",
        "Hear what happens in a run",
        answer={"type": "string", "description": "Server-sent events."},
        bare={204: "The run is over, and all of it is known."},
        content_type=streams.CONTENT_TYPE,
        headers={"Last-Event-ID": "The last `id` that was heard; only what came after it is told."},
    )
    def get(self, request: Request, id: str) -> HttpResponseBase:
        """Each entry of the journal as an event with its number as `id`; `run` where the status has changed, at the end
        `run.ended`. Closes after a minute at the latest: come back with `Last-Event-ID`. 429 beyond three at a time.
        """
        run = self.run(id)
        known = _number(request.headers.get("Last-Event-ID", ""))
        if RunStatus(run.status).is_over and known >= run.seq:
            return HttpResponse(status=204)
        stream = streams.Stream(run.pk, self.token.pk, known)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingHttpResponse(stream, content_type=streams.CONTENT_TYPE, headers=headers)


class Record(OfRun):
    @operation("read_record", "All the evidence of one run", answer=record.Record)
    def get(self, request: Request, id: str) -> HttpResponse:
        """What went in and came out, each attempt with prompts, answers, tokens and cost, each question to people with
        drafts, word differences and answers, each deed. The page `…/record/` and the PDF of a run tell the same."""
        run = self.find(Run.objects.select_related("workflow", "department", "version"), id)
        looked_into(run, self.actor)
        return answer(record.record_of(run))


class RunLedger(OfRun):
    @operation("read_run_ledger", "The sealed entries about one run, with their proof", answer=Bundle)
    def get(self, request: Request, id: str) -> HttpResponse:
        """The same file as on the page of the record. Who takes it along stands in the ledger."""
        content = take_ledger(self.find(Run.objects.select_related("workflow", "department"), id), actor=self.actor)
        return HttpResponse(content, content_type="application/json")


def _filtered(rows: QuerySet[Run], question: asked.RunsQuestion) -> QuerySet[Run]:
    rows = rows.filter(_belongs(question.parent))
    if question.mode is None and not question.parent:
        rows = rows.filter(mode=RunMode.LIVE)
    if question.workflow:
        known = identifier(question.workflow)
        rows = rows.filter(workflow=known) if known else rows.filter(workflow__slug=question.workflow)
    wanted: dict[str, Any] = {
        "status": question.status,
        "mode": question.mode,
        "created_at__gt": question.created_after,
        "created_at__lt": question.created_before,
        "finished_at__gt": question.finished_after,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _belongs(parent: str) -> Q:
    if not parent:
        return Q(parent=None)
    known = identifier(parent)
    return Q(parent=known) if known else Q(pk__in=[])


def _read(run: Run, headers: dict[str, str] | None = None) -> HttpResponse:
    steps = StepRun.objects.filter(run=run).order_by("position").defer(*UNREAD_STEP)
    return answer(answers.Run.with_steps(run, steps), headers=headers)
