"""Runs over the API, carried by the real engine."""

from __future__ import annotations

import threading
import time
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection

from connectors.sdk import Rejected
from departments.access import SYSTEM
from tests.steps import probes
from tests.workflows.api import test_workflows
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.runtime.harness import carried, published
from workflows.api import waiting
from workflows.models import Run
from workflows.runtime import limits
from workflows.services.runs import cancel_run

pytestmark = pytest.mark.django_db(transaction=True)

ONCE = {"attempts": 1, "first_delay_s": 0, "longest_s": 0}
STEP_READS = "path kind title status attempts output error cost_usd tokens started_at finished_at rehearsed"


@pytest.fixture(autouse=True)
def probes_forget() -> None:
    probes.reset()


def started(program: Program, id: Any, inputs: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = program.post(f"workflows/{id}/runs", {"inputs": inputs or {}})
    assert answer.status_code == 201, answer.content
    return answer.json()


def carry(run: dict[str, Any]) -> None:
    carried(Run.objects.get(pk=run["id"]))


def test_a_workflow_is_created_published_started_and_its_result_read(program: Program) -> None:
    id = test_workflows.created(program)["id"]
    program.post(f"workflows/{id}/publish", {"note": "First"})

    answer = program.post(f"workflows/{id}/runs", {"inputs": {"name": "Ada"}, "mode": "test"})
    run = answer.json()
    over = program.get(answer["Location"]).json()

    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/runs/{run['id']}")
    assert over == run
    assert run == {
        **run,
        "inputs": {"name": "Ada"},
        "status": "succeeded",
        "output": {"greeting": "Hello Ada"},
        "started_at": over["started_at"],
        "finished_at": over["finished_at"],
        "steps": [
            {
                "path": "greet",
                "kind": "text.compose",
                "title": "Compose a text",
                "status": "succeeded",
                "attempts": 1,
                "output": {"text": "Hello Ada"},
                "error": None,
                "cost_usd": 0.0,
                "tokens": 0,
                "started_at": over["steps"][0]["started_at"],
                "finished_at": over["steps"][0]["finished_at"],
                "rehearsed": False,
            }
        ],
    }
    contract = ["id", "workflow", "version", "status", "inputs", "output", "error", "steps", "cost_usd"]
    assert {*contract, "created_at", "started_at", "finished_at"} <= set(over)
    assert (over["workflow"], over["version"], over["mode"], over["cost_usd"]) == (id, 1, "test", 0.0)
    assert " ".join(over["steps"][0]) == STEP_READS


def test_a_step_is_called_as_the_workflow_calls_it(program: Program) -> None:
    step = {"id": "a", "kind": "text.compose", "title": "Write the greeting", "with": {"text": "Hi"}}
    run = started(program, published([step], program.department).pk)

    carry(run)

    assert program.get(f"runs/{run['id']}").json()["steps"][0]["title"] == "Write the greeting"


@pytest.mark.parametrize(
    ("inputs", "errors"),
    [
        ({}, {"count": "This is needed."}),
        ({"count": "many"}, {"count": "This must be a number."}),
        ({"count": 3, "colour": "red"}, {"colour": "The workflow asks for no such input."}),
        (
            {"count": 3, "brief": "00000000-0000-0000-0000-000000000000"},
            {"brief": "There is no file “file” in this department. Upload it again."},
        ),
    ],
)
def test_a_missing_or_wrong_input_is_named(program: Program, inputs: dict[str, Any], errors: dict[str, str]) -> None:
    asked = {"count": {"type": "number"}, "brief": {"type": "file", "required": False}}
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.count }}"}}
    workflow = published([step], program.department, inputs=asked)

    said = assert_problem(program.post(f"workflows/{workflow.pk}/runs", {"inputs": inputs}), 400)

    assert said["errors"] == errors
    assert next(iter(errors)) in said["detail"]
    assert not Run.objects.exists()


def test_what_is_not_published_does_not_start(program: Program) -> None:
    id = test_workflows.created(program)["id"]

    said = assert_problem(program.post(f"workflows/{id}/runs", {"inputs": {"name": "Ada"}}), 409)

    assert said["detail"] == "“Greeting” has no published version. Publish it first."


def test_runs_are_listed_and_filtered(program: Program, stranger: Program) -> None:
    step = {"id": "a", "kind": "text.compose", "with": {"text": "Hi"}}
    one, two = (published([step], program.department, name=name) for name in ("One", "Two"))
    with patch.object(limits, "AT_ONCE", False):
        first, second = started(program, one.pk), started(program, two.pk)
    started(stranger, published([step], stranger.department).pk)
    program.post(f"runs/{first['id']}/cancel")

    def ids(**query: str) -> list[str]:
        return [each["id"] for each in program.get("runs", query).json()["results"]]

    assert ids() == [second["id"], first["id"]]
    assert ids(status="cancelled") == [first["id"]]
    assert ids(workflow=str(two.pk)) == ids(workflow="two") == [second["id"]]
    assert ids(mode="test") == []
    assert ids(created_after=first["created_at"]) == [second["id"]]
    assert ids(created_before=second["created_at"], created_after="2020-01-01T00:00:00+02:00") == [first["id"]]
    assert_problem(program.get("runs", {"status": "finished"}), 400)
    assert_problem(program.get("runs", {"created_after": "2020-01-01"}), 400)


