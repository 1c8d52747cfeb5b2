"""The planner over random trees: every run ends, nothing begins twice, and asking again says nothing new."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.engine.definition import Arm, Case, Definition, Node
from workflows.engine.plan import Begin, Finish, Wake, plan
from workflows.engine.state import Seen
from workflows.engine.tree import Tree

CONTAINERS = ("flow.branch", "flow.parallel", "flow.loop", "flow.attempt")


class Names:
    def __init__(self) -> None:
        self.last = 0

    def fresh(self) -> str:
        self.last += 1
        return f"s{self.last}"


def random_sequence(dice: random.Random, names: Names, depth: int) -> list[Node]:
    return [random_node(dice, names, depth) for _ in range(dice.randint(0 if depth else 1, 4))]


def random_node(dice: random.Random, names: Names, depth: int) -> Node:
    kind = dice.choice(CONTAINERS) if depth < 4 and dice.random() < 0.4 else "step"
    id = names.fresh()
    if kind == "flow.branch":
        cases = [Case(when={}, steps=random_sequence(dice, names, depth + 1)) for _ in range(dice.randint(1, 3))]
        return Node(id=id, kind=kind, cases=cases, otherwise=random_sequence(dice, names, depth + 1))
    if kind == "flow.parallel":
        return Node(id=id, kind=kind, arms=[Arm(steps=random_sequence(dice, names, depth + 1)) for _ in range(3)])
    if kind == "flow.loop":
        return Node(id=id, kind=kind, steps=random_sequence(dice, names, depth + 1))
    if kind == "flow.attempt":
        steps, rescue = random_sequence(dice, names, depth + 1), random_sequence(dice, names, depth + 1)
        return Node(id=id, kind=kind, steps=steps, rescue=rescue)
    return Node(id=id, kind=kind)


@dataclass
class Machine:
    """Does what the planner says in a random order, as workers would."""

    tree: Tree
    dice: random.Random
    state: dict[str, Seen] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    ended: Finish | None = None

    def obey_all(self) -> None:
        commands = plan(self.tree, self.state)
        for command in commands:
            self.obey(command)
        if self.ended is None:
            assert plan(self.tree, self.state) == [], "planning again said something new"

    def obey(self, command: Begin | Wake | Finish) -> None:
        match command:
            case Begin(path=path):
                assert path not in self.state
                self.begun.append(path)
                self.state[path] = Seen("ready")
            case Wake(path=path, failed=failed):
                assert self.state[path].status == "inside"
                before = self.state[path]
                self.state[path] = Seen("ready", before.arms, before.round, catches=bool(failed))
                if failed:
                    self.drop_inside(path)
            case Finish():
                self.ended = command

    def drop_inside(self, path: str) -> None:
        for other, seen in self.state.items():
            if other.startswith(path + "/") and seen.status in ("ready", "inside"):
                self.state[other] = Seen("cancelled")

    def end_some_step(self) -> None:
        path = self.dice.choice([path for path, seen in self.state.items() if seen.status == "ready"])
        node = self.tree.node(path.rpartition("/")[2])
        seen = self.state[path]
        self.state[path] = self.after(node, seen)

    def after(self, node: Node, seen: Seen) -> Seen:
        arms = [arm for arm, _ in node.sequences()]
        fails = self.dice.random() < 0.1
        match node.kind:
            case "flow.branch" if not seen.arms:
                return Seen("inside", (self.dice.choice(arms),))
            case "flow.parallel" if not seen.arms:
                return Seen("inside", tuple(arms))
            case "flow.loop" if seen.round < 3:
                return Seen("inside", ("steps",), seen.round + 1)
            case "flow.attempt" if not seen.arms:
                return Seen("inside", ("steps",), catches=True)
            case "flow.attempt" if seen.catches and seen.arms == ("steps",):
                return Seen("inside", ("rescue",))
            case "step" if fails:
                return Seen("failed", tolerated=self.dice.random() < 0.3)
        return Seen("succeeded", seen.arms, seen.round)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=400, deadline=None)
def test_every_run_ends_and_nothing_begins_twice(seed: int) -> None:
    dice = random.Random(seed)
    tree = Tree(Definition(name="Any", steps=random_sequence(dice, Names(), 0)))
    machine = Machine(tree, dice)

    machine.obey_all()
    for _ in range(5_000):
        if machine.ended:
            break
        machine.end_some_step()
        machine.obey_all()

    assert machine.ended is not None
    assert len(machine.begun) == len(set(machine.begun))
    if not machine.ended.failed:
        assert not [path for path, seen in machine.state.items() if seen.status in ("ready", "inside")]
    else:
        assert machine.state[machine.ended.failed].status == "failed"


def test_a_finished_run_is_not_begun_anew_when_a_step_was_added_before_a_finished_one() -> None:
    tree = Tree(
        Definition(
            name="Any", steps=[Node(id="a", kind="step"), Node(id="added", kind="step"), Node(id="b", kind="step")]
        )
    )

    commands = plan(tree, {"a": Seen("succeeded"), "b": Seen("succeeded")})

    assert [command.path for command in commands if isinstance(command, Begin)] == ["added"]
