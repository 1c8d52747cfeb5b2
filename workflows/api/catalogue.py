"""What workflows are made from: the step kinds that are installed."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from django.http import Http404, HttpResponse
from pydantic import Field
from rest_framework.request import Request

from connectors.sdk import Action, Effect
from workflows.api import answers, asked
from workflows.api.endpoint import Endpoint, answer
from workflows.api.operation import operation
from workflows.runtime.kinds import kinds


class StepKind(answers.Answer):
    kind: str
    title: str
    description: str
    reads_as: str = Field(description="The sentence on its card, parameters in braces.")
    effect: Effect = Field(description="What a lost worker may repeat.")
    timeout_s: int
    sequences: list[str] = Field(description="Where it holds other steps.")
    params: dict[str, Any] = Field(description="JSON Schema of what stands under `with`.")
    output: dict[str, Any] = Field(description="JSON Schema of what it gives.")

    @classmethod
    def of(cls, kind: type[Action]) -> StepKind:
        return cls(
            kind=kind.kind,
            title=kind.title,
            description=inspect.getdoc(kind) or "",
            reads_as=kind.reads_as,
            effect=kind.effect,
            timeout_s=kind.timeout_s,
            sequences=list(kind.sequences),
            params=kind.Params.model_json_schema(),
            output=kind.Output.model_json_schema(mode="serialization"),
        )


class StepKinds(Endpoint):
    @operation(
        "list_step_kinds",
        "List the step kinds",
        answer=answers.page_of(StepKind),
        question=asked.NoQuestion,
    )
    def get(self, request: Request) -> HttpResponse:
        self.question(asked.NoQuestion)
        return answer(_whole(StepKind, list(_step_kinds().values())))


class OneStepKind(Endpoint):
    @operation("read_step_kind", "Read a step kind", answer=StepKind)
    def get(self, request: Request, kind: str) -> HttpResponse:
        return answer(_known(_step_kinds(), kind))


@cache
def _step_kinds() -> dict[str, StepKind]:
    return {name: StepKind.of(kind) for name, kind in kinds().items()}


def _known(things: dict[str, Any], name: str) -> Any:
    if name not in things:
        raise Http404
    return things[name]


def _whole(item: type[answers.Answer], things: list[Any]) -> Any:
    """Short lists come whole, in the shape of the long ones."""
    return answers.page_of(item).model_construct(results=things, next=None, previous=None)
