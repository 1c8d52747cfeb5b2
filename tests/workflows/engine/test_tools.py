"""What an AI may fill in for a tool, and what never: receivers, hosts, what nobody has seen (rules L11, L12)."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.definition import load
from workflows.engine.problems import problems
from workflows.engine.tools import NOT_ITS_CHOICE, NOT_UNSEEN
from workflows.runtime.kinds import kinds

POST = {"connection": "desk", "channel": "#press", "text": "{{ call.text }}"}


def step(id: str, kind: str, **given: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "with": given}


def tool(*steps: dict[str, Any], title: str = "Do it", **said: Any) -> dict[str, Any]:
    takes = [{"name": "text"}, {"name": "place"}]
    return {"title": title, "tool": {"about": "Does it.", "takes": takes, **said}, "steps": list(steps)}


def found(*arms: dict[str, Any]) -> list[tuple[str, str, str]]:
    agent = {"id": "work", "kind": "ai.agent", "with": {"instructions": "Work."}, "arms": list(arms)}
    definition = load({"format": 1, "name": "Probe", "steps": [agent]})
    return [(each.step, each.field, each.message) for each in problems(definition, kinds())]


@pytest.mark.parametrize(
    "given",
    [
        {**POST, "channel": "{{ call.place }}"},
        {**POST, "channel": "#team-{{ call.place }}"},
        {**POST, "connection": "{{ call.place }}"},
    ],
)
def test_an_ai_chooses_no_destination(given: dict[str, Any]) -> None:
    ((where, _, why),) = found(tool(step("post", "slack.post", **given), ask=True))
    assert (where, why) == ("post", NOT_ITS_CHOICE)


def test_not_through_another_step_either() -> None:
    copies = step("copy", "data.set", values={"where": "{{ call.place }}"})
    for_each = {**step("each", "flow.for_each", items=["{{ steps.copy.where }}"])}
    for_each["steps"] = [step("post", "slack.post", **{**POST, "channel": "{{ item }}"})]
    loop = step("again", "flow.loop", times=2) | {
        "steps": [step("post", "slack.post", **{**POST, "channel": "{{ steps.copy.where }}"})]
    }
    for inner in (for_each, loop):
        assert ("post", "with.channel", NOT_ITS_CHOICE) in found(tool(copies, inner, ask=True))


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("https://api.example.com/search?q={{ call.text }}", False),
        ("https://api.example.com?q={{ call.text }}", False),
        ("/articles/{{ call.text }}", False),
        ("https://{{ call.place }}/articles", True),
        ("https://api.example.com{{ call.place }}/", True),
        ("https://api.example.com.{{ call.place }}", True),
        ("//{{ call.place }}", True),
        ("{{ call.place }}", True),
    ],
)
def test_of_an_address_the_beginning_is_fixed(url: str, is_open: bool) -> None:
    assert (("read", "with.url", NOT_ITS_CHOICE) in found(tool(step("read", "http.request", url=url)))) is is_open


def test_what_an_ai_has_filled_in_is_seen_before_it_leaves() -> None:
    post = step("post", "slack.post", **POST)
    asks = step("ok", "people.approve", question="May this be posted?", sends="post")
    assert found(tool(post)) == [("post", "with", NOT_UNSEEN)]
    assert found(tool(post, ask=True)) == []
    assert found(tool(asks, post)) == []


def test_a_person_who_sees_to_the_letter_what_leaves_may_let_it_go_anywhere() -> None:
    post = step("post", "slack.post", **{**POST, "channel": "{{ call.place }}"})
    asks = step("ok", "people.approve", question="Post it there?", sends="post", show={"Where": "{{ call.place }}"})
    assert found(tool(asks, post)) == []


def test_what_is_no_tool_yet_is_said_at_its_place() -> None:
    assert [(where, field) for where, field, _ in found()] == [("work", "arms")]
    bare = {"title": "", "steps": []}
    fields = [field for _, field, _ in found(bare)]
    assert fields == ["arms.0.title", "arms.0.tool.about", "arms.0.steps"]


def test_what_the_ai_does_not_fill_in_is_named() -> None:
    ((where, _, why),) = found(tool(step("say", "text.compose", text="{{ call.other }}")))
    assert (where, why) == ("say", "The AI fills in no “other” for this tool; it fills in place, text.")


def test_what_a_tool_gives_refers_to_its_own_steps() -> None:
    say = step("say", "text.compose", text="{{ call.text }}")
    assert found(tool(say, gives="{{ steps.say.text }}")) == []
    ((where, field, _),) = found(tool(say, gives="{{ steps.nobody.text }}"))
    assert (where, field) == ("work", "arms.0.tool.gives")


def test_only_an_agent_has_tools() -> None:
    arm = tool(step("say", "text.compose", text="x"))
    parallel = {"id": "both", "kind": "flow.parallel", "arms": [arm]}
    definition = load({"format": 1, "name": "Probe", "steps": [parallel]})
    assert [each.field for each in problems(definition, kinds())] == ["arms.0.tool"]


def test_an_agent_inside_a_tool_is_looked_at_by_itself() -> None:
    inner = {"id": "inner", "kind": "ai.agent", "with": {"instructions": "Look for {{ call.text }}."}}
    takes = [{"name": "query"}]
    said = {"about": "Looks.", "takes": takes}
    inner["arms"] = [{"title": "Look", "tool": said, "steps": [step("say", "text.compose", text="{{ call.query }}")]}]
    assert found(tool(inner)) == []


def test_nor_through_what_comes_about_inside_of_another_step() -> None:
    copy = step("copy", "data.set", values={"where": "{{ call.place }}"})
    inside = step("each", "flow.for_each", items=[1]) | {"steps": [copy]}
    given = step("each", "flow.for_each", items=[1]) | {"steps": [step("x", "data.set", values={"a": 1})]}
    given["output"] = "{{ call.place }}"
    for each, where in ((inside, "{{ steps.each.results.0.where }}"), (given, "{{ steps.each.results.0 }}")):
        assert found(tool(each, step("post", "slack.post", **{**POST, "channel": where}), ask=True)) == [
            ("post", "with.channel", NOT_ITS_CHOICE)
        ]


def test_nor_through_the_tools_of_an_agent_inside() -> None:
    copy = step("copy", "data.set", values={"where": "{{ call.place }}"})
    post = step("post", "slack.post", **{**POST, "channel": "{{ steps.copy.where }}"})
    inner = step("inner", "ai.agent", instructions="Look.") | {"arms": [tool(post, ask=True)]}
    assert ("post", "with.channel", NOT_ITS_CHOICE) in found(tool(copy, inner, ask=True))


def test_another_workflow_may_send_it_so_that_somebody_sees_it_before() -> None:
    other = step("other", "flow.workflow", workflow="mailing", inputs={"to": "{{ call.place }}"})
    assert found(tool(other)) == [("other", "with", NOT_UNSEEN)]
    assert found(tool(other, ask=True)) == []


@pytest.mark.parametrize("way", ["branch", "attempt", "goes on"])
def test_a_question_that_may_be_left_out_decides_nothing(way: str) -> None:
    asks = step("ok", "people.approve", question="Post it there?", sends="post")
    when = {"value": "{{ call.text }}", "is": "equals", "to": "x"}
    ways = {
        "branch": step("way", "flow.branch") | {"cases": [{"when": when, "steps": [asks]}]},
        "attempt": step("way", "flow.attempt") | {"steps": [asks], "rescue": [step("x", "data.set", values={"a": 1})]},
        "goes on": asks | {"on_error": "continue"},
    }
    post = step("post", "slack.post", **{**POST, "channel": "{{ call.place }}"})
    assert ("post", "with.channel", NOT_ITS_CHOICE) in found(tool(ways[way], post, ask=True))


def test_what_an_ai_inside_a_tool_says_is_an_ais_choice_whatever_it_has_read() -> None:
    finds = step("find", "ai.write", instructions="Name the channel.")
    post = step("post", "slack.post", connection="desk", channel="{{ steps.find.text }}", text="x")
    assert ("post", "with.channel", NOT_ITS_CHOICE) in found(tool(finds, post, ask=True))
