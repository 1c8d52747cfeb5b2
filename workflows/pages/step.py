"""What stands behind one step of a run: what it was given, what it gave, and each of its tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from workflows.models import Attempt, Run, StepRun
from workflows.runtime import outputs


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a model, or one exchange with another system, as the try has written it down.

    The words are those of `connectors.models_gateway.record.CallRecord`; what an older version did not write is empty.
    """

    record: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.record.get(name, "")

    @property
    def model(self) -> str:
        return self.model_answered or self.model_asked

    @property
    def said(self) -> str:
        return self.answer or self.partial


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt: when, how long, what was asked of whom, and how it ended."""

    attempt: Attempt

    @property
    def took(self) -> timedelta:
        return self.attempt.finished_at - self.attempt.started_at

    @property
    def error(self) -> str:
        return (self.attempt.error or {}).get("message", "")

    @property
    def calls(self) -> list[Call]:
        return [Call(record) for record in self.attempt.calls]


@dataclass(frozen=True, slots=True)
class Details:
    """`output` is None where there is none; `given` are the rendered parameters of the last try."""

    step: StepRun
    output: Any
    tries: tuple[Try, ...]

    @property
    def given(self) -> dict[str, Any] | None:
        return self.tries[-1].attempt.given if self.tries else None


def details_of(run: Run, opened: Iterable[UUID]) -> Mapping[UUID, Details]:
    """Step → its details, for those steps of this run that are open on the page. Two queries, or none."""
    ids = list(opened)
    if not ids:
        return {}
    steps = run.steps.filter(pk__in=ids).prefetch_related("tries")
    return {step.pk: Details(step, output_of(step), tuple(Try(each) for each in step.tries.all())) for step in steps}


def output_of(step: StepRun) -> Any:
    """Large outputs lie in a file under their hash."""
    return outputs.fetch(step.output_sha256) if step.output_sha256 else step.output
