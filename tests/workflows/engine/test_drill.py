"""What happens at each AI step when its model is away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.engine.edits.drawing import KINDS, branch, each, loaded, say
from workflows.engine.drill import STARTER, drill


def write(id: str = "write", **rest: Any) -> dict[str, Any]:
    return {"id": id, "kind": "ai.write", "title": id.capitalize(), "with": {"instructions": "x"}, **rest}


def attempt(*steps: dict[str, Any], rescue: list[dict[str, Any]] | None = None, **rest: Any) -> dict[str, Any]:
    held = {} if rescue is None else {"rescue": rescue}
    return {"id": "try", "kind": "flow.attempt", "title": "Try it", "steps": list(steps), **held, **rest}


def told(*steps: dict[str, Any], away: tuple[str, ...] = ("",)) -> list[tuple[str, str]]:
    found = drill(loaded(*steps), KINDS, lambda model: model in away)
    return [(each.step, each.said) for each in found]


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (write(), "the run stops here"),
        (write(on_error="continue"), "the run goes on without its result"),
        (write(on_error="ask"), "whoever started the run carries on by hand"),
        (write(on_error="ask", helper={"role": "operator"}), "an operator carries on by hand"),
        (write(on_error="ask", helper={"group": "night-desk"}), "night-desk carries on by hand"),
        (attempt(write(), rescue=[say("sorry")]), "“Try it” goes its other way"),
        (attempt(say("first"), rescue=[write()]), "the run stops here"),
        (attempt(say("first"), rescue=[write()], on_error="continue"), "the run goes on without its result"),
        (attempt(write(on_error="ask"), rescue=[]), "whoever started the run carries on by hand"),
        (branch("way", [write()]), "the run stops here"),
        (each("list", write()), "the run stops here"),
        (each("list", write(), keep_going=True), "the run goes on without its result"),
        ({**each("list", write()), "on_error": "continue"}, "the run goes on without its result"),
        (each("list", write(on_error="ask"), keep_going=True), f"{STARTER} carries on by hand"),
        (write(on_error="ask", helper={"person": "ada@house.example"}), "ada@house.example carries on by hand"),
        (write(on_error="ask", helper={"due_hours": 4}), f"{STARTER} carries on by hand"),
        (write(on_error="continue", helper={"role": "operator"}), "the run goes on without its result"),
        (write(helper={"role": "operator"}), "the run stops here"),
    ],
)
def test_each_way_out_is_told(step: dict[str, Any], said: str):
    assert told(step) == [("write", said)]


def test_only_steps_that_ask_the_model_and_are_on_are_looked_at():
    steps = [say("text"), write("off", off=True), write("small"), write("large")]
    steps[-1]["with"] = {"instructions": "x", "model": "large-1"}

    assert told(*steps, away=("large-1",)) == [("large", "the run stops here")]
    assert [step for step, _said in told(*steps, away=("", "large-1"))] == ["small", "large"]