def test_runs_inside_a_run_are_listed_by_the_run_around_them(program: Program) -> None:
    steps = [{"id": "greet", "kind": "text.compose", "with": {"text": "Hi {{ item }}"}}]
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": ["a", "b"]}, "steps": steps}
    run = started(program, published([each], program.department).pk)

    carry(run)

    inside = program.get("runs", {"parent": run["id"]}).json()["results"]
    assert [child["parent"] for child in inside] == [run["id"]] * 2
    assert len(program.get("runs").json()["results"]) == 1
    assert program.get(f"runs/{inside[0]['id']}").json()["steps"][0]["output"] == {"text": "Hi b"}
    assert program.get("runs", {"parent": "nobody"}).json()["results"] == []


def test_a_run_is_cancelled_once(program: Program) -> None:
    wait = {"id": "wait", "kind": "flow.wait", "with": {"for_s": 3600}}
    run = started(program, published([wait], program.department).pk)
    carry(run)
    assert program.get(f"runs/{run['id']}").json()["status"] == "waiting"

    cancelled = program.post(f"runs/{run['id']}/cancel")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert cancelled.json()["steps"][0]["status"] == "cancelled"
    assert_problem(program.post(f"runs/{run['id']}/cancel"), 409)


def fail(_: Any) -> None:
    raise Rejected("The archive is closed. Try again tomorrow.")


def test_a_failed_run_is_retried_with_its_version_and_resumed_with_the_newest(program: Program) -> None:
    probe = {"id": "probe", "kind": "probe.keyed", "retry": ONCE}
    workflow = published([{"id": "first", "kind": "probe.keyed"}, probe], program.department)
    probes.DEEDS["probe"] = fail
    run = started(program, workflow.pk)
    carry(run)
    failed = program.get(f"runs/{run['id']}").json()
    assert (failed["status"], failed["error"]["message"]) == ("failed", "The archive is closed. Try again tomorrow.")

    again = program.post(f"runs/{run['id']}/retry")
    carry(run)
    newer = {"definition": {**workflow.draft, "description": "newer"}}
    program.put(f"workflows/{workflow.pk}/draft", newer)
    program.post(f"workflows/{workflow.pk}/publish", {"note": ""})
    probes.DEEDS.clear()
    resumed = program.post(f"runs/{run['id']}/resume")
    carry(run)

    assert (again.status_code, again.json()["status"], again.json()["version"]) == (200, "queued", 1)
    assert (resumed.status_code, resumed.json()["version"]) == (200, 2)
    assert program.get(f"runs/{run['id']}").json()["status"] == "succeeded"
    assert [path for _key, path in probes.SENT].count("first") == 1
    assert_problem(program.post(f"runs/{run['id']}/retry"), 409)


def test_the_journal_is_read_in_order_a_page_at_a_time(program: Program) -> None:
    steps = [{"id": f"s{number}", "kind": "text.compose", "with": {"text": "Hi"}} for number in range(4)]
    run = started(program, published(steps, program.department).pk)
    carry(run)

    whole = program.get(f"runs/{run['id']}/journal").json()["results"]
    first = program.get(f"runs/{run['id']}/journal", {"page_size": "2"}).json()
    second = program.get(first["next"]).json()

    assert [entry["seq"] for entry in whole] == list(range(1, len(whole) + 1))
    assert (whole[0]["event"], whole[-1]["event"]) == ("run.accepted", "run.succeeded")
    assert first["results"] + second["results"] == whole[:4]
    assert list(whole[0]) == ["seq", "at", "event", "path", "detail"]


