"""Case R13: anything that may happen to runs, in any order, against the reference model.

Workers are threads over the real engine and the real tables; messages lie in a list that the machine delivers, doubles,
loses and reorders. TANDEM_MODEL_STEPS says how many steps to go (`manage.py test --chaos` asks for 20,000).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from departments.access import SYSTEM
from tests import factories
from tests.faults import reference
from tests.faults.gates import VERDICTS, AnyDeed, Worker
from tests.faults.invariants import check_invariants
from tests.faults.reference import ASKS, OVER, SLEEPS, SPAWNS, Leaf
from tests.steps import probes
from tests.workflows.runtime.harness import published
from workflows.models import Run, StepRun, Task, Workflow
from workflows.runtime import heartbeat, limits, queue, sweeping
from workflows.services.refusals import Conflict
from workflows.services.runs import cancel_run, resume_run, retry_run, start_run
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = int(os.environ.get("TANDEM_MODEL_STEPS", "400"))
STEPS_PER_EXAMPLE = 50
LEAVES = ("probe.keyed", "probe.unsafe", ASKS, SLEEPS, SPAWNS)
RESTING = (ASKS, SLEEPS, SPAWNS)
pick = st.integers(0, 1_000)

Name = tuple[int | str, ...]
"""What a run or a step is called the next time as well: the number of its run, paths and numbers of items."""
Message = tuple[queue.Kind, UUID]


AT_ONCE = {"attempts": 3, "first_delay_s": 0, "longest_s": 0}
LATER = {"attempts": 2, "first_delay_s": 3_600, "longest_s": 3_600}


def probe(id: str, kind: str = "probe.keyed", **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "retry": LATER, **rest}


def unsafe(id: str, **rest: Any) -> dict[str, Any]:
    return probe(id, "probe.unsafe", **rest)


def asks(id: str) -> dict[str, Any]:
    return {"id": id, "kind": ASKS, "with": {"question": "May it?"}}


def sleeps(id: str) -> dict[str, Any]:
    return {"id": id, "kind": SLEEPS, "with": {"for_s": 3_600}}


def each(id: str, *steps: dict[str, Any], concurrency: int = 2) -> dict[str, Any]:
    return {
        "id": id,
        "kind": SPAWNS,
        "with": {"items": [1, 2, 3], "concurrency": concurrency},
        "steps": [*steps],
    }


def both(id: str, *arms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": id, "kind": "flow.parallel", "arms": [{"steps": arm} for arm in arms]}


def attempt(id: str, *steps: dict[str, Any], rescue: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": id, "kind": "flow.attempt", "steps": [*steps], "rescue": rescue}


def branch(id: str, *cases: list[dict[str, Any]]) -> dict[str, Any]:
    ways = [
        {"when": {"value": "{{ inputs.way }}", "is": "equal", "to": way}, "steps": case}
        for way, case in enumerate(cases)
    ]
    return {"id": id, "kind": "flow.branch", "cases": ways}


SHAPES: tuple[list[dict[str, Any]], ...] = (
    [probe("a", retry=AT_ONCE), unsafe("b"), probe("c")],
    [both("p", [probe("a"), unsafe("b")], [asks("c")], [sleeps("d"), probe("e")]), probe("f")],
    [attempt("t", probe("a"), both("p", [unsafe("b")], [asks("c")]), rescue=[probe("d")]), asks("e"), probe("f")],
    [each("g", probe("a"), unsafe("b")), probe("c", on_error="continue"), sleeps("d")],
    [
        branch("w", [asks("a"), probe("b")], [sleeps("c"), each("g", sleeps("d"), probe("e"), concurrency=1)]),
        unsafe("f"),
    ],
    [attempt("t", both("p", [each("g", asks("a"), probe("b"))], [probe("c")]), rescue=[probe("d")]), probe("e")],
)


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


class Engine(RuleBasedStateMachine):
    """The rules are what the world may do; after each the tables must be what the reference says."""

    workflows: list[Workflow]

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

    # What people and other systems do -------------------------------------------------------------------------------

    @initialize(shape=pick, way=st.integers(0, 1))
    def one_run(self, shape: int, way: int) -> None:
        self.start(shape, way)

    @precondition(lambda self: len(self.roots) < 3)
    @rule(shape=pick, way=st.integers(0, 1))
    def start(self, shape: int, way: int) -> None:
        number = shape % len(SHAPES)
        run = start_run(self.workflows[number], inputs={"way": way}, actor=SYSTEM)
        self.runs[run.pk] = reference.Run(SHAPES[number], way)
        self.names[run.pk] = (len(self.roots),)
        self.roots.append(run.pk)
        self._observe()

    @rule(which=pick, changes_mind=st.sampled_from([True] * 3 + [False]))
    def cancel(self, which: int, changes_mind: bool) -> None:
        if changes_mind:
            return
        id, known = chosen(list(self.runs.items()), which)
        may = known.status not in OVER and id in self.roots
        self._expect(may, lambda: cancel_run(Run.objects.get(pk=id), actor=SYSTEM))
        if may:
            known.cancel()

    @precondition(lambda self: any(run.status == "failed" or run.has_parked for run in self.runs.values()))
    @rule(which=pick, verb=st.sampled_from([retry_run, resume_run]))
    def go_on(self, which: int, verb: Callable[..., Run]) -> None:
        id = chosen(self.roots, which)
        known = self.runs[id]
        may = known.status == "failed" or (known.status not in OVER and known.has_parked)
        before = self._unsafe_leaves()
        self._expect(may, lambda: verb(Run.objects.get(pk=id), actor=SYSTEM))
        if may:
            known.reopen()
            self.allowed_again += [key for key, leaf in before if leaf.status == "ready"]

    @precondition(lambda self: Task.objects.exists())
    @rule(which=pick, decision=st.sampled_from(["approve", "reject"]))
    def decide(self, which: int, decision: str) -> None:
        task = chosen(sorted(Task.objects.all(), key=self._name_of_task), which)
        leaf = self._leaf(task.step_id)[1]
        is_open = task.status == "open"
        if is_open:
            assert (leaf.status, leaf.woken) == ("waiting", ""), "a task is open that nobody waits for"
        self._expect(is_open, lambda: decide_task(task, actor=SYSTEM, decision=decision, reason="Because."))
        if is_open:
            leaf.status, leaf.woken, leaf.is_due = "ready", decision, True

    # What the machine does ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.messages)
    @rule(which=pick, keep=st.booleans())
    def deliver(self, which: int, keep: bool) -> None:
        """Any message, in any order, once or again."""
        index = which % len(self.messages)
        self._look(*(self.messages[index] if keep else self.messages.pop(index)))

    @rule(which=pick)
    def stray(self, which: int) -> None:
        """A word about any run or step in any state: one that was doubled, or late by an hour."""
        steps = StepRun.objects.filter(kind__in=LEAVES).values_list("pk", flat=True)
        known: list[Message] = [*(("run", id) for id in self.runs), *(("step", id) for id in steps)]
        self._look(*chosen(sorted(known, key=self._name_of_message), which))

    @precondition(lambda self: self.messages)
    @rule(which=pick)
    def lose_message(self, which: int) -> None:
        self.messages.pop(which % len(self.messages))

    @precondition(lambda self: self._standing("before"))
    @rule(which=pick)
    def send(self, which: int) -> None:
        worker = chosen(self._standing("before"), which)
        leaf = self._leaf_of(worker)
        holds, path = leaf.token == worker.token, worker.path
        worker.go("send")
        if leaf.node["kind"] == "probe.unsafe":
            assert worker.stage == ("after" if holds else ""), "an effect goes out only under a claim that holds"
            leaf.announced = leaf.announced or holds
        if worker.stage == "after":
            self.sent.append((worker.run_id, path))
        self._observe()

    @precondition(lambda self: self._standing("after"))
    @rule(which=pick, verdict=st.sampled_from(["done", *VERDICTS]))
    def answer(self, which: int, verdict: str) -> None:
        worker = chosen(self._standing("after"), which)
        run, leaf, path = self.runs[worker.run_id], self._leaf_of(worker), worker.path
        holds = leaf.token == worker.token
        if verdict == "unavailable":
            self.sent.remove((worker.run_id, path))
        worker.go(verdict)
        if holds:
            leaf.end_attempt(verdict)
            run.status = "open"
            run.advance()
        self._observe()

    @precondition(lambda self: any(worker.stage for worker in self.workers))
    @rule(which=pick)
    def kill(self, which: int) -> None:
        chosen([worker for worker in self.workers if worker.stage], which).vanish()

    @precondition(lambda self: any(worker.token for worker in self.workers))
    @rule(which=pick)
    def beat(self, which: int) -> None:
        worker = chosen([worker for worker in self.workers if worker.token], which)
        leaf = self._leaf_of(worker)
        holds = leaf.token == worker.token
        assert heartbeat.renew([worker.token]) == ({worker.token} if holds else set())
        if holds:
            leaf.lease_is_over = False

    @precondition(lambda self: self._claimed())
    @rule(which=pick)
    def lease_ends(self, which: int) -> None:
        leaf = chosen(self._claimed(), which)
        _move(StepRun.objects.filter(claim_token=leaf.token), "lease_until")
        leaf.lease_is_over = True

    @precondition(lambda self: self._timers())
    @rule(which=pick)
    def timer_is_due(self, which: int) -> None:
        id, path, leaf = chosen(self._timers(), which)
        _move(StepRun.objects.filter(run_id=id, path=path), "wake_at" if leaf.status == "waiting" else "run_after")
        leaf.is_due = True

    @rule(forgets=st.booleans())
    def sweep(self, forgets: bool) -> None:
        """The scheduler's round; `forgets`: what was handed out before counts as lost."""
        tray = Tray()
        with patch.object(limits, "FORGOTTEN", timedelta(0 if forgets else 1)):
            sweeping.sweep(tray)
        self.messages += sorted(tray.messages, key=self._name_of_message)
        for _, _, leaf in self._leaves():
            if leaf.status == "running" and leaf.lease_is_over:
                leaf.lose_worker()
            elif leaf.status == "waiting" and leaf.is_due and leaf.node["kind"] == SLEEPS:
                leaf.status, leaf.woken = "ready", "timer"
        self._observe()

    @rule(which=pick, times=st.integers(1, 8), verdict=st.sampled_from(["done", "done", "rejected"]))
    def work_on(self, which: int, times: int, verdict: str) -> None:
        """An ordinary stretch: what stands is sent and answered, then messages are taken in their order."""
        for turn in range(times):
            if self._standing("after"):
                self.answer(which, verdict if turn == times - 1 else "done")
            elif self._standing("before"):
                self.send(which)
            elif self.messages:
                self.deliver(0, keep=False)
            elif sleeping := self._timers():
                self.timer_is_due(which % len(sleeping))
                self.sweep(forgets=True)
            else:
                self.sweep(forgets=True)

    # What must be so ------------------------------------------------------------------------------------------------

    @invariant()
    def the_tables_are_what_the_reference_says(self) -> None:
        found = {run.pk: run for run in Run.objects.all()}
        for id, known in self.runs.items():
            allowed = ("running", "waiting", "queued") if known.status in ("open", "queued") else (known.status,)
            assert found[id].status in allowed, f"run {id} is {found[id].status}, not {known.status}"
        wanted, there = (
            {(id, path): (leaf.status, leaf.token) for id, path, leaf in self._leaves()},
            self._found_leaves(),
        )
        differing = [key for key in {*wanted, *there} if wanted.get(key) != there.get(key)]
        assert not differing, [f"{key} is {there.get(key)}, not {wanted.get(key)}" for key in differing]
        asked = {
            (id, path) for id, path, leaf in self._leaves() if leaf.node["kind"] == ASKS and leaf.status == "waiting"
        }
        opened = list(Task.objects.filter(status="open").values_list("run_id", "step__path"))
        assert (len(opened), set(opened)) == (len(asked), asked)

    @invariant()
    def items_keep_to_their_number(self) -> None:
        for _, _, leaf in self._leaves():
            under_way = [child for child in leaf.children if child.status == "open"]
            assert len(under_way) <= leaf.node["with"]["concurrency"] if leaf.children else True

    @invariant()
    def what_may_happen_once_happens_once(self) -> None:
        for key in set(self.sent):
            if self.runs[key[0]].leaves[key[1]].node["kind"] == "probe.unsafe":
                assert self.sent.count(key) <= 1 + self.allowed_again.count(key), f"{key} was sent twice"

    # How the machine follows what it did ----------------------------------------------------------------------------

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
            "ALTER TABLE audit_entry DISABLE TRIGGER ledger_keeps_table; TRUNCATE workflows_run, audit_entry CASCADE;"
            " ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER ledger_keeps_table"
        )


def _move(rows: Any, column: str) -> None:
    """Move a moment into the past."""
    rows.update(**{column: "2020-01-01T00:00:00Z"})


@pytest.mark.timeout(300 + STEPS)
def test_any_order_of_events_leaves_the_tables_as_the_reference_has_them() -> None:
    """R13"""
    department = factories.make_department()
    Engine.workflows = [
        published(shape, department, name=f"Shape {number}", inputs={"way": {"type": "number"}})
        for number, shape in enumerate(SHAPES)
    ]

    run_state_machine_as_test(
        Engine,
        settings=settings(
            max_examples=max(1, STEPS // STEPS_PER_EXAMPLE),
            stateful_step_count=STEPS_PER_EXAMPLE,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
