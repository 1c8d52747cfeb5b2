"""Runs from start to end, on real rows."""

from __future__ import annotations

import pytest

from tests.workflows.runtime.harness import carried, done, published, run_of, statuses

pytestmark = pytest.mark.django_db(transaction=True)


def say(id: str, text: str, **rest: object) -> dict[str, object]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}, **rest}


def test_a_chain_hands_its_values_on() -> None:
    run = done(
        [say("one", "Hello {{ inputs.name }}"), say("two", "{{ steps.one.text }}!")],
        inputs={"name": {"type": "text"}},
        given={"name": "Ada"},
        output={"greeting": "{{ steps.two.text }}"},
    )

    assert (run.status, run.output) == ("succeeded", {"greeting": "Hello Ada!"})
    assert statuses(run) == {"one": "succeeded", "two": "succeeded"}


def test_a_branch_takes_the_first_case_that_is_true_and_skipped_steps_read_as_empty() -> None:
    run = done(
        [
            say("tone", "negative"),
            {
                "id": "route",
                "kind": "flow.branch",
                "cases": [
                    {
                        "when": {"value": "{{ steps.tone.text }}", "is": "equal", "to": "positive"},
                        "steps": [say("a", "A")],
                    },
                    {
                        "when": {"value": "{{ steps.tone.text }}", "is": "equal", "to": "Negative"},
                        "steps": [say("b", "B")],
                    },
                ],
                "otherwise": [say("c", "C")],
            },
        ],
        output={"a": "{{ steps.a.text }}", "b": "{{ steps.b.text }}", "taken": "{{ steps.route.taken }}"},
    )

    assert run.output == {"a": None, "b": "B", "taken": "case 2"}


def test_a_step_that_is_off_is_skipped_with_what_it_holds_and_reads_as_empty() -> None:
    run = done(
        [
            say("one", "1", off=True),
            {"id": "twice", "kind": "flow.loop", "with": {"times": 2}, "off": True, "steps": [say("inner", "2")]},
            say("last", "[{{ steps.one.text }}{{ steps.inner.text }}]"),
        ],
        output={"last": "{{ steps.last.text }}", "one": "{{ steps.one.text }}"},
    )

    assert (run.status, run.output) == ("succeeded", {"last": "[]", "one": None})
    assert statuses(run) == {"one": "skipped", "twice": "skipped", "last": "succeeded"}


def test_items_become_runs_of_their_own_and_their_results_keep_their_order() -> None:
    run = done(
        [
            say("before", "!"),
            {
                "id": "each",
                "kind": "flow.for_each",
                "with": {"items": "{{ inputs.names }}", "as": "name", "concurrency": 2},
                "steps": [say("hi", "{{ item_number }} {{ name }} {{ steps.before.text }}")],
                "output": {"said": "{{ steps.hi.text }}"},
            },
        ],
        inputs={"names": {"type": "list"}},
        given={"names": ["a", "b", "c", "d", "e"]},
        output={"all": "{{ steps.each.results }}", "count": "{{ steps.each.count }}"},
    )

    assert run.output == {"all": [{"said": f"{n} {c} !"} for n, c in enumerate("abcde", 1)], "count": 5}
    assert run.child_runs.count() == 5


def test_a_loop_repeats_until_its_condition_holds() -> None:
    run = done(
        [
            {
                "id": "again",
                "kind": "flow.loop",
                "with": {"times": 9, "until": {"value": "{{ steps.n.text }}", "is": "equal", "to": "round 3"}},
                "steps": [say("n", "round {{ round }}")],
            }
        ],
        output={
            "rounds": "{{ steps.again.rounds }}",
            "reached": "{{ steps.again.reached }}",
            "last": "{{ steps.n.text }}",
        },
    )

    assert run.output == {"rounds": 3, "reached": True, "last": "round 3"}


def test_an_attempt_rescues_what_fails_inside() -> None:
    run = done(
        [
            {
                "id": "try",
                "kind": "flow.attempt",
                "steps": [
                    {
                        "id": "bad",
                        "kind": "data.list",
                        "with": {"operation": "limit", "items": "{{ inputs.x }}", "limit": 3},
                    }
                ],
                "rescue": [say("plan_b", "{{ failure.failed_step }}")],
            }
        ],
        inputs={"x": {"type": "text"}},
        given={"x": "not a list"},
        output={"b": "{{ steps.plan_b.text }}", "rescued": "{{ steps.try.rescued }}"},
    )

    assert (run.status, run.error) == ("succeeded", None)
    assert run.output == {"b": "bad", "rescued": True}


def test_parallel_arms_all_run() -> None:
    run = done(
        [{"id": "both", "kind": "flow.parallel", "arms": [{"steps": [say("a", "A")]}, {"steps": [say("b", "B")]}]}],
        output={"ab": "{{ steps.a.text }}{{ steps.b.text }}"},
    )

    assert run.output == {"ab": "AB"}


def test_stop_ends_the_whole_run_from_inside() -> None:
    run = done(
        [
            {
                "id": "both",
                "kind": "flow.parallel",
                "arms": [{"steps": [{"id": "end", "kind": "flow.stop", "with": {"message": "enough"}}]}],
            },
            say("never", "x"),
        ]
    )

    assert run.status == "succeeded"
    assert "never" not in statuses(run)


def test_a_workflow_calls_another_of_its_department() -> None:
    inner = published(
        [say("x", "<{{ inputs.a }}>")], name="Inner", inputs={"a": {"type": "text"}}, output={"r": "{{ steps.x.text }}"}
    )
    outer = published(
        [{"id": "go", "kind": "flow.workflow", "with": {"workflow": "inner", "inputs": {"a": "q"}}}],
        inner.department,
        name="Outer",
        output={"r": "{{ steps.go.output.r }}"},
    )

    run = carried(run_of(outer))

    assert run.output == {"r": "<q>"}


def test_the_journal_is_dense_and_tells_each_step_once() -> None:
    run = done([say("one", "1"), say("two", "2")])

    entries = list(run.journal.values_list("seq", "event", "path"))
    assert entries == [
        (1, "run.accepted", ""),
        (2, "run.began", ""),
        (3, "step.succeeded", "one"),
        (4, "step.succeeded", "two"),
        (5, "run.succeeded", ""),
    ]


def test_values_keep_the_order_in_which_they_were_written() -> None:
    names = ["zebra", "a", "middle", "bb"]
    run = done(
        [{"id": "set", "kind": "data.set", "with": {"values": {name: name for name in names}}}],
        inputs={name: {"type": "text"} for name in names},
        given=dict.fromkeys(names, "x"),
        output={name: f"{{{{ steps.set.{name} }}}}" for name in names},
    )

    run = type(run).objects.select_related("version", "workflow").get(pk=run.pk)
    assert [list(run.inputs), list(run.output), list(run.version.definition["inputs"])] == [names] * 3
    assert list(run.steps.get().output) == names
    assert list(run.workflow.draft["output"]) == names


def test_a_run_is_settled_when_only_people_can_carry_it_on_in_its_items_too() -> None:
    ask = {"id": "ask", "kind": "people.approve", "with": {"question": "{{ item }}?"}}
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": ["a", "b"], "concurrency": 1}, "steps": [ask]}

    run = done([each])

    assert (run.status, run.status_is_settled) == ("running", True)
    assert not done([{"id": "nap", "kind": "flow.wait", "with": {"for_s": 60}}]).status_is_settled
