"""A run as a column of lines."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import make_version, make_workflow
from tests.workflows.pages import scenes
from tests.workflows.pages.scenes import Scene
from workflows.models import Run, RunStatus, StepStatus
from workflows.pages.progress import Line, lines_of, waits_for

WAIT = {"kind": "flow.wait", "with": {"for_s": 60}}
BRANCH: dict[str, Any] = {
    "format": 1,
    "name": "Branch",
    "steps": [
        {
            "id": "route",
            "kind": "flow.branch",
            "cases": [
                {
                    "title": "bad news",
                    "when": {"value": "a", "is": "equal", "to": "a"},
                    "steps": [{"id": "hold", **WAIT}],
                }
            ],
            "otherwise": [{"id": "rest", **WAIT}],
        },
        {"id": "last", **WAIT},
    ],
}
LOOP: dict[str, Any] = {
    "format": 1,
    "name": "Loop",
    "steps": [{"id": "again", "kind": "flow.loop", "with": {"times": 3}, "steps": [{"id": "try", **WAIT}]}],
}


def run_of(scene: Scene, definition: dict[str, Any], **fields: Any) -> Run:
    scene.workflow.live = make_version(make_workflow(scene.department, definition))
    return scenes.a_run(scene, RunStatus.RUNNING, **fields)


def told(lines: tuple[Line, ...]) -> list[Any]:
    """Each line as (id, tone), followed by its parts as (caption, taken, lines)."""
    found: list[Any] = []
    for line in lines:
        found.append((line.card.id, line.tone))
        found += [(part.caption, part.is_taken, told(part.lines)) for part in line.parts]
    return found


def test_what_has_not_begun_is_shown_as_it_will_come(scene: Scene):
    run = run_of(scene, BRANCH)

    assert told(lines_of(run)) == [
        ("route", "todo"),
        ("bad news", True, [("hold", "todo")]),
        ("otherwise", True, [("rest", "todo")]),
        ("last", "todo"),
    ]


def test_of_a_branch_only_the_way_taken_shows_its_steps(scene: Scene):
    run = run_of(scene, BRANCH)
    scenes.a_step(run, "route", "flow.branch", StepStatus.INSIDE, inside={"arms": ["cases.0"]})
    scenes.a_step(run, "route/cases.0/hold", "flow.wait", StepStatus.WAITING, waits_for="time")

    assert told(lines_of(run)) == [
        ("route", "run"),
        ("bad news", True, [("hold", "wait")]),
        ("otherwise", False, []),
        ("last", "todo"),
    ]


def test_a_loop_shows_its_rounds(scene: Scene):
    run = run_of(scene, LOOP)
    scenes.a_step(run, "again", "flow.loop", StepStatus.INSIDE, inside={"arms": ["steps"], "round": 2})
    scenes.a_step(run, "again/steps~1/try", "flow.wait")
    scenes.a_step(run, "again/steps~2/try", "flow.wait", StepStatus.RUNNING)

    assert told(lines_of(run)) == [
        ("again", "run"),
        ("round 1", True, [("try", "ok")]),
        ("round 2", True, [("try", "run")]),
    ]


def test_items_are_counted_and_the_failed_ones_come_first(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("workflows.pages.progress.MOST_CHILDREN", 2)
    run = scenes.a_run(scene, RunStatus.RUNNING)
    copies = scenes.a_step(run, "copies", "flow.for_each", StepStatus.WAITING, waits_for="children")
    scenes.items_of(copies, ["succeeded", "running", "failed", "failed", "queued"])

    line = next(line for line in lines_of(run) if line.card.id == "copies")

    assert line.children is not None
    assert line.tone == "run"
    assert (line.children.said, line.children.total) == ("3 of 5", 5)
    assert [(child.index, child.status) for child in line.children.listed] == [(2, "failed"), (3, "failed")]


def test_a_failure_that_the_workflow_tolerates_is_no_alarm(scene: Scene):
    run = scenes.a_run(scene, RunStatus.RUNNING)
    scenes.a_step(run, "facts", "ai.extract", StepStatus.FAILED, inside={"tolerated": True}, error={"message": "No."})

    line = lines_of(run)[0]

    assert (line.tone, line.is_tolerated, line.error) == ("wait", True, "No.")


def test_a_step_that_will_be_tried_again_says_when(scene: Scene):
    run = scenes.a_run(scene, RunStatus.RUNNING)
    later = timezone.now() + timedelta(seconds=20)
    scenes.a_step(run, "facts", "ai.extract", StepStatus.READY, error={"message": "Busy."}, run_after=later)

    assert lines_of(run)[0].retries_at == later


def test_a_parked_step_inside_another_asks_for_a_person(scene: Scene):
    run = run_of(scene, BRANCH)
    scenes.a_step(run, "route", "flow.branch", StepStatus.INSIDE, inside={"arms": ["cases.0"]})
    scenes.a_step(run, "route/cases.0/hold", "flow.wait", StepStatus.PARKED)

    assert [line.is_parked for line in lines_of(run)] == [True, False]


def test_a_run_says_what_it_waits_for_and_a_person_wins(scene: Scene):
    run = scenes.a_run(scene, RunStatus.WAITING)
    copies = scenes.a_step(run, "copies", "flow.for_each", StepStatus.WAITING, waits_for="children")
    scenes.items_of(copies, ["running"])
    items = waits_for(lines_of(run))
    scenes.a_task(scene, run)

    assert (items, waits_for(lines_of(run))) == ("children", "person")


def test_a_run_of_any_size_costs_five_queries(scene: Scene, django_assert_max_num_queries: Any):
    run = scenes.a_run(scene, RunStatus.RUNNING)
    for name in ("copies", "facts", "risky", "pack"):
        step = scenes.a_step(run, name, "flow.for_each" if name == "copies" else "ai.extract")
        if name == "copies":
            scenes.items_of(step, ["succeeded"] * 30)

    with django_assert_max_num_queries(5):
        lines_of(run)
