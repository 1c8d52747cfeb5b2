"""How the state machine of case R13 follows the engine: who holds what, what has begun, what waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection
from hypothesis.stateful import RuleBasedStateMachine

from tests.faults import reference
from tests.faults.gates import AnyDeed, Worker
from tests.faults.invariants import check_invariants
from tests.faults.reference import ASKS, SLEEPS, SPAWNS, Leaf
from tests.steps import probes
from workflows.models import Run, StepRun, Task
from workflows.runtime import heartbeat, limits, queue
from workflows.services.refusals import Conflict

LEAVES = ("probe.keyed", "probe.unsafe", ASKS, SLEEPS, SPAWNS)
RESTING = (ASKS, SLEEPS, SPAWNS)

Name = tuple[int | str, ...]
"""What a run or a step is called the next time as well: the number of its run, paths and numbers of items."""
Message = tuple[queue.Kind, UUID]


class Tray:
    """The scheduler's hands: whatever it finds is laid down as a message."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def tell(self, kind: queue.Kind, id: UUID, priority: int) -> bool:
        return self.do(kind, id)

    def do(self, kind: queue.Kind, id: UUID) -> bool:
        self.messages.append((kind, id))
        return True

    def places(self) -> int:
        return limits.SWEEP_BATCH


class Followed(RuleBasedStateMachine):
    """The engine with its workers and messages in the machine's hand, and what the reference knows of each run."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []
        self.workers: list[Worker] = []
        self.runs: dict[UUID, reference.Run] = {}
        self.roots: list[UUID] = []
        self.names: dict[UUID, Name] = {}
        self.sent: list[tuple[UUID, str]] = []
        self.allowed_again: list[tuple[UUID, str]] = []
        self.patches = ExitStack()
        self.patches.enter_context(patch.object(queue, "publish", self._publish))
        self.patches.enter_context(patch.object(probes, "DEEDS", AnyDeed()))
        self.patches.enter_context(patch.object(heartbeat, "HEART", heartbeat.Heart()))
        self.patches.enter_context(patch.object(limits, "HEARTBEAT_S", 86_400))
        self.patches.enter_context(patch.object(limits, "LEASE", timedelta(days=1)))

    def teardown(self) -> None:
        try:
            for worker in self.workers:
                worker.vanish()
            assert check_invariants(lease=limits.LEASE) == []
        finally:
            self.patches.close()
            empty()

    def _publish(self, kind: queue.Kind, ids: list[UUID], priority: int) -> bool:
        self.messages += sorted([(kind, id) for id in ids], key=self._name_of_message)
        return True

    # Names: a failing example must be the same when it is tried again, and ids are not.

    def _name_of_message(self, message: Message) -> Name:
        kind, id = message
        if kind == "run":
            return self._name_of_run(id)
        run_id, path = StepRun.objects.values_list("run_id", "path").get(pk=id)
        return (*self._name_of_run(run_id), path)

    def _name_of_run(self, id: UUID) -> Name:
        if id not in self.names:
            facts = Run.objects.values_list("parent_id", "parent_step__path", "item_index")
            parent, path, index = facts.get(pk=id)
            self.names[id] = (*self._name_of_run(parent), path, index) if parent else ()
        return self.names[id]

    def _name_of_task(self, task: Task) -> Name:
        asked_before = Task.objects.filter(step=task.step_id, pk__lt=task.pk).count()
        return (*self._name_of_message(("step", task.step_id)), asked_before)

    def _look(self, kind: queue.Kind, id: UUID) -> None:
        claimable = self._foresee(kind, id)
        worker = Worker(kind, id)
        self.workers.append(worker)
        worker.begin()
        self._observe()
        if claimable is not None:
            assert claimable.token == worker.token is not None, "a look at a ready step claims it"
        if kind == "run" and id in self.runs:
            assert self.runs[id].status != "queued" or self.runs[id].held, "a look at a queued run begins it"

    def _foresee(self, kind: queue.Kind, id: UUID) -> Leaf | None:
        """What a look makes of a step that has no gate; the leaf that it must claim, if it has one."""
        if kind == "run" or not StepRun.objects.filter(pk=id).exists():
            return None
        run, leaf = self._leaf(id)
        if leaf.status != "ready" or not leaf.is_due:
            return None
        if leaf.node["kind"].startswith("probe."):
            return leaf
        if leaf.woken:
            leaf.end_attempt("rejected" if leaf.woken == "reject" else "done")
        else:
            run.rest(leaf)
        run.status = "open"
        run.advance()
        return None

    def _observe(self) -> None:
        """Learn which runs have begun and who holds what; the reference says whether that may be."""
        while news := [*self._begun(), *self._resting()]:
            for run in news:
                run.advance()
        for worker in self.workers:
            if worker.stage == "before" and worker.token is None:
                self._note_claim(worker)

    def _begun(self) -> list[reference.Run]:
        """Runs that are no longer queued."""
        self._meet_children()
        ids = Run.objects.filter(pk__in=self.runs).exclude(status="queued").values_list("pk", flat=True)
        begun = [self.runs[id] for id in ids if self.runs[id].status == "queued"]
        for run in begun:
            assert not run.held, "an item began before its turn"
            run.status = "open"
        return begun

    def _resting(self) -> list[reference.Run]:
        """Runs in which a step has begun to wait: whoever comes to it may do that, or leave it to the next one."""
        found = []
        for id, path in StepRun.objects.filter(kind__in=RESTING, status="waiting").values_list("run_id", "path"):
            leaf = self.runs[id].leaves.get(path) if id in self.runs else None
            if leaf is not None and (leaf.status, leaf.woken) == ("ready", ""):
                self.runs[id].rest(leaf)
                found.append(self.runs[id])
        return found

    def _note_claim(self, worker: Worker) -> None:
        leaf = self._leaf_of(worker)
        assert (leaf.status, leaf.is_due) == ("ready", True), f"{worker.path} was claimed while {leaf.status}"
        row = StepRun.objects.get(run_id=worker.run_id, path=worker.path)
        worker.token = leaf.token = row.claim_token
        leaf.status, leaf.lease_is_over = "running", False
        leaf.claims += 1

    def _meet_children(self) -> None:
        rows = Run.objects.filter(parent_step__isnull=False).exclude(pk__in=self.runs)
        facts = rows.values_list("pk", "parent_id", "parent_step__path", "item_index")
        for id, parent, path, index in sorted(facts, key=lambda fact: self._name_of_run(fact[0])):
            around = self.runs[parent].leaves.get(path) if parent in self.runs else None
            if around is not None and around.children:
                self.runs[id] = around.children[index]

    def _expect(self, may: bool, deed: Callable[[], Any]) -> None:
        if may:
            deed()
        else:
            with pytest.raises(Conflict):
                deed()

    def _leaves(self) -> Iterator[tuple[UUID, str, Leaf]]:
        for id, run in self.runs.items():
            for path, leaf in run.leaves.items():
                yield id, path, leaf

    def _found_leaves(self) -> dict[tuple[UUID, str], tuple[str, UUID | None]]:
        rows = StepRun.objects.filter(kind__in=LEAVES).values_list("run_id", "path", "status", "claim_token")
        return {(id, path): (status, token) for id, path, status, token in rows}

    def _unsafe_leaves(self) -> list[tuple[tuple[UUID, str], Leaf]]:
        return [
            ((id, path), leaf)
            for id, path, leaf in self._leaves()
            if leaf.node["kind"] == "probe.unsafe" and leaf.status in ("parked", "failed", "cancelled")
        ]

    def _leaf(self, step_run_id: UUID) -> tuple[reference.Run, Leaf]:
        id, path = StepRun.objects.values_list("run_id", "path").get(pk=step_run_id)
        return self.runs[id], self.runs[id].leaves[path]

    def _leaf_of(self, worker: Worker) -> Leaf:
        return self.runs[worker.run_id].leaves[worker.path]

    def _standing(self, stage: str) -> list[Worker]:
        return [worker for worker in self.workers if worker.stage == stage]

    def _claimed(self) -> list[Leaf]:
        return [leaf for _, _, leaf in self._leaves() if leaf.status == "running"]

    def _timers(self) -> list[tuple[UUID, str, Leaf]]:
        return [
            (id, path, leaf)
            for id, path, leaf in self._leaves()
            if not leaf.is_due
            and not self.runs[id].held
            and (leaf.status == "ready" or (leaf.status == "waiting" and leaf.node["kind"] == SLEEPS))
        ]


def chosen(things: list[Any], which: int) -> Any:
    return things[which % len(things)]


def empty() -> None:
    """Forget all runs, and what the ledger says of them (see tests/emptying.py)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE audit_entry DISABLE TRIGGER ledger_keeps_table;"
            " TRUNCATE workflows_run, audit_entry, audit_counter, audit_unsealed CASCADE;"
            " ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER ledger_keeps_table"
        )


def move(rows: Any, column: str) -> None:
    """Move a moment into the past."""
    rows.update(**{column: "2020-01-01T00:00:00Z"})
