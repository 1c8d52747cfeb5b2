"""Testing a draft, and the samples that tests leave behind."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from django.http import Http404, HttpResponse
from django.urls import reverse
from pydantic import Field
from rest_framework.request import Request

from workflows import models
from workflows.api import answers, asked
from workflows.api.answers import Answer
from workflows.api.asked import Body
from workflows.api.endpoint import answer
from workflows.api.once import answered_once
from workflows.api.operation import operation
from workflows.api.workflows import OfWorkflow
from workflows.engine.cutting import Extent, Part
from workflows.engine.definition import Node
from workflows.services import samples
from workflows.services.testing import draft_of, start_test


class TestStart(Body):
    """How much of the draft is tested: all of it, or as much as `extent` says of the step."""

    __test__ = False  # no test of pytest's

    extent: Literal["whole", "only", "from", "up_to"] = "whole"
    step: str = Field("", max_length=60, description="Id of the step; needed for every extent but whole.")
    inputs: dict[str, Any] | None = Field(None, description="Left out: those of the last test.")
    send: bool = Field(False, description="Whether effects really happen. Otherwise they are only rehearsed.")


class SampleBody(Body):
    output: dict[str, Any] | None = Field(description="Field → value; null forgets the sample.")


class Sample(Answer):
    """The pinned result of a step: what those after it see while the workflow is built."""

    step: str
    kind: str
    output: Any
    by_hand: bool
    rehearsed: bool = Field(description="Made up, because the step was only rehearsed.")
    at: datetime

    @classmethod
    def of(cls, row: models.Sample) -> Self:
        return cls(
            step=row.step_id,
            kind=row.kind,
            output=samples.value_of(row),
            by_hand=row.by_hand,
            rehearsed=row.rehearsed,
            at=row.at,
        )


class Samples(Answer):
    results: list[Sample]


class Tests(OfWorkflow):
    @operation(
        "test_workflow", "Test the draft, or a part of it", answer=answers.Run, status=201, body=TestStart, repeats=True
    )
    @answered_once
    def post(self, request: Request, id: str) -> HttpResponse:
        """A run in the mode `test`, or `sending`. 400 names problems, earlier steps without a sample, wrong inputs."""
        workflow = self.workflow(id, with_draft=True)
        body = self.body(TestStart)
        part = Part() if body.extent == Extent.WHOLE else Part(Extent(body.extent), body.step)
        run = start_test(workflow, actor=self.actor, inputs=body.inputs, part=part, send=body.send)
        return answer(
            answers.Run.with_steps(run, run.steps.order_by("position")),
            201,
            {"Location": reverse("api_run", args=[run.pk])},
        )


class AllSamples(OfWorkflow):
    @operation("list_samples", "The pinned results of the draft's steps", answer=Samples, question=asked.Question)
    def get(self, request: Request, id: str) -> HttpResponse:
        self.question(asked.Question)
        return answer(_samples(self.workflow(id, with_draft=True)))


class OneSample(OfWorkflow):
    @operation("write_sample", "Write the result of a step by hand, or forget it", answer=Samples, body=SampleBody)
    def put(self, request: Request, id: str, step: str) -> HttpResponse:
        """No test replaces what was written, until it is forgotten."""
        workflow = self.workflow(id, with_draft=True)
        node, output = _node(workflow, step), self.body(SampleBody).output
        if output is None:
            samples.unpin(workflow, node.id, actor=self.actor)
        else:
            samples.pin(workflow, node, output, actor=self.actor)
        return answer(_samples(workflow))


def _samples(workflow: models.Workflow) -> Samples:
    found = samples.samples_of(workflow, draft_of(workflow).nodes())
    return Samples(results=[Sample.of(row) for _, row in sorted(found.items())])


def _node(workflow: models.Workflow, step: str) -> Node:
    found = next((node for node in draft_of(workflow).nodes() if node.id == step), None)
    if found is None:
        raise Http404
    return found
