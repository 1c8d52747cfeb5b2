"""The reference model of case R13: what a run must look like, worked out anew from what was done to its steps.

It knows trees, claims and children, and nothing of transactions, messages or tables. Statuses are the engine's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

OVER = frozenset({"succeeded", "failed", "cancelled"})
ASKS, SLEEPS, SPAWNS = "people.approve", "flow.wait", "flow.for_each"
MOST_CLAIMS = 5


@dataclass
class Leaf:
    """A step that reaches outside, waits, or has children. `woken`: what it was told while it waited."""

    node: dict[str, Any]
    status: str = "ready"
    token: UUID | None = None
    lease_is_over: bool = False
    announced: bool = False
    is_due: bool = True
    woken: str = ""
    attempts: int = 0
    claims: int = 0
    children: list[Run] = field(default_factory=list)

    def end_attempt(self, verdict: str) -> None:
        """`verdict`: done, unavailable (may pass), cut (may have happened, may pass) or rejected (final)."""
        self.attempts += 1
        retry = self.node.get("retry", {})
        may_pass = verdict in ("unavailable", "cut") and self.attempts < retry["attempts"]
        self.status = "succeeded" if verdict == "done" else "ready" if may_pass else "failed"
        self.is_due = not may_pass or retry["first_delay_s"] == 0
        if verdict == "cut" and self.announced:
            self.status, self.is_due = "parked", True
        self.token, self.claims, self.announced, self.woken = None, 0, False, ""
        self.lease_is_over = False

    def lose_worker(self) -> None:
        self.status = "parked" if self.announced or self.claims >= MOST_CLAIMS else "ready"
        self.token, self.lease_is_over = None, False

    def drop(self) -> None:
        if self.status not in OVER:
            self.status, self.token = "cancelled", None
        for child in self.children:
            child.cancel()

    def reopen(self) -> None:
        """Ready again; of children those that failed or were dropped, first those that had begun."""
        self.status, self.is_due, self.woken, self.claims, self.announced = "ready", True, "", 0, False
        if self.children:
            self.status = "waiting"
        stopped = [child for child in self.children if child.status in ("failed", "cancelled")]
        for index, child in enumerate(sorted(stopped, key=Run.is_unbegun)):
            child.reopen(held=index >= self.node["with"]["concurrency"])


@dataclass
class Run:
    """`taken`: the way that its branches take. `rescuing`: attempts that have caught a failure."""

    steps: list[dict[str, Any]]
    taken: int = 0
    around: Leaf | None = None
    owner: Run | None = None
    held: bool = False
    status: str = "queued"
    leaves: dict[str, Leaf] = field(default_factory=dict)
    rescuing: set[str] = field(default_factory=set)

    def family(self) -> Iterator[Run]:
        yield self
        for leaf in self.leaves.values():
            for child in leaf.children:
                yield from child.family()

    def is_unbegun(self) -> bool:
        return not self.leaves

    def advance(self) -> None:
        if self.status == "open" and (end := self._walk(self.steps, "")):
            self.close(end)

    def rest(self, leaf: Leaf) -> None:
        """The step has begun to wait: for a time, for a person, or for its children."""
        leaf.status, leaf.is_due, given = "waiting", False, leaf.node.get("with", {})
        if leaf.node["kind"] == SPAWNS and not leaf.children:
            leaf.children = [
                Run(leaf.node["steps"], self.taken, leaf, self, held=index >= given["concurrency"])
                for index, _ in enumerate(given["items"])
            ]

    def close(self, status: str) -> None:
        self.status, self.held = status, False
        for leaf in self.leaves.values():
            leaf.drop()
        if self.around is not None and self.owner is not None:
            self._let_the_next_begin(self.around)
            self.owner.advance()

    def cancel(self) -> None:
        if self.status not in OVER:
            self.status, self.held = "cancelled", False
            for leaf in self.leaves.values():
                leaf.drop()

    def reopen(self, held: bool = False) -> None:
        was_over, self.status, self.held = self.status in OVER, "queued", held
        for path, leaf in self.leaves.items():
            caught = any(path.startswith(f"{attempt}/steps/") for attempt in self.rescuing)
            stopped = was_over and not caught and leaf.node.get("on_error") != "continue"
            if leaf.status == "parked" or (stopped and leaf.status in ("failed", "cancelled")):
                leaf.reopen()
                leaf.is_due = not held
            else:
                for child in leaf.children:
                    if child.status not in OVER and child.has_parked:
                        child.reopen()

    @property
    def has_parked(self) -> bool:
        return any(leaf.status == "parked" for run in self.family() for leaf in run.leaves.values())

    def _let_the_next_begin(self, around: Leaf) -> None:
        waiting = [child for child in around.children if child.held]
        if self.status == "failed":
            for child in waiting:
                child.cancel()
        elif waiting:
            waiting[0].held = False
            for leaf in waiting[0].leaves.values():
                leaf.is_due = leaf.is_due or leaf.status == "ready"

    def _walk(self, sequence: list[dict[str, Any]], prefix: str) -> str:
        """How the sequence ended: succeeded, failed, or nothing yet. Brings up the leaves that come next."""
        for node in sequence:
            end = self._end_of(node, prefix + node["id"])
            if end != "succeeded" and not (end == "failed" and node.get("on_error") == "continue"):
                return end
        return "succeeded"

    def _end_of(self, node: dict[str, Any], path: str) -> str:
        match node["kind"]:
            case "flow.parallel":
                ends = [self._walk(arm["steps"], f"{path}/arms.{n}/") for n, arm in enumerate(node["arms"])]
                return "failed" if "failed" in ends else "" if "" in ends else "succeeded"
            case "flow.branch":
                return self._walk(node["cases"][self.taken]["steps"], f"{path}/cases.{self.taken}/")
            case "flow.attempt":
                return self._attempt(node, path)
        leaf = self.leaves.setdefault(path, Leaf(node))
        if leaf.children and leaf.status == "waiting" and all(child.status in OVER for child in leaf.children):
            leaf.status = "succeeded" if all(child.status == "succeeded" for child in leaf.children) else "failed"
        return leaf.status if leaf.status in ("succeeded", "failed") else ""

    def _attempt(self, node: dict[str, Any], path: str) -> str:
        if path not in self.rescuing:
            end = self._walk(node["steps"], f"{path}/steps/")
            if end != "failed":
                return end
            self.rescuing.add(path)
            for inside, leaf in self.leaves.items():
                if inside.startswith(f"{path}/steps/"):
                    leaf.drop()
        return self._walk(node["rescue"], f"{path}/rescue/")
