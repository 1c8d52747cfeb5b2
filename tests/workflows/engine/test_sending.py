"""Which sending a question may decide, and what its name follows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.engine.edits.drawing import KINDS, after, branch, each, loaded, say
from workflows.engine.cutting import Extent, Part, cut
from workflows.engine.definition import Definition
from workflows.engine.problems import problems
from workflows.engine.saved import as_here, content_of, kinship
from workflows.engine.sending import sending_steps


def ask(id: str = "ask", sends: str = "send", **given: Any) -> dict[str, Any]:
    return {"id": id, "kind": "people.approve", "with": {"question": "May it go?", "sends": sends, **given}}


def send(id: str = "send", body: str = "Hello", method: str = "POST") -> dict[str, Any]:
    given = {"method": method, "url": "https://press.example/in", "body": body}
    return {"id": id, "kind": "http.request", "title": f"Send {id}", "with": given}


def offered(definition: Definition) -> list[str]:
    return [node.id for node in sending_steps(definition, "ask", KINDS)]


def said(definition: Definition) -> list[str]:
    return [each.message for each in problems(definition, KINDS) if each.field == "with.sends"]


def test_what_others_would_see_after_the_question_is_offered_here_and_around():
    inner = branch("way", [ask(), say("text"), send("inside")])
    definition = loaded(send("before"), inner, send("look", method="GET"), send("outside"))

    assert offered(definition) == ["inside", "outside"]


def test_from_a_round_of_its_own_nothing_outside_is_offered():
    assert offered(loaded(each("all", ask(), send("inside")), send("outside"))) == ["inside"]


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ([ask(), send()], []),
        ([ask()], ['There is no step "send" that could send. Choose what will be sent.']),
        ([ask(), send(method="GET")], ["“Send send” sends nothing that others would see. Choose a step that does."]),
        (
            [send(), ask()],
            ["“Send send” does not come after this question, so this cannot decide what it sends."],
        ),
        (
            [say("first"), ask(), say("later"), send(body="{{ steps.first.text }} {{ steps.later.text }}")],
            [
                "What “Send send” will send cannot be shown here: it refers to steps.later.text, which comes about "
                "after this question. Move the question, or choose nothing."
            ],
        ),
        ([say("first"), ask(), send(body="{{ steps.first.text }} {{ steps.ask.by }}")], []),
    ],
)
def test_a_sending_that_cannot_be_decided_here_is_a_problem(steps: list[dict[str, Any]], wanted: list[str]):
    assert said(loaded(*steps)) == wanted


def test_a_sending_follows_when_its_step_gets_another_name():
    definition = after(loaded(ask(), send()), {"do": "rename", "step": "send", "id": "mail"})

    assert definition.steps[0].given["sends"] == "mail"
    assert said(definition) == []


def test_copies_of_both_point_at_each_other_and_a_copy_of_the_question_alone_at_the_old_one():
    definition = loaded(ask(), send())
    nodes = [node.model_dump(by_alias=True, exclude_defaults=True) for node in definition.steps]

    both = after(definition, {"do": "paste", "nodes": nodes})
    alone = after(definition, {"do": "duplicate", "step": "ask"})

    assert [(node.id, node.given.get("sends")) for node in both.steps[2:]] == [("ask_2", "send_2"), ("send_2", None)]
    assert alone.steps[1].given["sends"] == "send"


def test_the_library_keeps_a_sending_inside_and_forgets_one_that_stands_elsewhere():
    definition = loaded(ask(), send())

    both, alone = content_of(definition.steps), content_of(definition.steps[:1])
    assert both[0]["with"]["sends"] == "send"
    assert "sends" not in alone[0]["with"]

    here = after(loaded(ask("ask", "mail"), send("mail")), {"do": "rename", "step": "ask", "id": "may_it"}).steps
    fitted = as_here(definition.steps, kinship(definition.steps, here))
    assert (fitted[0].id, fitted[0].given["sends"]) == ("may_it", "mail")


def test_a_part_that_is_tested_without_the_sending_step_decides_nothing():
    definition = loaded(ask(), send())

    assert "sends" not in cut(definition, Part(Extent.ONLY, "ask"), KINDS).steps[0].given
    assert cut(definition, Part(Extent.FROM, "ask"), KINDS).steps[0].given["sends"] == "send"
    assert definition.steps[0].given["sends"] == "send"


def test_a_person_instead_is_no_way_out_for_what_nobody_can_give_by_hand():
    definition = loaded({**ask(sends=""), "on_error": "ask"}, {**say("text"), "on_error": "ask"})

    assert [(each.step, each.field) for each in problems(definition, KINDS)] == [("ask", "on_error")]


@pytest.mark.parametrize(
    ("given", "place", "why"),
    [
        ({"person": "ada@x.example", "needs": 2}, "with.needs", "2 have to agree, but only 1 is named."),
        (
            {"people": [{"person": "a@x.example"}, {"person": "b@x.example"}], "needs": 3},
            "with.needs",
            "3 have to agree, but only 2 are named.",
        ),
        (
            {"then": [{"person": "a@x.example", "needs": 2}]},
            "with.then.0.needs",
            "2 have to agree, but only 1 is named.",
        ),
    ],
)
def test_more_voices_than_people_are_a_problem(given: dict[str, Any], place: str, why: str):
    found = problems(loaded(ask(sends="", **given)), KINDS)

    assert [(each.field, each.message) for each in found] == [(place, why)]
