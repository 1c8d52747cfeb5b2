"""A run in the memory of the worker that carries it on: its facts, its steps, and what is to be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Final
from uuid import UUID

from workflows.engine import definition
from workflows.engine.tree import Tree
from workflows.models import Run, StepRun, StepStatus, Version

UNREAD: Final = object()
"""The output stands in the database and nobody has needed it yet."""


@dataclass(slots=True)
class Step:
    """One step as the engine sees it. `inside`: arms, round, catches, scope, tolerated; or what a wait is for."""

    id: UUID
    path: str
    step_id: str
    kind: str
    status: str
    position: int = 0
    attempts: int = 0
    claims: int = 0
    claim_token: UUID | None = None
    inside: dict[str, Any] = field(default_factory=dict)
    signal: dict[str, Any] | None = None
    output: Any = UNREAD
    output_sha256: str = ""
    error: dict[str, Any] | None = None
    summary: str = ""
    started_at: datetime | None = None
    run_after: datetime | None = None
    wake_at: datetime | None = None
    waits_for: str = ""
    cost_usd: float = 0.0
    tokens: int = 0

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(self.inside.get("arms", ()))

    @property
    def round(self) -> int:
        return int(self.inside.get("round", 0))

    @property
    def catches(self) -> bool:
        return bool(self.inside.get("catches"))

    @property
    def tolerated(self) -> bool:
        return bool(self.inside.get("tolerated"))

    @property
    def is_live(self) -> bool:
        return not StepStatus(self.status).is_over


@dataclass
class Journey:
    """One run. `steps` maps path → step. `seq` is the number of the last journal entry this memory agrees with."""

    run: Run
    tree: Tree
    steps: dict[str, Step]
    seq: int

    @cached_property
    def parent(self) -> Journey | None:
        """The run around an item's run. What it had done when the item began never changes."""
        return parent_journey(self.run.parent_step_id) if self.run.body and self.run.parent_step_id else None

    @property
    def inputs(self) -> dict[str, Any]:
        return self.parent.inputs if self.parent else self.run.inputs


def load(run: Run) -> Journey:
    """Two queries: the steps without their outputs, and, once per process, the version."""
    return Journey(run, tree_of(run.version_id), read_steps(run.pk), run.seq)


def read_steps(run_id: UUID) -> dict[str, Step]:
    rows = StepRun.objects.filter(run_id=run_id).order_by("position").only(*_READ)
    return {row.path: _step(row) for row in rows}


@lru_cache(maxsize=256)
def tree_of(version_id: UUID) -> Tree:
    """A version never changes, so its tree is read once per process."""
    return Tree(definition.load(Version.objects.values_list("definition", flat=True).get(pk=version_id)))


@lru_cache(maxsize=64)
def parent_journey(step_run_id: UUID) -> Journey:
    step = StepRun.objects.select_related("run__department", "run__workflow").get(pk=step_run_id)
    return load(step.run)


_READ = (
    "id",
    "path",
    "step_id",
    "kind",
    "status",
    "position",
    "attempts",
    "claims",
    "claim_token",
    "inside",
    "signal",
    "output_sha256",
    "error",
    "summary",
    "started_at",
    "run_after",
    "wake_at",
    "waits_for",
    "cost_usd",
    "tokens",
)


def _step(row: StepRun) -> Step:
    known = {name: getattr(row, name) for name in _READ}
    known["cost_usd"] = float(row.cost_usd)
    return Step(**known)
