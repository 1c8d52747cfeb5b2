"""An answer keeps to its schema or fails visibly (rule L8; case M12), and is counted and recorded (L9, L14, L16)."""

from __future__ import annotations

import hashlib
import json
import threading
from decimal import Decimal
from typing import Any

import pytest

from connectors.models_gateway.door import ask
from connectors.models_gateway.record import CallRecord
from connectors.models_gateway.request import Clocks, Prices, SchemaSupport
from connectors.sdk import Rejected, Unavailable
from tests.connectors.models_gateway.asking import GOOD, LABEL, question, way_to
from tests.scripted_provider import MODEL, Reply, ScriptedProvider, blocks_in, fails, gives, says

SLOW = Clocks(connect_s=20, first_byte_s=30, idle_s=30, total_s=40)

OFF_FORM = {
    "broken": ('{"label": "positive", ', "it is not JSON"),
    "fenced": (f"```json\n{json.dumps(GOOD)}\n```", "it is not JSON"),
    "prose before it": (f"Here you are: {json.dumps(GOOD)}", "it is not JSON"),
    "prose after it": (f"{json.dumps(GOOD)} I hope this helps!", "it is not JSON"),
    "two objects": (json.dumps(GOOD) * 2, "it is not JSON"),
    "a wrong choice": (json.dumps(GOOD | {"label": "great"}), "label: 'great' is not one of"),
    "an extra name": (json.dumps(GOOD | {"extra": 1}), "Additional properties"),
    "a missing name": (json.dumps({"label": "positive"}), "is a required property"),
    "a wrong type": (json.dumps(GOOD | {"score": "90"}), "score: '90' is not of type 'integer'"),
    "a number too large for its range": (json.dumps(GOOD | {"score": 101}), "score: 101 is greater than the maximum"),
    "a text too long": (json.dumps(GOOD | {"why": "x" * 21}), "why: "),
    "an array": ("[]", "the answer: [] is not of type 'object'"),
    "infinity by overflow": ('{"label": "positive", "score": 1e999, "why": ""}', "1e999 is not a number"),
    "not a number": ('{"label": "positive", "score": NaN, "why": ""}', "NaN is not a number"),
    "a number over 2^63": ('{"label": "positive", "score": 9223372036854775808, "why": ""}', "is not a number"),
    "a number of 5,000 digits": ('{"label": "positive", "score": ' + "9" * 5_000 + ', "why": ""}', "is not a number"),
    "a name twice": ('{"label": "positive", "label": "negative", "score": 1, "why": ""}', "a name occurs twice"),
    "nested deeply": ("[" * 100_000, "it is nested too deeply"),
}


@pytest.mark.parametrize(("text", "problem"), OFF_FORM.values(), ids=OFF_FORM.keys())
def test_an_answer_off_its_form_is_asked_for_once_more_and_then_refused(
    scripted_provider: ScriptedProvider, text: str, problem: str
) -> None:
    calls: list[CallRecord] = []
    scripted_provider.script = [gives(text), gives(text), gives(GOOD)]

    with pytest.raises(Rejected, match="did not keep to its form") as caught:
        ask(question(scripted_provider, schema=LABEL), calls)

    assert scripted_provider.calls == 2
    assert caught.value.code == "off_form"
    assert problem in caught.value.message
    assert problem in calls[0]["problem"]
    assert [call["error"] for call in calls] == ["", "off_form"]


def test_the_repair_call_shows_the_answer_and_what_is_wrong_with_it(scripted_provider: ScriptedProvider) -> None:
    calls: list[CallRecord] = []
    scripted_provider.script = [gives(GOOD | {"label": "great"}), gives(GOOD)]

    answer = ask(question(scripted_provider, schema=LABEL), calls)

    assert (answer.data, answer.repaired) == (GOOD, True)
    asked, again = scripted_provider.requests
    assert again["messages"][:2] == asked["messages"]
    assert again["messages"][2] == {"role": "assistant", "content": json.dumps(GOOD | {"label": "great"})}
    assert "label: 'great' is not one of ['positive', 'neutral', 'negative']." in again["messages"][3]["content"]
    assert again["response_format"] == asked["response_format"]
    assert (answer.tokens_in, answer.tokens_out) == (24, 10)
    assert answer.cost_usd == sum(Decimal(call["cost_usd"]) for call in calls) == Decimal("0.000128")


def test_a_failure_of_the_repair_call_is_told_as_it_is(scripted_provider: ScriptedProvider) -> None:
    calls: list[CallRecord] = []
    scripted_provider.script = [gives("{}"), fails(503)]

    with pytest.raises(Unavailable):
        ask(question(scripted_provider, schema=LABEL), calls)

    assert [call["error"] for call in calls] == ["", "unavailable"]


