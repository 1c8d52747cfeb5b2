"""The workflows that are measured. Pure data."""

from __future__ import annotations

from typing import Any

Steps = list[dict[str, Any]]

TOPIC: dict[str, Any] = {"topic": {"type": "text", "title": "Topic"}}


def local_steps(count: int) -> Steps:
    """A chain that every second time composes a text and every second time names values, each out of the one before."""
    steps: Steps = []
    before = "{{ inputs.topic }}"
    for number in range(1, count + 1):
        name = f"s{number}"
        if number % 2:
            steps.append({"id": name, "kind": "text.compose", "with": {"text": f"{number}. {before}"}})
            before = f"{{{{ steps.{name}.text }}}}"
        else:
            steps.append({"id": name, "kind": "data.set", "with": {"values": {"topic": before, "number": number}}})
            before = f"{{{{ steps.{name}.topic }}}}"
    return steps


def effect_steps(count: int) -> Steps:
    return [{"id": f"e{number}", "kind": "bench.append", "with": {}} for number in range(1, count + 1)]


def chain(name: str, steps: Steps) -> dict[str, Any]:
    return {"format": 1, "name": name, "inputs": TOPIC, "steps": steps}


def each_item() -> dict[str, Any]:
    compose = {"id": "one", "kind": "text.compose", "with": {"text": "About {{ text }}"}}
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": "{{ inputs.texts }}", "as": "text"}}
    return {
        "format": 1,
        "name": "Bench: items",
        "inputs": {"texts": {"type": "list", "title": "Texts"}},
        "steps": [{**each, "steps": [compose]}],
        "output": {"count": "{{ steps.each.count }}"},
    }


def model_steps() -> Steps:
    return [{"id": "write", "kind": "ai.write", "with": {"instructions": "Say one word about {{ inputs.topic }}."}}]


ASK = {"id": "ask", "kind": "people.approve", "with": {"question": "May {{ inputs.topic }} begin?"}}

NAP = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 3_600}}

DEFINITIONS: dict[str, dict[str, Any]] = {
    "ten": chain("Bench: ten local steps", local_steps(10)),
    "three": chain("Bench: three local steps", local_steps(3)),
    "fifty": chain("Bench: fifty local steps", local_steps(50)),
    "three_hundred": chain("Bench: three hundred local steps", local_steps(300)),
    "effects": chain("Bench: twenty effects", effect_steps(20)),
    "three_effects": chain("Bench: three effects", effect_steps(3)),
    "items": each_item(),
    "asks": chain("Bench: one question to a person", [ASK, *local_steps(1)]),
    "nap": chain("Bench: one hour of sleep", [NAP, *local_steps(1)]),
    "model": chain("Bench: one question to a model", model_steps()),
}
