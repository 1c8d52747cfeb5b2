"""What workflows are made from: the step kinds that are installed, and those of imported services."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from django.http import Http404, HttpResponse
from pydantic import Field
from rest_framework.request import Request

from connectors import made
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
        imported = made.offered([self.token.department_id]).values()
        return answer(_whole(StepKind, [*_step_kinds().values(), *map(StepKind.of, imported)]))


class OneStepKind(Endpoint):
    @operation("read_step_kind", "Read a step kind", answer=StepKind)
    def get(self, request: Request, kind: str) -> HttpResponse:
        """Also of an older version of an imported service, which is offered no more."""
        found = kinds().get(kind)
        if found is None or made.is_foreign(found, self.token.department_id):
            raise Http404
        return answer(StepKind.of(found))


@cache
def _step_kinds() -> dict[str, StepKind]:
    return {name: StepKind.of(kind) for name, kind in kinds().items()}


def _whole(item: type[answers.Answer], things: list[Any]) -> Any:
    """Short lists come whole, in the shape of the long ones."""
    return answers.page_of(item).model_construct(results=things, next=None, previous=None)
