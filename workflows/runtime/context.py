"""All that a step may touch while it runs: the real thing behind the SDK's protocols."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from audit.sql import release
from connectors import net
from connectors.documents.outside import read_feed, read_page
from connectors.documents.reading import read_document
from connectors.models_gateway.for_step import StepModels
from connectors.sdk import Account, AuthFailed, Effect, FileRef, ReadDocument, Response, StepError
from connectors.sdk.context import Files, ReadFeed, ReadPage, RunFacts
from workflows.engine import conditions, params
from workflows.engine.definition import Arm
from workflows.models import RunMode
from workflows.runtime import files, paying, setting_aside, signed_in, values
from workflows.runtime.journey import Journey, Step
from workflows.runtime.outside import Fence, StepHttp, StepLines, unfenced
from workflows.runtime.taking import Taker

ANOTHER = "Choose another one in this step, and publish."


@dataclass
class Context:
    """Made anew for each attempt. `calls` collects what was asked of models and other systems."""

    journey: Journey
    at: Step
    now: datetime
    timeout_s: float
    effect: Effect = Effect.PURE
    fence: Fence = unfenced
    calls: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    signed_in_by: set[str] = field(default_factory=set)
    started: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        return self.at.path

    @property
    def attempt(self) -> int:
        return self.at.attempts + 1

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this step in this run (rule E9)."""
        return hashlib.sha256(f"{self.journey.run.pk}/{self.at.path}".encode()).hexdigest()[:40]

    @property
    def given(self) -> Mapping[str, Any]:
        return self.journey.tree.node(self.at.step_id).given

    @cached_property
    def step(self) -> Mapping[str, Any]:
        node = self.journey.tree.node(self.at.step_id)
        return {
            "title": node.title,
            "cases": [{"title": case.title, "when": case.when} for case in node.cases or ()],
            "arms": [_arm(arm) for arm in node.arms or ()],
            "otherwise": bool(node.otherwise),
            "rescue": bool(node.rescue),
            "output": node.output,
        }

    @cached_property
    def names(self) -> Mapping[str, Any]:
        return {**values.names(self.journey, self.at.path), **self.at.inside.get("scope", {})}

    @property
    def spent_usd(self) -> float:
        inside = (step.cost_usd for path, step in self.journey.steps.items() if path.startswith(f"{self.path}/"))
        return self.at.cost_usd + sum(inside) + sum(float(call.get("cost_usd") or 0) for call in self.calls)

    @property
    def begun_at(self) -> datetime:
        return self.at.started_at or self.now

    @property
    def deadline(self) -> float:
        """When the step's time is over, on the monotonic clock."""
        return self.started + self.timeout_s

    @cached_property
    def run(self) -> RunFacts:
        run = self.journey.run
        begun = run.started_at or run.created_at
        return RunFacts(
            id=str(run.pk),
            workflow=run.workflow.name,
            department=run.department.name,
            department_slug=run.department.slug,
            started_by=run.started_by,
            started_at=begun,
            today=begun.date(),
            mode=RunMode(run.mode).said,
        )

    def before_effect(self) -> None:
        """To be called right before something is sent that others will see."""
        self.fence(self.effect)

    @property
    def models(self) -> StepModels:
        self.fence(Effect.PURE)
        remarks = setting_aside.remarks_for(self.journey, self.path)
        payer = paying.payer_of(self.journey, self.at, self.now)
        return StepModels(self.calls, self.deadline, remarks, notes=self.notes, payer=payer)

    @cached_property
    def http(self) -> StepHttp:
        policy = net.for_department(self.journey.run.department.egress_hosts)
        return StepLines(self.calls, self.fence, self.effect).http(net.Door(policy))

    def account(self, connection: str) -> Account:
        through = StepLines(self.calls, self.fence, self.effect)
        account = signed_in.account(self.journey.run.department_id, connection, through, ANOTHER)
        self.signed_in_by.add(connection)
        return account

    def note_failure(self, error: StepError) -> None:
        """Whoever looks at the connections is to see that one is not accepted any more."""
        if isinstance(error, AuthFailed):
            for connection in self.signed_in_by:
                signed_in.note_refused(self.journey.run.department_id, connection, error.message)

    @cached_property
    def files(self) -> StepFiles:
        return StepFiles(self.journey)

    @cached_property
    def documents(self) -> StepDocuments:
        return StepDocuments(self.files)

    def take_new(self, source: str, keys: Sequence[str], most: int) -> Sequence[str]:
        try:
            return self._taker(source).take(keys, most)
        finally:
            release()

    def give_back(self, source: str, keys: Sequence[str]) -> None:
        self._taker(source).give_back(keys)
        release()

    def _taker(self, source: str) -> Taker:
        return Taker(self.journey.run, self.path, self.at.step_id, source)

    def render(self, value: Any, **names: Any) -> Any:
        return params.render(value, self._scope(value, names))

    def holds(self, condition: Any, **names: Any) -> bool:
        return conditions.holds(condition, self._scope(condition, names))

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def _scope(self, value: Any, names: Mapping[str, Any]) -> dict[str, Any]:
        return {**values.scope(self.journey, self.at.path, params.references(value)), **self.names, **names}


def _arm(arm: Arm) -> Mapping[str, Any]:
    tool = arm.tool.model_dump(mode="json") if arm.tool else None
    return {"title": arm.title, "tool": tool, "last": arm.steps[-1].id if arm.steps else ""}


@dataclass(frozen=True, slots=True)
class StepFiles:
    """Files of the run's department and no other."""

    journey: Journey

    def read(self, ref: FileRef) -> bytes:
        stored = files.find(self.journey.run.department_id, ref)
        try:
            return files.read(stored)
        finally:
            release()

    def save(self, name: str, content: bytes, type: str) -> FileRef:
        run = self.journey.run
        stored = files.save(run.department_id, name, content, type, run_id=run.pk, created_by=run.workflow.name)
        release()
        return files.reference(stored)


@dataclass(frozen=True, slots=True)
class StepDocuments:
    """Office documents, read in a throw-away process."""

    files: Files

    def read(self, ref: FileRef) -> ReadDocument:
        return read_document(self.files.read(ref), ref.name)

    def feed(self, response: Response) -> ReadFeed:
        return read_feed(response)

    def page(self, response: Response, *, whole: bool = False) -> ReadPage:
        return read_page(response, whole=whole)

    def write(self, form: str, title: str, content: Any) -> bytes:
        # 10 MiB of libraries that web and scheduler never need.
        from connectors.documents.writing import write_document

        return write_document(form, title, content)
