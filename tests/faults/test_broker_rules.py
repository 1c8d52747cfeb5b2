"""B14: one place speaks to Celery, and nothing is left to Celery's own delays and retries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FLOORS = ("config", "workflows", "connectors", "departments", "audit")
SENDERS = {"apply_async", "send_task", "delay", "signature", "s", "si", "chord", "retry"}
DELAYS = {"eta", "countdown"}
DOORS = {("workflows/runtime/queue.py", "apply_async"), ("config/celery.py", "send_task")}


def sendings(source: str) -> Iterator[str]:
    """What in this source hands work to Celery, or asks it to wait."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in SENDERS:
            yield node.func.attr
        yield from (keyword.arg for keyword in node.keywords if keyword.arg in DELAYS)


def test_b14_only_the_door_sends_and_nothing_waits_in_celery() -> None:
    files = [file for floor in FLOORS for file in (ROOT / floor).rglob("*.py")]

    found = {(str(file.relative_to(ROOT)), sending) for file in files for sending in sendings(file.read_text())}

    assert found == DOORS


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("look.apply_async((1,), countdown=3)", ["apply_async", "countdown"]),
        ("look.apply_async((1,), eta=soon)", ["apply_async", "eta"]),
        ("self.retry()", ["retry"]),
        ("look.delay('run', id)", ["delay"]),
        ("run.retry_at = soon", []),
    ],
)
def test_b14_the_check_sees_what_it_looks_for(source: str, found: list[str]) -> None:
    assert list(sendings(source)) == found
