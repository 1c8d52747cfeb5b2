"""Testing from the build page: the test area of a step, the sheet of the whole test, samples written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from departments.models import Role
from tests.factories import make_department, make_model, make_user
from tests.steps import probes
from tests.workflows.runtime.harness import carried, silent_broker
from workflows.models import Run, Sample, Workflow

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE = "<script>alert(1)</script>"
DRAFT: dict[str, Any] = {
    "format": 1,
    "name": "Press",
    "inputs": {"name": {"type": "text", "title": "Name"}},
    "steps": [
        {"id": "greet", "kind": "text.compose", "title": "Greet", "with": {"text": "Hello {{ inputs.name }}"}},
        {"id": "send", "kind": "probe.keyed", "title": "Send it", "with": {"value": "{{ steps.greet.text }}"}},
        {"id": "after", "kind": "text.compose", "title": "After", "with": {"text": "{{ steps.send.value }}"}},
    ],
    "output": {"said": "{{ steps.after.text }}"},
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    probes.reset()
    with silent_broker():
        yield


@pytest.fixture
def workflow() -> Workflow:
    department = make_department("Legal")
    return Workflow.objects.create(department=department, name="Press", slug="press", draft=DRAFT)


@pytest.fixture
def builder(workflow: Workflow) -> Client:
    return signed_in(workflow, Role.BUILDER)


def signed_in(workflow: Workflow, role: Role) -> Client:
    client = Client()
    client.force_login(make_user(department=workflow.department, role=role))
    return client


def address(workflow: Workflow, name: str = "build_test", *more: object) -> str:
    return reverse(name, args=[workflow.pk, *more])


def words(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_the_sheet_asks_for_the_inputs_and_says_what_is_only_rehearsed_and_what_it_costs(
    workflow: Workflow, builder: Client
) -> None:
    said = words(builder.get(address(workflow)))

    assert "Name" in said
    assert "Otherwise these are only rehearsed: Send it." in said
    assert "Costs nothing: no AI is asked." in said


def test_the_panel_says_what_each_way_of_testing_costs(workflow: Workflow, builder: Client) -> None:
    make_model(is_default=True, price_in=100, price_out=100)
    write = {"id": "write", "kind": "ai.write", "title": "Write", "with": {"instructions": "Greet"}}
    again = {**write, "id": "again", "with": {"instructions": "{{ steps.write.text }}"}}
    Workflow.objects.filter(pk=workflow.pk).update(draft={"format": 1, "name": "Two", "steps": [write, again]})

    said = words(builder.get(address(workflow, "build_sample", "write")))

    assert re.search(r"This step Asks an AI once, for about \S+ ?\S* From here Asks an AI 2 times", said), said


def test_a_whole_test_shows_its_progress_then_its_result_and_what_would_have_been_sent(
    workflow: Workflow, builder: Client
) -> None:
    begun = builder.post(address(workflow), {"extent": "whole", "test-in-name": "Ada"})
    run = Run.objects.get()
    under_way = builder.get(address(workflow))
    carried(run)
    over = builder.get(address(workflow, "build_test_run", run.pk), {"seen": "x"})

    assert "every 1s" in begun.content.decode()
    assert "Stop" in words(under_way)
    assert "every 1s" not in over.content.decode()
    assert "Send it rehearsed Would probe" in words(over)
    assert (over["HX-Trigger"], probes.SENT) == ("samples-changed", [])


def test_a_test_that_looks_as_it_did_is_not_drawn_again(workflow: Workflow, builder: Client) -> None:
    builder.post(address(workflow), {"extent": "whole", "test-in-name": "Ada"})
    there = address(workflow, "build_test_run", Run.objects.get().pk)

    mark = re.search(r"seen=(\w+)", builder.get(there).content.decode())

    assert mark
    assert builder.get(there, {"seen": mark[1]}).status_code == 204


def test_really_sending_is_chosen_and_then_sends(workflow: Workflow, builder: Client) -> None:
    builder.post(address(workflow), {"extent": "whole", "test-in-name": "Ada", "send": "1"})
    run = carried(Run.objects.get())

    assert (run.mode, run.output, len(probes.SENT)) == ("sending", {"said": "Hello Ada"}, 1)


def test_a_missing_input_is_said_at_its_field_and_nothing_typed_is_lost(workflow: Workflow, builder: Client) -> None:
    answer = builder.post(address(workflow), {"extent": "whole", "test-in-name": "", "send": "1"})

    assert (answer.status_code, Run.objects.count()) == (422, 0)
    assert "This is needed." in words(answer)
    assert 'name="send" value="1" checked' in answer.content.decode()


def test_a_step_without_the_results_it_needs_says_so_and_offers_up_to_here(workflow: Workflow, builder: Client) -> None:
    area = builder.get(address(workflow, "build_sample", "after"))
    refused = builder.post(address(workflow), {"extent": "only", "step": "after"})

    assert "Not tested yet: Send it." in words(area)
    assert refused.status_code == 422
    assert "Send it: This step has no result yet" in words(refused)


def test_a_step_is_tested_and_its_result_pinned(workflow: Workflow, builder: Client) -> None:
    Sample.objects.create(workflow=workflow, step_id="", output={"name": "Ada"})

    answer = builder.post(address(workflow), {"extent": "only", "step": "greet"})

    assert answer.status_code == 200
    assert "Hello Ada" in words(answer)
    assert "from a test" in words(answer)


def test_an_input_that_nobody_gave_yet_is_asked_for_where_the_step_is_tested(
    workflow: Workflow, builder: Client
) -> None:
    area = builder.get(address(workflow, "build_sample", "greet"))
    refused = builder.post(address(workflow), {"extent": "only", "step": "greet", "test-in-name": ""})
    tested = builder.post(address(workflow), {"extent": "only", "step": "greet", "test-in-name": "Ada"})
    again = builder.get(address(workflow, "build_sample", "send"))

    assert 'name="test-in-name"' in area.content.decode()
    assert (refused.status_code, "This is needed." in words(refused)) == (422, True)
    assert "Hello Ada" in words(tested)
    assert 'name="test-in-name"' not in again.content.decode()


def test_a_sample_is_written_by_hand_kept_and_forgotten(workflow: Workflow, builder: Client) -> None:
    there = address(workflow, "build_sample", "greet")

    editor = builder.get(there, {"edit": "1"})
    kept = builder.post(there, {"sample-text": HOSTILE})
    sample = Sample.objects.get()
    forgotten = builder.delete(there)

    assert 'name="sample-text"' in editor.content.decode()
    assert "written by hand" in words(kept)
    assert HOSTILE not in kept.content.decode()
    assert (sample.output, sample.by_hand) == ({"text": HOSTILE}, True)
    assert "Write a sample result by hand" in words(forgotten)
    assert Sample.objects.count() == 0


def test_a_test_is_stopped(workflow: Workflow, builder: Client) -> None:
    builder.post(address(workflow), {"extent": "whole", "test-in-name": "Ada"})
    run = Run.objects.get()

    answer = builder.post(address(workflow, "build_test_stop", run.pk))
    again = builder.post(address(workflow, "build_test_stop", run.pk))

    run.refresh_from_db()
    assert (run.status, answer.status_code, again.status_code) == ("cancelled", 200, 200)
    assert "Test again" in words(answer)


def test_a_question_of_a_test_is_shown_where_the_test_is(workflow: Workflow, builder: Client) -> None:
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "May we?", "role": "manager"}}
    Workflow.objects.filter(pk=workflow.pk).update(draft={"format": 1, "name": "Ask", "steps": [ask]})

    answer = builder.post(address(workflow), {"extent": "only", "step": "ask"})

    task = Run.objects.get().tasks.get()
    assert "May we?" in words(answer)
    assert reverse("task", args=[task.pk]) in answer.content.decode()


def test_a_live_run_is_no_test_and_a_test_of_another_workflow_is_not_found(workflow: Workflow, builder: Client) -> None:
    builder.post(address(workflow), {"extent": "whole", "test-in-name": "Ada"})
    run = Run.objects.get()
    other = Workflow.objects.create(department=workflow.department, name="Other", slug="other", draft=DRAFT)

    assert builder.get(address(other, "build_test_run", run.pk)).status_code == 404
    assert builder.post(address(other, "build_test_stop", run.pk)).status_code == 404
    Run.objects.update(mode="live")
    assert builder.get(address(workflow, "build_test_run", run.pk)).status_code == 404
    assert builder.post(address(workflow), {"extent": "only", "step": "nobody"}).status_code == 404
    assert builder.post(address(workflow), {"extent": "all"}).status_code == 404
    assert builder.get(address(workflow, "build_sample", "nobody")).status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_who_may_not_edit_begins_nothing_and_writes_nothing(workflow: Workflow, role: Role) -> None:
    client = signed_in(workflow, role)

    assert client.post(address(workflow), {"extent": "only", "step": "greet"}).status_code == 403
    assert client.post(address(workflow, "build_sample", "greet"), {"sample-text": "x"}).status_code == 403
    assert client.delete(address(workflow, "build_sample", "greet")).status_code == 403


def test_another_department_finds_nothing(workflow: Workflow) -> None:
    stranger = Client()
    stranger.force_login(make_user(department=make_department(), role=Role.MANAGER))

    assert stranger.post(address(workflow), {"extent": "only", "step": "greet"}).status_code == 404
    assert stranger.post(address(workflow, "build_test_stop", uuid4())).status_code == 404
    assert stranger.delete(address(workflow, "build_sample", "greet")).status_code == 404


def test_tests_are_in_the_list_of_runs_only_when_asked_for(workflow: Workflow, builder: Client) -> None:
    builder.post(address(workflow), {"extent": "whole", "test-in-name": "Ada"})

    assert "Nothing has run yet" in words(builder.get(reverse("runs")))
    assert "Ada" in words(builder.get(reverse("runs"), {"kind": "tests"}))
    assert "Ada" not in words(builder.get(reverse("home")))


def test_the_page_of_a_test_says_that_it_is_one(workflow: Workflow, builder: Client) -> None:
    builder.post(address(workflow), {"extent": "whole", "test-in-name": "Ada"})
    run = carried(Run.objects.get())

    said = words(builder.get(reverse("run", args=[run.pk])))

    assert "Test" in said
    assert "draft 1" in said
    assert "rehearsed" in said
    assert "Start again with this input" not in said
