"""A run in the memory of the worker that carries it on: its facts, its steps, and what is to be written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Final
from uuid import UUID

from audit import sql
from departments.models import Department
from workflows.engine import definition
from workflows.engine.tree import Tree
from workflows.models import Run, StepStatus, Version, Workflow

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
    finished_at: datetime | None = None
    run_after: datetime | None = None
    wake_at: datetime | None = None
    intent_at: datetime | None = None
    is_told: bool = True
    waits_for: str = ""
    made_by: str = ""
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


def run_of(row: Sequence[Any]) -> Run:
    """The run, with what the engine needs of its department and workflow, from a row of RUN_COLUMNS."""
    run = Run.from_db("default", _RUN, row[: len(_RUN)])
    rest = row[len(_RUN) :]
    hosts = _DEPARTMENT.index("egress_hosts")
    department = [json.loads(value) if place == hosts else value for place, value in enumerate(rest[:4])]
    run.department = Department.from_db("default", _DEPARTMENT, department)
    run.workflow = Workflow.from_db("default", _WORKFLOW, rest[4:])
    run.output = run.error = None
    return run


def read_steps(run_id: UUID) -> dict[str, Step]:
    found = [_step(row) for row in sql.rows(_STEPS, [run_id])]
    return {step.path: step for step in found}


@lru_cache(maxsize=256)
def tree_of(version_id: UUID) -> Tree:
    """A version never changes, so its tree is read once per process."""
    return Tree(definition.load(Version.every.values_list("definition", flat=True).get(pk=version_id)))


@lru_cache(maxsize=64)
def parent_journey(step_run_id: UUID) -> Journey:
    found = sql.row(_RUN_OF_STEP, [step_run_id])
    assert found is not None
    return load(run_of(found))


_RUN = sql.columns(
    Run,
    *("id", "department_id", "workflow_id", "version_id", "status", "mode", "priority", "title", "inputs"),
    *("parent_step_id", "parent_id", "item_index", "body", "scope", "depth", "held", "seq", "started_by"),
    *("starter_kind", "starter_id", "created_at", "started_at", "finished_at", "expires_at"),
)
_DEPARTMENT = sql.columns(Department, "id", "name", "slug", "egress_hosts")
_WORKFLOW = sql.columns(Workflow, "id", "department_id", "name", "slug")

RUN_COLUMNS: Final = ", ".join(
    [sql.selected("run", _RUN), sql.selected("department", _DEPARTMENT), sql.selected("workflow", _WORKFLOW)]
)
"""All that the engine reads of a run: never its workflow's draft, which may be large."""
RUN_TABLES: Final = (
    "workflows_run AS run JOIN departments_department AS department ON department.id = run.department_id"
    " JOIN workflows_workflow AS workflow ON workflow.id = run.workflow_id"
)

_STEP = (
    *("id", "path", "step_id", "kind", "status", "position", "attempts", "claims", "claim_token", "inside", "signal"),
    *(
        "output_sha256",
        "error",
        "summary",
        "started_at",
        "finished_at",
        "run_after",
        "wake_at",
        "intent_at",
        "waits_for",
        "made_by",
        "cost_usd",
        "tokens",
    ),
)
_STEPS = f"SELECT {', '.join(_STEP)} FROM workflows_steprun WHERE run_id = %s ORDER BY position"
_RUN_OF_STEP = f"""
SELECT {RUN_COLUMNS} FROM workflows_steprun AS step JOIN {RUN_TABLES} ON run.id = step.run_id WHERE step.id = %s
"""


def _step(row: Sequence[Any]) -> Step:
    known = dict(zip(_STEP, row, strict=True))
    # Django has psycopg hand over jsonb as text.
    for name in ("inside", "signal", "error"):
        known[name] = None if known[name] is None else json.loads(known[name])
    known["cost_usd"] = float(known["cost_usd"])
    return Step(**known)
