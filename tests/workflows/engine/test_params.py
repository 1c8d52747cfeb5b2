"""Texts and references: typed where they are whole, harmless where they are hostile (case T01)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from workflows.engine import params

SCOPE: dict[str, Any] = {
    "inputs": {"n": 3, "list": ["a", {"k": "é"}], "text": "{{ inputs.n }}", "none": None},
    "steps": {"tone": {"label": "positive", "score": 0.5}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ inputs.n }}", 3),
        ("  {{inputs.list}} ", ["a", {"k": "é"}]),
        ("{{ inputs.list[1].k }}", "é"),
        ("{{ inputs.list.size }}", 2),
        ("{{ inputs.none }}", None),
        ("n={{ inputs.n }}", "n=3"),
        ("{{ inputs.list }}!", 'a{"k": "é"}!'),
        ("{{ steps.tone }}.", '{"label": "positive", "score": 0.5}.'),
        ("{{ inputs.text }}", "{{ inputs.n }}"),
        ("<{{ inputs.text }}>", "<{{ inputs.n }}>"),
        ("{% if inputs.n > 2 %}many{% endif %}", "many"),
        ("{% for x in inputs.list %}{{ forloop.index }}{% endfor %}", "12"),
        ({"a": ["{{ inputs.n }}", 1]}, {"a": [3, 1]}),
    ],
)
def test_a_text_becomes_its_value(text: Any, value: Any) -> None:
    assert params.render(text, SCOPE) == value


HOSTILE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ inputs.__init__.__globals__ }}",
    "{{ inputs.text.__class__ }} ",
    "{{ request.META }}",
    "{{ settings.SECRET_KEY }} ",
    '{% load x %}{% include "/etc/passwd" %}',
    '{% render "x" %}',
    "{% debug %}",
    '{{ "x" | attr: "__class__" }}',
    "{{ inputs.delete() }}",
    '{{ constructor.constructor("return process")() }}',
    "{% for i in (1..1000000000) %}x{% endfor %}",
    "{% for i in (1..100000) %}{% for j in (1..100000) %}x{% endfor %}{% endfor %}",
    "{{ " + "(" * 10_000 + " }}",
    "{{ a" + ".b" * 10_000 + " }}",
    "{% if 1 %}" * 100,
    "{{ inputs.n | divided_by: 0 }}",
    "{% capture x %}" + "y" * 10_000 + "{% endcapture %}{% for i in (1..10000) %}{{ x }}{% endfor %}",
    "{{ inputs.missing }}",
    "{{ 'x' | unknown_filter }}",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_ends_with_a_sentence_and_quickly(text: str) -> None:
    began = time.thread_time()

    with pytest.raises(params.BadText) as refusal:
        params.render(text, SCOPE)

    assert len(str(refusal.value)) < 500
    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    "text", ["${7*7}", "#{7*7}", "<%= 7*7 %>", "{0.__class__}", "%(x)s", "__import__('os')", "9**9**9"]
)
def test_other_languages_remain_text(text: str) -> None:
    assert params.render(text, SCOPE) == text


def test_references_are_found_wherever_they_stand() -> None:
    value = {
        "a": "{{ steps.tone.label }}",
        "b": ["{% for x in inputs.list %}{{ x.y }}{% endfor %}", "{{ inputs.n | plus: steps.tone.score }}"],
    }

    assert params.references(value) == {
        ("steps", "tone", "label"),
        ("inputs", "list"),
        ("inputs", "n"),
        ("steps", "tone", "score"),
    }
