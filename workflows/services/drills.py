"""The drill over published workflows and drafts: which models are away, and what then happens where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from connectors.models import AiModel, Provider
from workflows.engine.definition import Definition, Node, load
from workflows.engine.drill import Finding, IsAway, Then, drill, model_of
from workflows.engine.problems import running
from workflows.models import Workflow
from workflows.runtime.kinds import kinds
from workflows.services.refusals import ValidationError

PROVIDER, MODEL = "provider:", "model:"


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


@dataclass(frozen=True, slots=True)
class Away:
    """What may be away: `value` as `away_of` reads it, `models` those that the draft uses."""

    value: str
    provider: str
    models: tuple[str, ...]


def could_be_away(definition: Definition) -> list[Away]:
    """The providers whose models the draft uses, and each of several models of one provider. Two queries at most."""
    nodes = [node for node in running(definition) if _asks(node)]
    usual = _usual() if nodes else ""
    used = {model_of(node) or usual for node in nodes}
    rows = AiModel.objects.filter(name__in=used).order_by("provider__name", "name")
    by_provider: dict[str, list[str]] = {}
    for name, provider in rows.values_list("name", "provider__name"):
        by_provider.setdefault(provider, []).append(name)
    found = []
    for provider, models in by_provider.items():
        found.append(Away(f"{PROVIDER}{provider}", provider, tuple(models)))
        found += [Away(f"{MODEL}{name}", provider, (name,)) for name in models if len(models) > 1]
    return found


def away_of(value: str) -> IsAway:
    """“provider:NAME”, “model:NAME” or nothing for every model. Raises ValidationError for what nobody knows."""
    what, _colon, name = value.partition(":")
    if value and not (name and what in ("provider", "model")):
        raise ValidationError({"away": "Say which model or provider is away."})
    return named_away(**({what: name} if value else {}))


def drilled_draft(definition: Definition, is_away: IsAway) -> list[Finding]:
    return drill(definition, kinds(), is_away)


def _asks(node: Node) -> bool:
    kind = kinds().get(node.kind)
    return kind is not None and kind.asks_model


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
