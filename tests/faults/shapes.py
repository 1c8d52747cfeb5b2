"""The workflows of the state machine: few steps, and every container around every other."""

from __future__ import annotations

from typing import Any

from tests.faults.reference import ASKS, SLEEPS, SPAWNS

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
    [unsafe("a"), probe("b", retry=AT_ONCE), unsafe("c")],
    [both("p", [probe("a"), unsafe("b")], [asks("c")], [sleeps("d"), probe("e")]), probe("f")],
    [attempt("t", probe("a"), both("p", [unsafe("b")], [asks("c")]), rescue=[probe("d")]), asks("e"), probe("f")],
    [each("g", probe("a"), unsafe("b")), probe("c", on_error="continue"), sleeps("d")],
    [
        branch("w", [asks("a"), probe("b")], [sleeps("c"), each("g", sleeps("d"), probe("e"), concurrency=1)]),
        unsafe("f"),
    ],
    [attempt("t", both("p", [each("g", asks("a"), probe("b"))], [probe("c")]), rescue=[probe("d")]), probe("e")],
)