def test_a_good_answer_takes_one_call_and_leaves_a_whole_record(scripted_provider: ScriptedProvider) -> None:
    calls: list[CallRecord] = []
    scripted_provider.script = [gives(GOOD, usage=(1_000, 200), model="scripted-1-2026-01-01")]

    answer = ask(question(scripted_provider, schema=LABEL, max_tokens=300), calls)

    assert (answer.data, answer.model, answer.repaired) == (GOOD, "scripted-1-2026-01-01", False)
    (call,) = calls
    asked = scripted_provider.requests[0]
    assert call["prompt"] == asked["messages"]
    assert call["parameters"] == {name: value for name, value in asked.items() if name != "messages"}
    sent = json.dumps(asked["messages"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert call["prompt_sha256"] == hashlib.sha256(sent.encode()).hexdigest()
    assert call["latency_s"] >= call["first_byte_s"] > 0
    told = {name: call[name] for name in call if name not in ("prompt", "parameters", "prompt_sha256", "latency_s",
                                                              "first_byte_s")}  # fmt: skip
    assert told == {
        "kind": "model",
        "provider": "Scripted",
        "model_asked": MODEL,
        "instead_of": [],
        "model_answered": "scripted-1-2026-01-01",
        "system_fingerprint": "fp_scripted",
        "removed": {},
        "answer": json.dumps(GOOD),
        "finish_reason": "stop",
        "tokens_in": 1_000,
        "tokens_out": 200,
        "tokens_cached": 0,
        "estimated": False,
        "priced": True,
        "cost_usd": "0.003600",
        "error": "",
        "message": "",
    }
    assert json.loads(json.dumps(call)) == call


def test_tokens_that_nobody_counted_are_estimated_and_marked(scripted_provider: ScriptedProvider) -> None:
    calls: list[CallRecord] = []
    scripted_provider.script = [says("x" * 400, usage=None)]

    answer = ask(question(scripted_provider, blocks={"text": "y" * 4_000}), calls)

    assert calls[0]["estimated"] is True
    assert answer.tokens_out == 100
    assert 1_000 < answer.tokens_in < 1_100
    assert answer.cost_usd == (answer.tokens_in * Decimal("2.00") + 100 * Decimal("8.00")) / 1_000_000


def test_a_model_without_a_price_is_marked_so(scripted_provider: ScriptedProvider) -> None:
    calls: list[CallRecord] = []
    scripted_provider.script = [says("ok")]

    ask(question(scripted_provider, way=way_to(scripted_provider, prices=Prices())), calls)

    assert (calls[0]["priced"], calls[0]["tokens_in"], calls[0]["cost_usd"]) == (False, 12, "0.000000")


@pytest.mark.parametrize(
    ("support", "sent"),
    [
        (SchemaSupport.FULL, {"type": "string", "maxLength": 20}),
        (SchemaSupport.STRICT, {"type": "string", "description": "at most 20 characters"}),
    ],
)
def test_each_server_gets_the_schema_it_can_take(
    scripted_provider: ScriptedProvider, support: SchemaSupport, sent: dict[str, Any]
) -> None:
    scripted_provider.script = [gives(GOOD)]

    ask(question(scripted_provider, way=way_to(scripted_provider, schema_support=support), schema=LABEL), [])

    form = scripted_provider.requests[0]["response_format"]
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)
    assert form["json_schema"]["schema"]["properties"]["why"] == sent


@pytest.mark.parametrize(
    ("support", "form"), [(SchemaSupport.JSON, {"type": "json_object"}), (SchemaSupport.NONE, None)]
)
def test_a_server_that_knows_no_schemas_reads_it_in_the_prompt(
    scripted_provider: ScriptedProvider, support: SchemaSupport, form: dict[str, str] | None
) -> None:
    scripted_provider.script = [gives(GOOD)]

    ask(question(scripted_provider, way=way_to(scripted_provider, schema_support=support), schema=LABEL), [])

    asked = scripted_provider.requests[0]
    assert asked.get("response_format") == form
    assert json.dumps(LABEL) in asked["messages"][0]["content"]


def test_a_model_that_thinks_gets_room_for_it_and_no_temperature(scripted_provider: ScriptedProvider) -> None:
    way = way_to(scripted_provider, thinking_tokens=4_000, effort="low")

    ask(question(scripted_provider, way=way, max_tokens=500), [])

    asked = scripted_provider.requests[0]
    assert (asked["max_completion_tokens"], asked["reasoning_effort"]) == (4_500, "low")
    assert not {"temperature", "max_tokens"} & set(asked)


def test_the_answer_may_fill_no_more_than_the_context_leaves_free(scripted_provider: ScriptedProvider) -> None:
    way = way_to(scripted_provider, context_tokens=1_000)

    ask(question(scripted_provider, way=way, blocks={"text": "y" * 2_000}, max_tokens=900), [])

    assert 350 < scripted_provider.requests[0]["max_tokens"] < 480


def test_what_no_one_sees_is_removed_from_an_answer(scripted_provider: ScriptedProvider) -> None:
    schema = {"type": "object", "properties": {"why": {"type": "string"}}, "required": ["why"]}
    hidden = r'{"why": "a\u0000b\ud800c\u202ed\udb40\udc41e\u200df"}'
    scripted_provider.script = [gives(hidden), says("one\x07two\u2066three\r\nfour")]

    data = ask(question(scripted_provider, schema=schema), []).data
    text = ask(question(scripted_provider), []).text

    assert data == {"why": "abcde\u200df"}
    assert text == "onetwothree\nfour"


def test_what_is_asked_goes_out_in_one_user_message_beside_the_instructions(
    scripted_provider: ScriptedProvider,
) -> None:
    ask(question(scripted_provider, blocks={"text": "We like it.", "about": "Acme"}), [])

    asked = scripted_provider.requests[0]
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert blocks_in(asked) == {"text": "We like it.", "about": "Acme"}
    assert scripted_provider.headers[0]["authorization"].startswith("Bearer sk-scripted")


def test_five_hundred_threads_may_wait_at_the_same_time(scripted_provider: ScriptedProvider) -> None:
    together = 500
    answers: list[str] = []
    all_there = threading.Event()

    def reply(asked: dict[str, Any]) -> Reply:
        if scripted_provider.calls >= together:
            all_there.set()
        assert all_there.wait(20)
        return says("ok")

    scripted_provider.reply = reply
    way = way_to(scripted_provider, SLOW)
    threads = [
        threading.Thread(target=lambda: answers.append(ask(question(scripted_provider, way=way), []).text))
        for _ in range(together)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert answers == ["ok"] * together
