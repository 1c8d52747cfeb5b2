"""Case R13: anything that may happen to runs, in any order, against the reference model.

Workers are threads over the real engine and the real tables; messages lie in a list that the machine delivers, doubles,
loses and reorders. TANDEM_MODEL_STEPS says how many steps to go (`manage.py test --chaos` asks for 20,000).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from departments.access import SYSTEM
from tests import factories
from tests.faults import reference
from tests.faults.following import LEAVES, Followed, Message, Tray, chosen, move
from tests.faults.gates import VERDICTS
from tests.faults.reference import ASKS, OVER, SLEEPS
from tests.faults.shapes import SHAPES
from tests.workflows.runtime.harness import published
from workflows.models import Run, StepRun, Task, Workflow
from workflows.runtime import heartbeat, limits, sweeping
from workflows.services.runs import cancel_run, resume_run, retry_run, start_run
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = int(os.environ.get("TANDEM_MODEL_STEPS", "400"))
STEPS_PER_EXAMPLE = 50
pick = st.integers(0, 1_000)


class Engine(Followed):
    """The rules are what the world may do; after each the tables must be what the reference says."""

    workflows: list[Workflow]

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
        if task.kind == "resolve":
            self._look_at_the_other_side(task, leaf, is_open)
            return
        if is_open:
            assert (leaf.status, leaf.woken) == ("waiting", ""), "a task is open that nobody waits for"
        self._expect(is_open, lambda: decide_task(task, actor=SYSTEM, decision=decision, reason="Because."))
        if is_open:
            leaf.status, leaf.woken, leaf.is_due = "ready", decision, True

    def _look_at_the_other_side(self, task: Task, leaf: reference.Leaf, is_open: bool) -> None:
        """A person has seen that nothing arrived, and lets the parked step be done with all its tries."""
        if is_open:
            assert leaf.status == "parked", "a person is asked about a step that nobody put aside"
        self._expect(is_open, lambda: decide_task(task, actor=SYSTEM, decision="again", reason="Nothing arrived."))
        if is_open:
            leaf.reopen()
            leaf.attempts = 0
            self.allowed_again.append((task.run_id, task.step.path))

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
        move(StepRun.objects.filter(claim_token=leaf.token), "lease_until")
        leaf.lease_is_over = True

    @precondition(lambda self: self._timers())
    @rule(which=pick)
    def timer_is_due(self, which: int) -> None:
        id, path, leaf = chosen(self._timers(), which)
        move(StepRun.objects.filter(run_id=id, path=path), "wake_at" if leaf.status == "waiting" else "run_after")
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

    @rule(which=pick, times=st.integers(1, 8), verdict=st.sampled_from(["done", *VERDICTS]))
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
        asked = {(id, path) for id, path, leaf in self._leaves() if _asks(leaf)}
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


def _asks(leaf: reference.Leaf) -> bool:
    """Whether a person is asked: by the step, or about one that was put aside."""
    return leaf.status == "parked" or (leaf.node["kind"] == ASKS and leaf.status == "waiting")


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
