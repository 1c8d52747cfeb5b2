"""What a test will cost, before it runs: by what the same questions have cost, else by the length of the prompt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from audit import sql
from connectors.models_gateway import cost, routing
from connectors.sdk import StepError
from workflows.engine import params
from workflows.engine.definition import Definition, Node
from workflows.models import Workflow
from workflows.runtime.kinds import kinds
from workflows.services import samples

RECENT = 400
"""Attempts of the whole server that are looked at: the newest, so that prices of long ago do not count."""
OWN_TOKENS = 400
ANSWER_TOKENS = 250
"""What a step says to the model beside its parameters, and an answer of usual length."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """`questions` to AI models, and US dollars for all of them. `is_known`: some of it was really paid before."""

    questions: int = 0
    cost_usd: float = 0.0
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class _Asking:
    node: Node
    times: int


def estimate(workflow: Workflow, whole: Definition, steps: Iterable[Node]) -> Estimate:
    """Of these steps of the draft; of several ways the one that asks most, of a repetition one round where the samples
    do not tell. A handful of queries.
    """
    draft = _Draft(workflow, whole)
    asking = list(_asking(draft, list(steps), 1))
    if not asking:
        return Estimate()
    paid = _paid(workflow, {each.node.kind for each in asking})
    each_costs = [_before(each.node, paid) for each in asking]
    costs = [
        known if known is not None else _by_length(draft, each.node)
        for each, known in zip(asking, each_costs, strict=True)
    ]
    return Estimate(
        questions=sum(each.times for each in asking),
        cost_usd=sum(each.times * one for each, one in zip(asking, costs, strict=True)),
        is_known=any(known is not None for known in each_costs),
    )


def asks_a_model(node: Node) -> bool:
    kind = kinds().get(node.kind)
    return kind is not None and node.kind.startswith("ai.") and "model" in kind.Params.model_fields


@dataclass(frozen=True)
class _Draft:
    """The draft with its samples, and the prices of models; each is read at most once."""

    workflow: Workflow
    whole: Definition
    prices: dict[str, cost.Prices | None] = field(default_factory=dict)

    @cached_property
    def known(self) -> samples.Known:
        return samples.known_of(self.workflow, self.whole, self.whole.nodes())

    def prices_of(self, model: str) -> cost.Prices | None:
        """None for a model that cannot be asked."""
        if model not in self.prices:
            try:
                self.prices[model] = routing.choose(model, self.workflow.department_id).prices
            except StepError:
                self.prices[model] = None
        return self.prices[model]

    def rendered(self, node: Node, value: Any) -> Any:
        """A value of the step as a run would have it. Raises BadText, and KeyError for a step that is only a part."""
        return params.render(value, samples.scope_among(self.known, self.workflow, self.whole, node.id))


def _asking(draft: _Draft, steps: list[Node], times: int) -> Iterator[_Asking]:
    for node in steps:
        if node.off:
            continue
        if asks_a_model(node):
            yield _Asking(node, times * _turns(node))
        rounds = times * _items(draft, node)
        ways = [list(_asking(draft, held, rounds)) for _, held in node.sequences()]
        if node.cases is not None:
            ways = sorted(ways, key=len)[-1:]
        for way in ways:
            yield from way


def _turns(node: Node) -> int:
    """How often it asks at most: an AI with tools before each use of one, and for its answer."""
    kind = kinds().get(node.kind)
    if kind is None or not kind.arms_are_tools:
        return 1
    uses = node.given.get("uses", kind.Params.model_fields["uses"].default)
    return 1 + uses if isinstance(uses, int) else 1


def _items(draft: _Draft, node: Node) -> int:
    """How many runs of its content a step brings up, as far as the samples tell."""
    kind = kinds().get(node.kind)
    if kind is None or not kind.spawns:
        return 1
    try:
        items = draft.rendered(node, node.given.get("items"))
    except (params.BadText, KeyError):
        return 1
    return max(1, len(items)) if isinstance(items, list) else 1


def _paid(workflow: Workflow, asked: set[str]) -> list[tuple[str, str, str, bool, float]]:
    """(kind, model, step, of this workflow, average cost) of what was asked lately in the department."""
    rows = sql.rows(_PAID, [workflow.pk, RECENT, workflow.department_id, sorted(asked)])
    return [(kind, model, step, own, float(average)) for kind, model, step, own, average in rows]


def _before(node: Node, paid: list[tuple[str, str, str, bool, float]]) -> float | None:
    """What this very step cost before, else what others of its kind cost with the same model."""
    model = str(node.given.get("model") or "")
    alike = [row for row in paid if row[:2] == (node.kind, model)]
    own = [row for row in alike if row[2] == node.id and row[3]]
    found = own or alike
    return sum(row[4] for row in found) / len(found) if found else None


def _by_length(draft: _Draft, node: Node) -> float:
    prices = draft.prices_of(str(node.given.get("model") or ""))
    if prices is None:
        return 0.0
    asked = cost.about_tokens(json.dumps(_said(draft, node), ensure_ascii=False, default=str))
    return float(cost.cost_usd(asked + OWN_TOKENS, ANSWER_TOKENS, prices))


def _said(draft: _Draft, node: Node) -> Any:
    try:
        return draft.rendered(node, node.given)
    except (params.BadText, KeyError):
        return node.given


_PAID = """
SELECT step.kind, coalesce(attempt.given->>'model', ''), step.step_id, run.workflow_id = %s, avg(attempt.cost_usd)
FROM (SELECT * FROM workflows_attempt ORDER BY id DESC LIMIT %s) AS attempt
JOIN workflows_steprun AS step ON step.id = attempt.step_id
JOIN workflows_run AS run ON run.id = step.run_id
WHERE step.department_id = %s AND step.kind = ANY(%s) AND attempt.error IS NULL
GROUP BY 1, 2, 3, 4
"""