def test_the_record_holds_every_fact_of_the_run(program: Program) -> None:
    review = {"id": "review", "kind": "people.review", "with": {"question": "Good?", "draft": "Dear all"}}
    probe = {"id": "probe", "kind": "probe.keyed", "with": {"value": "{{ steps.review.text }}"}}
    run = started(program, published([review, probe], program.department).pk)
    carry(run)
    task = program.get("tasks").json()["results"][0]
    program.post(f"tasks/{task['id']}/decide", {"decision": "approve", "text": "Dear colleagues"})
    carry(run)

    record = program.get(f"runs/{run['id']}/record").json()

    assert (record["run"]["id"], record["run"]["status"]) == (run["id"], "succeeded")
    assert (record["inputs"], record["version"]["number"]) == ({}, 1)
    assert [step["path"] for step in record["steps"]] == ["review", "probe"]
    assert record["steps"][1]["tries"][0]["given"] == {"value": "Dear colleagues"}
    assert record["decisions"] == [
        {
            "task": task["id"],
            "step": "review",
            "question": "Good?",
            "shown": {},
            "draft": "Dear all",
            "decision": "approve",
            "text": "Dear colleagues",
            "reason": "",
            "edited": True,
            "decided_by": "Archive",
            "decided_at": record["decisions"][0]["decided_at"],
        }
    ]
    assert [deed["verb"] for deed in record["deeds"]] == ["run.started", "task.decided"]
    assert record["children"] == []
    told = record["questions"][0]
    assert [(part["kind"], part["text"]) for part in told["changes"]["parts"] if part["kind"] != "same"] == [
        ("del", "all"),
        ("ins", "colleagues"),
    ]
    assert [(voice["by"], voice["by_kind"], voice["via"]) for voice in told["voices"]] == [("Archive", "token", "api")]
    assert (record["is_over"], record["decided_by"]) == (True, [])


def test_an_output_kept_as_a_file_is_read_like_any_other(program: Program) -> None:
    probes.DEEDS["probe"] = lambda _: "x" * 1_100_000
    run = started(program, published([{"id": "probe", "kind": "probe.keyed"}], program.department).pk)

    carry(run)

    assert len(program.get(f"runs/{run['id']}").json()["steps"][0]["output"]["value"]) == 1_100_000


def waiting_run(program: Program) -> dict[str, Any]:
    wait = {"id": "wait", "kind": "flow.wait", "with": {"for_s": 3600}}
    run = started(program, published([wait], program.department).pk)
    carry(run)
    return run


def test_waiting_for_a_run_ends_when_the_run_does(program: Program) -> None:
    run = waiting_run(program)
    ends = threading.Timer(0.4, _cancel, [run["id"]])
    ends.start()

    began = time.monotonic()
    over = program.get(f"runs/{run['id']}", {"wait_s": "20"})
    ends.join()

    assert over.json()["status"] == "cancelled"
    assert 0.3 < time.monotonic() - began < 10


def _cancel(id: str) -> None:
    try:
        cancel_run(Run.objects.get(pk=id), actor=SYSTEM)
    finally:
        connection.close()


def test_waiting_for_a_run_ends_after_the_seconds_named(program: Program) -> None:
    run = waiting_run(program)

    began = time.monotonic()
    answer = program.get(f"runs/{run['id']}", {"wait_s": "0.3"})

    assert (answer.status_code, answer.json()["status"]) == (200, "waiting")
    assert 0.3 <= time.monotonic() - began < 5


def test_who_waits_holds_no_database_connection(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    run = waiting_run(program)
    held = []
    here = threading.get_ident()

    def note(_: float) -> None:
        if threading.get_ident() == here:  # whatever else sleeps in this process has connections of its own
            held.append(connection.connection)

    monkeypatch.setattr(waiting.time, "sleep", note)

    program.get(f"runs/{run['id']}", {"wait_s": "0.5"})

    assert set(held) == {None}


def test_a_run_that_waits_for_a_person_is_not_waited_for(program: Program) -> None:
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "Go?"}}
    run = started(program, published([ask], program.department).pk)
    carry(run)

    began = time.monotonic()
    answer = program.get(f"runs/{run['id']}", {"wait_s": "20"})

    assert answer.json()["status"] == "waiting"
    assert time.monotonic() - began < 5


def test_when_too_many_wait_the_next_is_answered_at_once(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    run = waiting_run(program)
    monkeypatch.setattr(waiting, "_places", threading.BoundedSemaphore(1))

    with waiting._places:
        answer = program.get(f"runs/{run['id']}", {"wait_s": "20"})

    assert (answer.status_code, answer["Retry-After"], answer.json()["status"]) == (200, "1", "waiting")


@pytest.mark.parametrize("wait", ["61", "-1", "nan", "inf", "soon"])
def test_nobody_waits_longer_than_a_minute(program: Program, wait: str) -> None:
    run = waiting_run(program)

    assert list(assert_problem(program.get(f"runs/{run['id']}", {"wait_s": wait}), 400)["errors"]) == ["wait_s"]


def test_lists_and_reads_take_a_fixed_number_of_queries(program: Program, django_assert_num_queries: Any) -> None:
    steps = [{"id": f"s{number}", "kind": "text.compose", "with": {"text": "Hi"}} for number in range(12)]
    workflow = published(steps, program.department)
    runs = [started(program, workflow.pk) for _ in range(6)]
    [carry(run) for run in runs]
    id = runs[0]["id"]
    program.get("me")

    for path, most in [("runs", 2), (f"runs/{id}", 3), (f"runs/{id}/journal", 3), (f"runs/{id}/record", 9)]:
        with django_assert_num_queries(most):
            assert program.get(path).status_code == 200
