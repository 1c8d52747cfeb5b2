"""The drill over published workflows: which models are away, and what then happens where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from connectors.models import AiModel, Provider
from workflows.engine.definition import load
from workflows.engine.drill import Finding, IsAway, Then, drill
from workflows.models import Workflow
from workflows.runtime.kinds import kinds
from workflows.services.refusals import ValidationError


@dataclass(frozen=True, slots=True)
class Drilled:
    """One workflow in its live version."""

    workflow: Workflow
    number: int
    findings: tuple[Finding, ...]

    @property
    def stops(self) -> int:
        return sum(each.then is Then.STOPS for each in self.findings)

    def data(self) -> dict[str, Any]:
        return {
            "department": self.workflow.department.slug,
            "workflow": self.workflow.slug,
            "version": self.number,
            "steps": [{**asdict(each), "said": each.said} for each in self.findings],
            "stops": self.stops,
        }


def drilled(workflows: Iterable[Workflow], is_away: IsAway) -> list[Drilled]:
    """`workflows` are published; the live version is looked at."""
    return [
        Drilled(each, each.live.number, tuple(drill(load(each.live.definition), kinds(), is_away)))
        for each in workflows
        if each.live is not None
    ]


def named_away(*, model: str = "", provider: str = "") -> IsAway:
    """One model, all of one provider, or every model where nothing is named.

    Raises ValidationError for a name that nobody knows.
    """
    if model and not AiModel.objects.filter(name=model).exists():
        raise ValidationError({"model": f"There is no AI model called “{model}”."})
    if provider and not Provider.objects.filter(name=provider).exists():
        raise ValidationError({"provider": f"There is no provider of AI models called “{provider}”."})
    if not model and not provider:
        return lambda _name: True
    rows = AiModel.objects.filter(name=model) if model else AiModel.objects.filter(provider__name=provider)
    away = set(rows.values_list("name", flat=True))
    usual = _usual()
    return lambda name: (name or usual) in away


def _usual() -> str:
    """The model that answers where a step names none."""
    rows = AiModel.objects.filter(is_default=True, enabled=True, provider__enabled=True)
    return rows.values_list("name", flat=True).first() or ""
