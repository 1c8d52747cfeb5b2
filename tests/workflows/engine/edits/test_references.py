"""References follow names, wherever they stand, and nothing else is touched."""

from __future__ import annotations

import pytest

from tests.workflows.engine.edits.drawing import after, branch, each, loaded, say
from workflows.engine.definition import dump
from workflows.engine.edits import rewritten

RENAMED = {("steps", "old"): "new"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{{ steps.old.text }}", "{{ steps.new.text }}"),
        ("{{steps.old}}", "{{steps.new}}"),
        ("a {{ steps.old.x | default: steps.old.y }}", "a {{ steps.new.x | default: steps.new.y }}"),
        ("{{ steps['old'].x }} {{ steps[\"old\"][0] }}", "{{ steps['new'].x }} {{ steps[\"new\"][0] }}"),
        ("{{ ['steps']['old'].x }}!", "{{ ['steps']['new'].x }}!"),
        ("- {{ steps . old . x }}", "- {{ steps . new . x }}"),
        ("{% if steps.old.x == 'steps.old' %}y{% endif %}", "{% if steps.new.x == 'steps.old' %}y{% endif %}"),
        (
            "{% for a in steps.old.items %}{{ a.steps.old }}{% endfor %}",
            "{% for a in steps.new.items %}{{ a.steps.old }}{% endfor %}",
        ),
        ("{{ list[steps.old.n] }} .", "{{ list[steps.new.n] }} ."),
        ("{% assign steps = 1 %}{{ steps.old }}", "{% assign steps = 1 %}{{ steps.old }}"),
        ("{% raw %}{{ steps.old }}{% endraw %}", "{% raw %}{{ steps.old }}{% endraw %}"),
        ("{% comment %}{{ steps.old }}{% endcomment %}", "{% comment %}{{ steps.old }}{% endcomment %}"),
        ("steps.old is a text", "steps.old is a text"),
        (
            "{{ steps.older.x }} {{ steps.old-er }} {{ inputs.old }}",
            "{{ steps.older.x }} {{ steps.old-er }} {{ inputs.old }}",
        ),
        ("{{ x.steps.old }}", "{{ x.steps.old }}"),
        ("{{ steps.old.steps.old }}", "{{ steps.new.steps.old }}"),
        ("broken {{ steps.old.x } and {{ steps.old", "broken {{ steps.new.x } and {{ steps.new"),
        ("ünïcödé 🙂 \u202e{{ steps.old.x }}", "ünïcödé 🙂 \u202e{{ steps.new.x }}"),
        ("{%- liquid\n assign q = steps.old.x\n echo q -%}", "{%- liquid\n assign q = steps.new.x\n echo q -%}"),
    ],
)
def test_a_text_follows_a_rename_and_nothing_else_changes(text: str, wanted: str) -> None:
    assert rewritten(text, RENAMED) == wanted


def test_names_that_change_places_do_not_run_into_each_other() -> None:
    swapped = {("steps", "a"): "b", ("steps", "b"): "a"}

    assert rewritten("{{ steps.a.x }} {{ steps.b.x }}", swapped) == "{{ steps.b.x }} {{ steps.a.x }}"


def test_renaming_a_step_reaches_every_place_of_the_workflow() -> None:
    ref = "{{ steps.old.text }}"
    row = {"value": ref, "is": "equal", "to": ref}
    route = branch("route", [say("x", ref)], otherwise=[each("each", say("y", ref), items=ref)])
    route["cases"][0]["when"] = {"all": [row]}
    collected = {**each("more", say("z")), "output": {"got": ref}}
    definition = loaded(say("old"), say("w", ref, when=row), route, collected, output={"deep": [{"at": ref}]})

    made = after(definition, {"do": "rename", "step": "old", "id": "new"})

    assert str(dump(made)) == str(dump(definition)).replace("steps.old", "steps.new").replace(
        "'id': 'old'", "'id': 'new'"
    )


def test_renaming_an_input_reaches_every_place_and_keeps_the_order() -> None:
    definition = loaded(say("a", "{{ inputs.b }}"), inputs={"a": {}, "b": {}, "c": {}}, output={"r": "{{ inputs.b }}"})

    made = after(definition, {"do": "rename_input", "name": "b", "to": "article"})

    assert list(made.inputs) == ["a", "article", "c"]
    assert (made.steps[0].given["text"], made.output["r"]) == ("{{ inputs.article }}", "{{ inputs.article }}")


def test_what_a_loop_calls_its_item_is_followed_inside_it_only() -> None:
    inner = each("inner", say("deep", "{{ item.y }}"), items="{{ item.list }}")
    definition = loaded(each("outer", say("a", "{{ item.x }}"), inner), say("after", "{{ item.x }}"))

    made = after(definition, {"do": "change", "step": "outer", "field": "with.as", "value": "article"})

    outer = dump(made)["steps"][0]["steps"]
    assert outer[0]["with"]["text"] == "{{ article.x }}"
    assert outer[1]["with"]["items"] == "{{ article.list }}"
    assert outer[1]["steps"][0]["with"]["text"] == "{{ item.y }}"
    assert dump(made)["steps"][1]["with"]["text"] == "{{ item.x }}"
