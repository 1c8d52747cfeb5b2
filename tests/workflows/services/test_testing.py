"""Testing a draft: really carried out, effects only rehearsed, results kept as samples."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from audit.models import Entry
from departments.access import SYSTEM, Actor, actor_for_user
from departments.models import Department, Role
from tests.factories import make_department, make_user
from tests.steps import probes
from tests.workflows.runtime.harness import carried, silent_broker, statuses
from workflows.engine.cutting import Extent, Part
from workflows.engine.definition import load
from workflows.models import Run, Sample, Version, Workflow
from workflows.services import samples
from workflows.services.refusals import Conflict
from workflows.services.runs import start_run
from workflows.services.tasks import decide_task, tasks_for
from workflows.services.testing import start_test
from workflows.services.workflows import archive_workflow, create_workflow, publish_workflow, save_draft

pytestmark = pytest.mark.django_db(transaction=True)

GREET = {"id": "greet", "kind": "text.compose", "with": {"text": "Hello {{ inputs.name }}"}}
SEND = {"id": "send", "kind": "probe.unsafe", "with": {"value": "{{ steps.greet.text }}"}}
AFTER = {"id": "after", "kind": "text.compose", "with": {"text": "Sent {{ steps.send.value }}"}}
NAME = {"name": {"type": "text", "title": "Name"}}


@pytest.fixture(autouse=True)
def probes_forget() -> None:
    probes.reset()


def draft(steps: list[dict[str, Any]], department: Department | None = None, **rest: Any) -> Workflow:
    definition = {"format": 1, "name": "Probe", "inputs": NAME, "steps": steps, **rest}
    return create_workflow(department or make_department(), name="Probe", definition=definition, actor=SYSTEM)


def tried(workflow: Workflow, part: Part | None = None, actor: Actor = SYSTEM, **rest: Any) -> Run:
    with silent_broker():
        return carried(start_test(workflow, actor=actor, part=part or Part(), **rest))


def member(department: Department, role: Role) -> Actor:
    return actor_for_user(make_user(department=department, role=role))


def test_a_whole_draft_runs_to_its_result_without_being_published() -> None:
    workflow = draft([GREET], output={"said": "{{ steps.greet.text }}"})

    run = tried(workflow, inputs={"name": "Ada"})

    assert (run.status, run.output, run.mode) == ("succeeded", {"said": "Hello Ada"}, "test")
    workflow.refresh_from_db()
    assert (workflow.live, list(workflow.versions.all()), Version.objects.count()) == (None, [], 0)


def test_an_effect_is_rehearsed_and_the_steps_after_it_go_on() -> None:
    run = tried(draft([GREET, SEND, AFTER]), inputs={"name": "Ada"})

    assert (run.status, probes.SENT) == ("succeeded", [])
    step = run.steps.get(path="send")
    assert (step.inside, step.intent_at, step.tries.get().given) == ({"rehearsed": True}, None, {"value": "Hello Ada"})
    assert run.journal.get(event="step.rehearsed").path == "send"


def test_an_effect_happens_once_when_really_sending_is_chosen() -> None:
    run = tried(draft([GREET, SEND, AFTER]), inputs={"name": "Ada"}, send=True)

    assert (run.status, [path for _, path in probes.SENT]) == ("succeeded", ["send"])
    assert run.steps.get(path="after").output == {"text": "Sent Hello Ada"}


def test_a_rehearsal_reaches_into_items_and_into_workflows_that_are_called() -> None:
    department = make_department()
    called = draft([{**SEND, "id": "inner", "with": {"value": "x"}}], department, inputs={})
    publish_workflow(called, note="", actor=SYSTEM)
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": ["a", "b"]}, "steps": [{**SEND, "with": {}}]}
    call = {"id": "call", "kind": "flow.workflow", "with": {"workflow": called.slug}}
    definition = {"format": 1, "name": "Outer", "steps": [each, call]}
    outer = create_workflow(department, name="Outer", definition=definition, actor=SYSTEM)

    run = tried(outer)

    assert (run.status, probes.SENT) == ("succeeded", [])
    assert set(Run.objects.values_list("mode", flat=True)) == {"test"}
    assert not Sample.objects.filter(workflow=called).exists()


def test_a_live_run_still_sends() -> None:
    workflow = draft([GREET, SEND])
    publish_workflow(workflow, note="", actor=SYSTEM)

    with silent_broker():
        run = carried(start_run(workflow, inputs={"name": "Ada"}, actor=SYSTEM))

    assert (run.status, [path for _, path in probes.SENT], Sample.objects.count()) == ("succeeded", ["send"], 0)


def test_results_are_kept_and_a_step_is_tested_alone_with_them() -> None:
    workflow = draft([GREET, SEND, AFTER])
    tried(workflow, inputs={"name": "Ada"})

    run = tried(workflow, Part(Extent.ONLY, "send"))

    assert statuses(run) == {"send": "succeeded"}
    assert run.steps.get().tries.get().given == {"value": "Hello Ada"}
    assert (run.inputs, run.version.part) == ({}, "only:send")


def test_a_step_without_earlier_results_says_which_are_missing() -> None:
    workflow = draft([GREET, SEND, AFTER])

    with pytest.raises(ValidationError) as refused:
        tried(workflow, Part(Extent.ONLY, "after"))

    assert list(refused.value.message_dict) == ["send"]
    assert Run.objects.count() == 0


def test_what_a_run_may_leave_out_is_not_missing_but_empty() -> None:
    never = {"value": "1", "is": "equal", "to": "2"}
    workflow = draft([{**GREET, "when": never}, {**AFTER, "with": {"text": "[{{ steps.greet.text }}]"}}])

    run = tried(workflow, Part(Extent.ONLY, "after"))

    assert run.steps.get().output == {"text": "[]"}


def test_from_here_runs_the_step_and_all_that_follow() -> None:
    workflow = draft([GREET, SEND, AFTER])
    samples.pin(workflow, load(workflow.draft).steps[0], {"text": "By hand"}, actor=SYSTEM)

    run = tried(workflow, Part(Extent.FROM, "send"))

    assert statuses(run) == {"send": "succeeded", "after": "succeeded"}
    assert run.steps.get(path="send").tries.get().given == {"value": "By hand"}


def test_up_to_here_runs_what_comes_before_and_stops() -> None:
    run = tried(draft([GREET, SEND, AFTER]), Part(Extent.UP_TO, "send"), inputs={"name": "Ada"})

    assert statuses(run) == {"greet": "succeeded", "send": "succeeded"}


def test_a_step_for_each_item_is_tested_with_the_first_one() -> None:
    inside = {"id": "inside", "kind": "text.compose", "with": {"text": "{{ town }} {{ item_number }}"}}
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": "{{ steps.towns.value }}", "as": "town"},
        "steps": [inside],
    }
    towns = {"id": "towns", "kind": "probe.pure", "with": {"value": ["Oslo", "Kyiv"]}}
    workflow = draft([towns, each])

    with pytest.raises(ValidationError) as refused:
        tried(workflow, Part(Extent.ONLY, "inside"))
    tried(workflow, Part(Extent.ONLY, "towns"))
    run = tried(workflow, Part(Extent.ONLY, "inside"))

    assert list(refused.value.message_dict) == ["towns"]
    assert run.steps.get().output == {"text": "Oslo 1"}


def test_a_step_in_a_loop_sees_the_first_round() -> None:
    inside = {"id": "inside", "kind": "text.compose", "with": {"text": "Round {{ round }}"}}
    workflow = draft([{"id": "again", "kind": "flow.loop", "with": {"times": 3}, "steps": [inside]}])

    assert tried(workflow, Part(Extent.ONLY, "inside")).steps.get().output == {"text": "Round 1"}


def test_what_a_person_wrote_is_not_replaced_by_a_test_until_it_is_taken_away() -> None:
    workflow = draft([GREET])
    (node,) = load(workflow.draft).steps
    samples.pin(workflow, node, {"text": "Mine"}, actor=SYSTEM)

    tried(workflow, inputs={"name": "Ada"})
    kept = samples.scope_for(workflow, load(workflow.draft), "")["steps"]
    samples.unpin(workflow, "greet", actor=SYSTEM)
    tried(workflow, inputs={"name": "Ada"})

    assert kept == {"greet": {"text": "Mine"}}
    assert samples.scope_for(workflow, load(workflow.draft), "")["steps"] == {"greet": {"text": "Hello Ada"}}


def test_a_rehearsal_goes_on_with_what_really_came_back_before() -> None:
    workflow = draft([GREET, SEND, AFTER])
    tried(workflow, inputs={"name": "Ada"}, send=True)
    probes.reset()

    run = tried(workflow, inputs={"name": "Bob"})

    assert run.steps.get(path="after").output == {"text": "Sent Hello Ada"}
    assert (probes.SENT, Sample.objects.get(step_id="send").rehearsed) == ([], False)


def test_of_the_items_of_a_list_the_first_one_is_kept() -> None:
    inside = {"id": "inside", "kind": "text.compose", "with": {"text": "{{ item }}"}}
    workflow = draft([{"id": "each", "kind": "flow.for_each", "with": {"items": ["a", "b"]}, "steps": [inside]}])

    tried(workflow, inputs={"name": "x"})

    assert Sample.objects.get(step_id="inside").output == {"text": "a"}


def test_the_inputs_of_the_last_test_are_those_of_the_next() -> None:
    workflow = draft([GREET])
    tried(workflow, inputs={"name": "Ada"})

    assert tried(workflow).steps.get().output == {"text": "Hello Ada"}
    assert samples.scope_for(workflow, load(workflow.draft), "greet")["inputs"] == {"name": "Ada"}


def test_a_missing_input_is_named_and_nothing_has_happened() -> None:
    with pytest.raises(ValidationError) as refused:
        tried(draft([GREET]), inputs={})

    assert refused.value.message_dict == {"name": ["This is needed."]}
    assert (Run.objects.count(), Version.every.count(), Entry.objects.filter(verb="run.tested").count()) == (0, 0, 0)


def test_only_problems_of_the_tested_steps_are_in_the_way() -> None:
    workflow = draft([GREET, {"id": "broken", "kind": "text.compose", "with": {}}])

    run = tried(workflow, Part(Extent.ONLY, "greet"), inputs={"name": "Ada"})
    with pytest.raises(ValidationError) as refused:
        tried(workflow, inputs={"name": "Ada"})

    assert run.status == "succeeded"
    assert "broken" in refused.value.messages[0]


def test_each_revision_is_kept_once_however_often_it_is_tested() -> None:
    workflow = draft([GREET])

    tried(workflow, inputs={"name": "Ada"})
    tried(workflow, inputs={"name": "Bob"})
    save_draft(workflow, {**workflow.draft, "description": "Changed"}, actor=SYSTEM)
    tried(workflow)

    assert list(Version.every.order_by("number").values_list("number", "part")) == [(1, ""), (2, "")]
    assert publish_workflow(workflow, note="", actor=SYSTEM).number == 1


def test_a_wait_is_not_waited_for() -> None:
    run = tried(draft([{"id": "nap", "kind": "flow.wait", "with": {"for_s": 86_400}}]), inputs={"name": "x"})

    assert (run.status, run.steps.get().inside) == ("succeeded", {"rehearsed": True})


def test_a_question_goes_to_the_one_who_tests_whoever_it_is_meant_for() -> None:
    department = make_department()
    builder, manager = member(department, Role.BUILDER), member(department, Role.MANAGER)
    ask = {
        "id": "ask",
        "kind": "people.approve",
        "with": {"question": "May we?", "role": "manager", "not_the_starter": True},
    }
    workflow = draft([ask], department)

    run = tried(workflow, inputs={"name": "x"}, actor=builder)

    task = run.tasks.get()
    assert (list(tasks_for(builder)), list(tasks_for(manager))) == ([task], [])
    decide_task(task, actor=builder, decision="approve")
    assert carried(run).status == "succeeded"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER])
def test_who_may_not_edit_may_not_test_and_not_write_samples(role: Role) -> None:
    workflow = draft([GREET])
    actor = member(workflow.department, role)

    with pytest.raises(PermissionDenied):
        start_test(workflow, actor=actor)
    with pytest.raises(PermissionDenied):
        samples.pin(workflow, load(workflow.draft).steps[0], {}, actor=actor)
    with pytest.raises(PermissionDenied):
        samples.unpin(workflow, "greet", actor=actor)


def test_an_archived_workflow_is_not_tested() -> None:
    workflow = draft([GREET])
    archive_workflow(workflow, actor=SYSTEM)
    workflow.refresh_from_db()

    with pytest.raises(Conflict):
        start_test(workflow, actor=SYSTEM)


def test_the_ledger_says_who_tested_what() -> None:
    run = tried(draft([GREET]), Part(Extent.ONLY, "greet"), inputs={"name": "Ada"})

    entry = Entry.objects.get(verb="run.tested")
    assert (entry.run_id, entry.detail["part"], entry.detail["sends"]) == (run.pk, "only:greet", False)
